"""Answers against the truth: how far off, on known and on novel images, and at which gate novelty is seen.

**Balance.** BMHD and balanced accuracy of novel images give every *target node* the same weight, and within a target
every true class (or kind of far image). So a root that collects hundreds of far images counts no more than a meta-class
that collects twelve, and within the root a held-out subtree is not drowned by far images. For known images targets are
classes, and this is the usual balance over classes. `bmhd_leaf`, `bmhd_subtree` and `bmhd_far` tell the kinds apart.

**AUROC per kind of node.** The score of gate u is log P(stop at u | the image is under u), read off the stop
distribution; a method without one is judged by its single score. `auroc_novel_child`: images of held-out children of u
against known test images under u, mean over the nodes u that have any. `auroc_other`: images whose target is the root
against all known test images.

**Promise.** `known_rejected` is the share of known test images called novel under the promise, each image counting the
same; it is `promise_kept` when that is at most α plus two standard errors, of the test images and of the calibration
images (whose luck has variance α(1 − α)/(n + 2), that of a Beta distribution, Vovk, *Conditional Validity of Inductive
Conformal Predictors*, ACML 2012, arXiv:1209.2673). `known_unanswered` counts every known image
answered with an internal node: where a rule also backs off ("one of these, unclear which"), it is larger, and distances
on novel images must be read beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from experiments.hold_out.answers import Answers
from experiments.hold_out.division import NOVEL
from hierclf.metrics import (
    Ancestry,
    Curve,
    auroc,
    hop_distance,
    known_novel_area,
    lowest_common_ancestor,
    mix,
    novel_accuracy_at_known,
    stop_curve,
)
from hierclf.metrics.distance import class_mean

# B images, K known images, N nodes, P pairs (target, class)

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

STEPS = 100
"""Biases at which the known-novel curve of a method with a knob of its own is measured."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What is true of B tested images.

    Args:
        target_B: node ids of where they belong, int64.
        class_B: one number per true class or kind of far image, int64.
        places: where the parts ``test``, ``leaf``, ``subtree``, ``far`` lie; those without images are absent.
        ancestry: the tables of the known taxonomy.
        alpha: the promised share.
        calibrated_on: number of known images that thresholds were set on.
    """

    target_B: Ints
    class_B: Ints
    places: dict[str, slice]
    ancestry: Ancestry
    alpha: float
    calibrated_on: int


def judge_answers(answers: Answers, truth: Truth) -> dict[str, float | int | None]:
    """All metrics of one method by name; what is undefined is None."""
    known = truth.places["test"]
    metrics: dict[str, float | int | None] = {}
    for point, decided_B in (("promise", answers.promised_B), ("natural", answers.natural_B)):
        told = _at_one_point(decided_B, truth)
        metrics |= {f"{name}_{point}": value for name, value in told.items()}
    rejected = float(answers.rejected_B[known].mean())
    chance = rejected * (1 - rejected) / (known.stop - known.start)
    chance += truth.alpha * (1 - truth.alpha) / (truth.calibrated_on + 2)
    error = float(np.sqrt(chance))
    metrics |= {
        "alpha": truth.alpha,
        "known_rejected": rejected,
        "promise_kept": int(rejected <= truth.alpha + 2 * error),
        **_gates(answers, truth),
    }
    curve = known_novel(answers, truth)
    metrics["known_novel_area"] = known_novel_area(curve)
    metrics["novel_accuracy_at_half_known"] = novel_accuracy_at_known(curve) if len(curve.x_T) else float("nan")
    return {name: None if value is None or np.isnan(value) else value for name, value in metrics.items()}


def nested_mean(value_B: Floats, target_B: Ints, class_B: Ints) -> float:
    """The mean over targets of the mean over their classes of the mean over their images; NaN without images.

    >>> nested_mean(np.array([0.0, 0.0, 1.0, 4.0]), np.array([0, 0, 0, 5]), np.array([1, 1, 2, 3]))
    2.25
    """
    if len(target_B) == 0:
        return float("nan")
    pair_PB, pair_B = np.unique(np.stack([target_B, class_B]), axis=1, return_inverse=True)
    pair_B = pair_B.ravel()
    value_P = np.bincount(pair_B, weights=value_B) / np.bincount(pair_B)
    return class_mean(value_P, pair_PB[0])


def known_novel(answers: Answers, truth: Truth) -> Curve:
    """Accuracy on the known and on the novel as novel answers get an ever larger bias, each image counting the same.

    Exact where the likeliest node of a stop distribution is the answer; otherwise at `STEPS` biases, spread as the
    images' critical ones are. Empty where a method has one point only, or nothing is novel.
    """
    novel_B = np.ones(len(truth.target_B), dtype=np.bool_)
    novel_B[truth.places["test"]] = False
    if answers.decide is None and answers.stop_log_probs_BN is not None:
        return stop_curve(answers.stop_log_probs_BN, truth.target_B, novel_B, truth.ancestry)
    if answers.decide is None or not novel_B.any():
        return Curve(np.empty(0), np.empty(0))
    critical_B = -answers.unknown_B[np.isfinite(answers.unknown_B)]
    inner = np.quantile(critical_B, np.linspace(0, 1, STEPS)) if len(critical_B) else np.zeros(1)
    points = []
    for bias in (-np.inf, *np.unique(inner).tolist(), np.inf):
        right_B = answers.decide(bias) == truth.target_B
        points.append((right_B[~novel_B].mean(), right_B[novel_B].mean()))
    return Curve(*np.array(points, dtype=np.float64).T)


def _at_one_point(decided_B: Ints, truth: Truth) -> dict[str, float]:
    hops_B = hop_distance(decided_B, truth.target_B, truth.ancestry).astype(np.float64)
    right_B = (decided_B == truth.target_B).astype(np.float64)
    as_leaf_B = (truth.ancestry.height_N[decided_B] == 0).astype(np.float64)
    known = truth.places["test"]
    novel = slice(known.stop, len(decided_B))

    def balanced(value_B: Floats, part: slice) -> float:
        return nested_mean(value_B[part], truth.target_B[part], truth.class_B[part])

    told = {
        "bmhd_known": balanced(hops_B, known),
        "bmhd_novel": balanced(hops_B, novel),
        "accuracy_known": balanced(right_B, known),
        "accuracy_novel": balanced(right_B, novel),
    }
    told["known_unanswered"] = float(1 - as_leaf_B[known].mean())
    told["bmhd_mix"] = mix(told["bmhd_known"], told["bmhd_novel"])
    told["accuracy_mix"] = mix(told["accuracy_known"], told["accuracy_novel"])
    for kind in NOVEL:
        part = truth.places.get(kind, slice(0, 0))
        told[f"bmhd_{kind}"] = balanced(hops_B, part)
        told[f"accepted_{kind}"] = balanced(as_leaf_B, part)
    return told


def child_gates(answers: Answers, truth: Truth) -> dict[int, float]:
    """AUROC at each node with held-out children, by node id: their images against known test images under the node."""
    known, leaf = truth.places["test"], truth.places.get("leaf", slice(0, 0))
    target_K, target_U = truth.target_B[known], truth.target_B[leaf]
    found: dict[int, float] = {}
    for node in np.unique(target_U).tolist():
        below_K = lowest_common_ancestor(target_K, np.full(len(target_K), node), truth.ancestry) == node
        score_B = _gate_score(answers, node, truth)
        found[node] = auroc(score_B[known][below_K], score_B[leaf][target_U == node])
    return found


def _gates(answers: Answers, truth: Truth) -> dict[str, float]:
    """AUROC at the root and, as a mean, at the nodes with held-out children."""
    known = truth.places["test"]
    novel = slice(known.stop, len(truth.target_B))
    per_node = [value for value in child_gates(answers, truth).values() if not np.isnan(value)]
    score_B = _gate_score(answers, 0, truth)
    at_root = score_B[novel][truth.target_B[novel] == 0]
    return {
        "auroc_novel_child": float(np.mean(per_node)) if per_node else float("nan"),
        "auroc_other": auroc(score_B[known], at_root),
        "auroc_novel": auroc(answers.unknown_B[known], answers.unknown_B[novel]),
    }


def _gate_score(answers: Answers, node: int, truth: Truth) -> Floats:
    """How novel each image looks to the gate of a node, shape ``(B,)``."""
    if answers.stop_log_probs_BN is None:
        return answers.unknown_B
    below_N = (truth.ancestry.ancestor_NK == node).any(axis=1)
    stops_BN = answers.stop_log_probs_BN
    reached_B = np.logaddexp.reduce(stops_BN[:, below_N], axis=1)
    score_B: Floats = np.where(
        np.isneginf(reached_B), 0.0, stops_BN[:, node] - np.where(np.isneginf(reached_B), 0.0, reached_B)
    )
    return score_B
