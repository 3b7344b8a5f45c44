"""Every number of a report at once: what a model decided about a set of images, against the truth.

A model and its baseline go through the same function, so their columns can be compared. Three kinds of numbers stand
beside each other: how good the classifier is with the gate left aside (the best leaf), how good the decisions are (the
gate and early stops included), and how well the score tells known from other at any threshold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hierclf.metrics.ancestry import Ancestry, Bools, Floats, Ints, lowest_common_ancestor
from hierclf.metrics.distance import balanced_distance
from hierclf.metrics.hierarchical import hierarchical_scores
from hierclf.metrics.information import area, information_scores, operating_curve
from hierclf.metrics.levels import level_accuracy, level_scores
from hierclf.metrics.novelty import novelty_scores, stop_curve
from hierclf.metrics.open_set import (
    Curve,
    aupr_known,
    aupr_other,
    auroc,
    correct_at_unknown_accepted,
    known_novel_area,
    known_rejected_at_unknown,
    oscr_curve,
    roc_curve,
    unknown_accepted_at_known,
)
from hierclf.metrics.ranking import best_leaves
from hierclf.metrics.selective import coverage, hierarchical_aurc, risk
from hierclf.metrics.severity import hierarchical_distance, mistake_severity

# B images, N nodes, C best leaves, K known images, U images of other, V images new below a node

Metric: TypeAlias = float | int | list[float | None] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a model said about images whose truth is known; unreadable images are left out beforehand.

    Args:
        truth_B: where each image belongs: the node of its label, the node that it is new below, -1 for images of other.
        node_log_probs_BN: log memberships given that the image is known.
        unknown_score_B: grows with unknown-ness.
        decided_B: the decided node's id; the root where nothing is said: turned away there, or uncertain.
        status_B: ``known``, ``ambiguous``, ``novel_child``, ``other`` or ``uncertain``, as in `hierclf.decisions`.
        novel_B: which images are of a class that the model does not know, below a node that it knows; None: no image.
        stop_log_probs_BN: log-probability to stop at each node; None where the model has none.
        leaf_B: the leaf that each image is taken for, where that need not be the likeliest; None: the likeliest.
    """

    truth_B: Ints
    node_log_probs_BN: Floats
    unknown_score_B: Floats
    decided_B: Ints
    status_B: npt.NDArray[np.str_]
    novel_B: Bools | None = None
    stop_log_probs_BN: Floats | None = None
    leaf_B: Ints | None = None

    @property
    def new_B(self) -> Bools:
        """Which images are new below the node where they belong."""
        return np.zeros(len(self.truth_B), dtype=np.bool_) if self.novel_B is None else self.novel_B

    @property
    def known_B(self) -> Bools:
        """Which images are of the taxonomy's own classes and meta-classes."""
        known_B: Bools = (self.truth_B >= 0) & ~self.new_B
        return known_B

    @property
    def other_B(self) -> Bools:
        """Which images are none of the classes, and below no node but the root."""
        other_B: Bools = self.truth_B < 0
        return other_B

    @property
    def rejected_B(self) -> Bools:
        """Which images were turned away: as other, or as a novel child of a node."""
        return np.isin(self.status_B, ("other", "novel_child"))

    @property
    def uncertain_B(self) -> Bools:
        """Which images were neither turned away nor answered."""
        uncertain_B: Bools = self.status_B == "uncertain"
        return uncertain_B

    @property
    def accepted_B(self) -> Bools:
        """Which images were answered with a class or a meta-class that is known."""
        accepted_B: Bools = ~self.rejected_B & ~self.uncertain_B
        return accepted_B


@dataclass(frozen=True, kw_only=True, eq=False)
class Summary:
    """All metrics by name, undefined ones None, and the curves that some of them summarise.

    Args:
        metrics: see `MEASURES` for each name in plain words.
        curves: ``"roc"`` share of known (x) and of other (y) turned away; ``"oscr"`` share of other accepted (x), of
            known accepted and classified rightly (y); ``"operating"`` coverage (x), share correct (y).
    """

    metrics: dict[str, Metric]
    curves: dict[str, Curve]


def summarise(outcome: Outcome, ancestry: Ancestry) -> Summary:
    """Compute every metric; see `MEASURES` for what each one says."""
    known_B = outcome.known_B
    truth_K = outcome.truth_B[known_B]
    log_probs_KN = outcome.node_log_probs_BN[known_B]
    known_K, other_U = outcome.unknown_score_B[known_B], outcome.unknown_score_B[outcome.other_B]
    routed_K = None if outcome.leaf_B is None else outcome.leaf_B[known_B]
    best_KC = best_leaves(log_probs_KN, ancestry, 5)
    best_KC = best_KC if routed_K is None else _put_first(routed_K, best_KC)
    leaf_K = best_KC[:, 0]
    right_K = lowest_common_ancestor(leaf_K, truth_K, ancestry) == truth_K
    at_leaf_K = ancestry.height_N[truth_K] == 0
    operating = operating_curve(log_probs_KN, truth_K, ancestry)
    curves = {
        "roc": roc_curve(known_K, other_U),
        "oscr": oscr_curve(known_K, right_K, other_U),
        "operating": Curve(operating.coverage_T, operating.correct_T),
    }
    if outcome.stop_log_probs_BN is not None:
        target_B = np.maximum(outcome.truth_B, 0)
        curves["known_novel"] = stop_curve(outcome.stop_log_probs_BN, target_B, ~known_B, ancestry)
    measured: Mapping[str, float | int | list[float]] = {
        "n_known": len(truth_K),
        "n_other": len(other_U),
        "n_novel": int(outcome.new_B.sum()),
        "leaf_accuracy": mean(right_K[at_leaf_K]),
        **_per_level(log_probs_KN, truth_K, ancestry, routed_K),
        "severity": mistake_severity(leaf_K[~right_K], truth_K[~right_K], ancestry),
        "hierarchical_distance_at_1": hierarchical_distance(best_KC[at_leaf_K, :1], truth_K[at_leaf_K], ancestry),
        "hierarchical_distance_at_5": hierarchical_distance(best_KC[at_leaf_K], truth_K[at_leaf_K], ancestry),
        **_decisions(outcome, ancestry),
        **_novelty(outcome, ancestry),
        "known_novel_area": known_novel_area(curves["known_novel"]) if "known_novel" in curves else math.nan,
        "average_precision_information": operating.average_precision,
        "average_correct_information": operating.average_correct,
        "recall_at_90_correct": operating.recall_at_correct(0.90),
        "recall_at_95_correct": operating.recall_at_correct(0.95),
        "hierarchical_aurc": hierarchical_aurc(operating),
        "auroc_other": auroc(known_K, other_U),
        "aupr_other": aupr_other(known_K, other_U) if len(known_K) else math.nan,
        "aupr_known": aupr_known(known_K, other_U) if len(other_U) else math.nan,
        "unknown_accepted_at_95_known": unknown_accepted_at_known(known_K, other_U, keep=0.95),
        "known_rejected_at_95_unknown": known_rejected_at_unknown(known_K, other_U, reject=0.95),
        "oscr": area(*curves["oscr"]),
        **{
            f"ccr_at_fpr_{share}": correct_at_unknown_accepted(known_K, right_K, other_U, share=share)
            for share in (0.001, 0.01, 0.1)
        },
    }
    return Summary(metrics={name: defined(value) for name, value in measured.items()}, curves=curves)


def mean(values: Bools | Floats) -> float:
    """The mean, NaN of nothing."""
    return float(values.mean()) if len(values) else math.nan


def defined(value: float | int | list[float]) -> Metric:
    """The number, or None where it is undefined (NaN or infinite), also within a list."""
    if isinstance(value, list):
        return [number if math.isfinite(number) else None for number in value]
    return value if math.isfinite(value) else None


def _put_first(leaf_K: Ints, best_KC: Ints) -> Ints:
    """The leaf that counts, then the best of the others, as many as before."""
    rest_K = np.argsort(best_KC == leaf_K[:, None], axis=1, kind="stable")[:, :-1]
    return np.concatenate([leaf_K[:, None], np.take_along_axis(best_KC, rest_K, axis=1)], axis=1)


def _per_level(
    log_probs_KN: Floats, truth_K: Ints, ancestry: Ancestry, routed_K: Ints | None
) -> dict[str, list[float]]:
    """Each level as a classifier of its own; a routed leaf says where an image belongs on every level."""
    numbers = range(1, ancestry.depth + 1)
    levels = [level_scores(log_probs_KN, truth_K, ancestry, level=level) for level in numbers]
    routed = [] if routed_K is None else [level_accuracy(routed_K, truth_K, ancestry, level=one) for one in numbers]
    return {
        "level_accuracy": routed or [level.accuracy for level in levels],
        "level_calibration_error": [level.expected_calibration_error for level in levels],
        "level_brier": [level.brier for level in levels],
        "level_log_loss": [level.log_loss for level in levels],
    }


def _decisions(outcome: Outcome, ancestry: Ancestry) -> dict[str, float]:
    known_B, other_B = outcome.known_B, outcome.other_B
    truth_K, decided_K, accepted_K = outcome.truth_B[known_B], outcome.decided_B[known_B], outcome.accepted_B[known_B]
    decided_U = outcome.decided_B[other_B]
    micro = hierarchical_scores(decided_K, truth_K, ancestry)
    macro = hierarchical_scores(decided_K, truth_K, ancestry, average="macro")
    correct_K = information_scores(decided_K, truth_K, ancestry).correct_B
    return {
        "hierarchical_precision": micro.precision,
        "hierarchical_recall": micro.recall,
        "hierarchical_f1": micro.f1,
        "hierarchical_precision_macro": macro.precision,
        "hierarchical_recall_macro": macro.recall,
        "hierarchical_f1_macro": macro.f1,
        "balanced_distance_other": balanced_distance(decided_U, np.zeros_like(decided_U), ancestry),
        "coverage": mean(coverage(decided_K, ancestry)),
        "risk": risk(decided_K, truth_K, ancestry),
        "correct_or_ancestor": mean(correct_K),
        "correct_when_accepted": mean(correct_K[accepted_K]),
        "known_rejected": mean(outcome.rejected_B[known_B]),
        "known_called_novel": mean(outcome.status_B[known_B] == "novel_child"),
        "uncertain_known": mean(outcome.uncertain_B[known_B]),
        "unknown_accepted": mean(outcome.accepted_B[other_B]),
        "uncertain_other": mean(outcome.uncertain_B[other_B]),
    }


def _novelty(outcome: Outcome, ancestry: Ancestry) -> dict[str, float]:
    """Of images new below a node by themselves, then of all that is unknown: other belongs at the root."""
    new_B, target_B = outcome.new_B, np.maximum(outcome.truth_B, 0)
    at_its_node_B = (outcome.status_B == "novel_child") & (outcome.decided_B == target_B)
    scores = novelty_scores(outcome.decided_B, target_B, ~outcome.known_B, ancestry)
    return {
        "balanced_accuracy": scores.balanced_accuracy_known,
        "balanced_accuracy_novel": scores.balanced_accuracy_novel,
        "balanced_accuracy_mix": scores.balanced_accuracy_mix,
        "balanced_distance_known": scores.bmhd_known,
        "balanced_distance_novel": scores.bmhd_novel,
        "balanced_distance_mix": scores.bmhd_mix,
        "novel_at_its_node": mean(at_its_node_B[new_B]),
        "novel_accepted": mean(outcome.accepted_B[new_B]),
        "auroc_novel": auroc(outcome.unknown_score_B[outcome.known_B], outcome.unknown_score_B[new_B]),
    }
