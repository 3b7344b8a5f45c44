"""A promise held against what was measured, each kind with the number that it is about.

==============  ======================================================================================================
``average``     the share of known images turned away anywhere on the way, against α; both samples may be unlucky
``confident``   the same share; the luck of the calibration set is part of the promise, so only that of the test counts
``per_class``   the same share, then the group of classes that speaks most against the promise
``cross``       the same share against the bound that is proven, then against α, which is usual
``two_sided``   known images called other against α, images of other called known against β
``none``        nothing
==============  ======================================================================================================

>>> hold_against("at most 5 % are turned away", promised=0.05, measured=0.06, images=400).kept
True
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import betabinom

from hierclf.dag import DagPlan
from hierclf.evaluation.terms import Terms
from hierclf.gates import BothSides, Confident, Cross, ForEachClass
from hierclf.gates.guarantee import alpha_of
from hierclf.metrics import MEASURES, Ancestry, Metric, Outcome, information_scores
from hierclf.metrics.ancestry import Ints
from hierclf.promises import cross_bound
from hierclf.promises.conformal import largest_turned_away

# B images, G groups of classes

ALARM = 0.0228
"""How often chance alone exceeds a promise that holds exactly by two standard errors, for a normal share."""


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A promise against what was measured.

    Args:
        name: the promise in words.
        promised: the share that must not be exceeded.
        measured: the share on these images.
        standard_error: how far chance moves the measured share when the promise holds exactly.
        images: how many images it was measured on.
        kept: whether the measured share is at most the promised one plus two standard errors; for the worst of
            several groups, whether chance alone makes one of them as bad more often than that.
    """

    name: str
    promised: float
    measured: float
    standard_error: float
    images: int
    kept: bool


def hold_against(
    name: str, *, promised: float, measured: float, images: int, calibration_images: int | None = None
) -> Promise:
    """Hold a promised share against a measured one.

    When the promise holds exactly, the measured share varies because the test images are a sample, by α(1−α)/n, and
    because the calibration images were one: given them the true share is Beta distributed (Vovk, *Conditional validity
    of inductive conformal predictors*, ACML 2012, arXiv:1209.2673), with a variance of about α(1−α)/(m+2) for m of
    them. The standard error is the root of the sum; without ``calibration_images`` the second part is left out.
    """
    error = chance_error(promised, images, calibration_images)
    return Promise(
        name=name,
        promised=promised,
        measured=measured,
        standard_error=error,
        images=images,
        kept=measured <= promised + 2 * error,
    )


def chance_error(promised: float, images: int, calibration_images: int | None = None) -> float:
    """The standard error of `hold_against`."""
    spread = promised * (1 - promised)
    return math.sqrt(spread / images + (spread / (calibration_images + 2) if calibration_images is not None else 0.0))


def gate_promises(outcome: Outcome, terms: Terms, plan: DagPlan) -> tuple[Promise, ...]:
    """What the gates promised; nothing without a promise, or without images to measure it on."""
    guarantee, rejected_K = terms.guarantee, outcome.rejected_B[outcome.known_B]
    alpha = terms.alpha
    if guarantee is None or alpha is None:
        return ()
    calibrated = len(guarantee.scores)
    promises = []
    if len(rejected_K):
        share = _percent(alpha)
        names = {alpha: f"at most {share} of known images are turned away"}
        if isinstance(guarantee, Confident):
            names = {alpha: f"{names[alpha]}, with {_percent(guarantee.confidence)} confidence"}
        elif isinstance(guarantee, BothSides):
            names = {alpha: f"at most {share} of known images are called other"}
        elif isinstance(guarantee, Cross):
            bound = cross_bound(alpha, calibrated, int(guarantee.folds.max()) + 1)
            names = {
                bound: f"at most {_percent(bound)} of known images are turned away, which is proven",
                alpha: f"{names[alpha]}, which is usual and not proven",
            }
        for promised, name in names.items():
            promises.append(
                hold_against(
                    name,
                    promised=promised,
                    measured=float(rejected_K.mean()),
                    images=len(rejected_K),
                    calibration_images=_luck(terms),
                )
            )
    if isinstance(guarantee, ForEachClass):
        promises += _worst_group(outcome, guarantee, plan)
    if isinstance(guarantee, BothSides) and outcome.other_B.any():
        promises.append(
            hold_against(
                f"at most {_percent(guarantee.other_accepted)} of images like those of other are called known",
                promised=guarantee.other_accepted,
                measured=float(outcome.accepted_B[outcome.other_B].mean()),
                images=int(outcome.other_B.sum()),
                calibration_images=len(guarantee.other),
            )
        )
    return tuple(promises)


def rule_promises(outcome: Outcome, terms: Terms, ancestry: Ancestry) -> tuple[Promise, ...]:
    """What the rule promised about wrong answers: known images that are answered off their true route."""
    known_B = outcome.known_B
    if terms.correct is None or not known_B.any():
        return ()
    right_K = information_scores(outcome.decided_B[known_B], outcome.truth_B[known_B], ancestry).correct_B
    wrong = alpha_of(terms.correct)
    return (
        hold_against(
            f"at most {_percent(wrong)} of the answers about known images are off the true route",
            promised=wrong,
            measured=float((outcome.accepted_B[known_B] & ~right_K).mean()),
            images=len(right_K),
            calibration_images=terms.correct_on,
        ),
    )


def with_promise(
    metrics: Mapping[str, Metric], alpha: float | None, standard_error: float | None, *, errors: int
) -> dict[str, Metric]:
    """The metrics with those that a promise and its circumstances add, in the glossary's order; None for the rest."""
    both = {
        **metrics,
        "n_errors": errors,
        "known_rejected_standard_error": standard_error,
        "alpha": alpha,
    }
    return {name: both.get(name) for name in MEASURES}


def gate_error(outcome: Outcome, terms: Terms) -> float | None:
    """How far chance moves the share of known images turned away when exactly α is promised; None without a promise."""
    known = int(outcome.known_B.sum())
    if terms.guarantee is None or terms.alpha is None or not known:
        return None
    return chance_error(terms.alpha, known, _luck(terms))


def _luck(terms: Terms) -> int | None:
    """Calibration images whose luck moves the measured share; None where the promise allows for it already."""
    if terms.guarantee is None or isinstance(terms.guarantee, Confident):
        return None
    return len(terms.guarantee.scores)


def _worst_group(outcome: Outcome, guarantee: ForEachClass, plan: DagPlan) -> list[Promise]:
    """The group of classes that speaks most against the promise.

    The images turned away among n that are taken for a group of m calibration images are Beta-binomial when the promise
    holds exactly, which says how often chance makes as many; for the worst of G groups that is allowed G times.
    """
    alpha, known_B = alpha_of(guarantee.keep), outcome.known_B
    leaf_L = np.asarray(plan.leaf_L)
    taken_K = leaf_L[outcome.node_log_probs_BN[known_B][:, leaf_L].argmax(axis=1)]
    group_K: Ints = guarantee.pools.numpy()[taken_K]
    rejected_K, size_N = outcome.rejected_B[known_B], guarantee.groups.count_N
    rows = []
    for group in np.unique(group_K):
        mine_K = group_K == group
        calibrated = int(size_N[taken_K[mine_K][0]])
        rank = largest_turned_away(calibrated, alpha)
        if rank:
            images, away = int(mine_K.sum()), int(rejected_K[mine_K].sum())
            chance = float(betabinom.sf(away - 1, images, rank, calibrated + 1 - rank))
            rows.append((chance, plan.nodes[group], away / images, images, calibrated))
    if not rows:
        return []
    chance, node, measured, images, calibrated = min(rows)
    among = f", the worst of {len(rows)} groups" if len(rows) > 1 else ""
    return [
        Promise(
            name=f"at most {_percent(alpha)} of the known images taken for {node} are turned away{among}",
            promised=alpha,
            measured=measured,
            standard_error=chance_error(alpha, images, calibrated),
            images=images,
            kept=chance > ALARM / len(rows),
        )
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
