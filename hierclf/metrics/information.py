"""Precision, recall and correctness in bits, at one threshold and at all of them.

With I(v) = -log2(|L(v)| / |L|) and lca the common ancestor with the largest information, a decision ŷ about an image of
truth y has information precision I(lca)/I(ŷ) and information recall I(lca)/I(y); 0/0 counts as 1. It is *correct* when
lca ∈ {y, ŷ}, that is when both lie on one path, and *exact* when ŷ = y.

Climbing from the best leaf to the lowest ancestor whose probability reaches a threshold θ gives one decision per θ.
As θ grows, an image's decision changes at most once per ancestor, so its metrics are step functions of θ; sorting all
steps of all images once gives the mean curve over *every* threshold in O(K log K) for K steps.

Valmadre, *Hierarchical classification at multiple operating points*, NeurIPS 2022, arXiv:2210.10929.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hierclf.errors import DataError
from hierclf.metrics.ancestry import Ancestry, Bools, Floats, Ints, lowest_common_ancestor, node_ids
from hierclf.metrics.ranking import best_leaves

# B images, N nodes, L leaves, K ancestors, J entries on all images' ways up, T thresholds


class InformationScores(NamedTuple):
    """One value per image, shape ``(B,)`` each."""

    precision_B: Floats
    recall_B: Floats
    correct_B: Bools
    exact_B: Bools


def information_scores(decided_B: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry) -> InformationScores:
    """Information precision and recall, correct and exact, for each image.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> edges = {"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a", "b"]}
    >>> plan = compile_plan(Taxonomy.from_edges(edges))
    >>> digit, zero, one = 1, 3, 4
    >>> scores = information_scores([digit, one], [zero, zero], Ancestry.from_plan(plan))
    >>> scores.precision_B, scores.recall_B, scores.correct_B  # "digit" is one of the two bits that "0" holds
    (array([1. , 0.5]), array([0.5, 0.5]), array([ True, False]))
    """
    common_B = lowest_common_ancestor(decided_B, truth_B, ancestry)
    decided_B, truth_B = node_ids(decided_B, ancestry), node_ids(truth_B, ancestry)
    bits_N = ancestry.information_N
    return InformationScores(
        precision_B=_share(bits_N[common_B], bits_N[decided_B]),
        recall_B=_share(bits_N[common_B], bits_N[truth_B]),
        correct_B=(common_B == decided_B) | (common_B == truth_B),
        exact_B=decided_B == truth_B,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class OperatingCurve:
    """Mean metrics over all images at every threshold, from "always a leaf" (first) to "always the root" (last).

    Args:
        log_threshold_T: point t holds for log-thresholds in ``(log_threshold_T[t], log_threshold_T[t + 1]]``;
            the first is -inf.
        precision_T: mean information precision.
        recall_T: mean information recall.
        correct_T: share of correct decisions.
        exact_T: share of exact decisions.
        coverage_T: mean coverage, see `hierclf.metrics.selective`.
    """

    log_threshold_T: Floats
    precision_T: Floats
    recall_T: Floats
    correct_T: Floats
    exact_T: Floats
    coverage_T: Floats

    @property
    def average_precision(self) -> float:
        """AP(info): area under precision against recall; recall out of reach adds nothing."""
        return area(self.recall_T, self.precision_T)

    @property
    def average_correct(self) -> float:
        """AC(info): area under the share of correct decisions against recall."""
        return area(self.recall_T, self.correct_T)

    def recall_at_correct(self, share: float) -> float:
        """The largest information recall among thresholds with at least this share correct; NaN without images."""
        reached_T = self.correct_T >= share - 1e-12
        return float(self.recall_T[reached_T].max()) if reached_T.any() else float("nan")


def operating_curve(node_log_probs_BN: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry) -> OperatingCurve:
    """Climb at every threshold at once.

    Args:
        node_log_probs_BN: log memberships, shape ``(B, N)``; -inf is welcome.
        truth_B: node ids, shape ``(B,)``; internal nodes are legal.
        ancestry: the taxonomy's tables.

    Returns:
        The curve; without images it has no points.

    Raises:
        DataError: the shapes do not fit, or a log-probability is NaN.
    """
    truths_B = node_ids(truth_B, ancestry)
    image_J, node_J, log_prob_J = ways_up(node_log_probs_BN, ancestry)
    if len(np.asarray(node_log_probs_BN)) != len(truths_B):
        raise DataError(f"expected a row of log-probabilities for each of {len(truths_B)} truths")
    scores = information_scores(node_J, truths_B[image_J], ancestry)
    moves_J = image_J[1:] == image_J[:-1]  # entry j gives way to entry j + 1 once the threshold passes entry j
    step_J = np.flatnonzero(moves_J)
    order_J = step_J[np.argsort(log_prob_J[step_J], kind="stable")]
    at_T = log_prob_J[order_J]
    last_T = np.append(at_T[1:] != at_T[:-1], True)[: len(at_T)]  # equal thresholds move together
    starts_J = np.flatnonzero(~np.append(False, moves_J)[: len(image_J)])

    def curve(value_J: Floats | Bools) -> Floats:
        value_J = value_J.astype(np.float64)
        change_T = np.cumsum(value_J[order_J + 1] - value_J[order_J])[last_T]
        mean_T: Floats = np.append(0.0, change_T) + value_J[starts_J].sum()
        return mean_T / len(truths_B) if len(truths_B) else mean_T[:0]

    return OperatingCurve(
        log_threshold_T=np.append(-np.inf, at_T[last_T])[: None if len(truths_B) else 0],
        precision_T=curve(scores.precision_B),
        recall_T=curve(scores.recall_B),
        correct_T=curve(scores.correct_B),
        exact_T=curve(scores.exact_B),
        coverage_T=curve(ancestry.coverage_N[node_J]),
    )


def ways_up(node_log_probs_BN: npt.ArrayLike, ancestry: Ancestry) -> tuple[Ints, Ints, Floats]:
    """Every decision that climbing can reach, image by image, from the best leaf to the root.

    An ancestor that is no more probable than a more informative one is never chosen and left out, and so is the less
    probable of two that are equally low; the root is last always, for thresholds that nothing else reaches.

    Returns:
        image, node and log-probability of each entry, shape ``(J,)`` each; the root's is +inf.

    Raises:
        DataError: the array is not ``(B, N)``, or holds NaN.
    """
    log_probs_BN = np.asarray(node_log_probs_BN, dtype=np.float64)
    above_BK = ancestry.ancestor_NK[best_leaves(log_probs_BN, ancestry)[:, 0]]
    value_BK = np.take_along_axis(log_probs_BN, np.maximum(above_BK, 0), axis=1)
    if np.isnan(value_BK).any():
        raise DataError(f"image {int(np.isnan(value_BK).any(axis=1).argmax())} has NaN among its log-probabilities")
    value_BK = np.where(above_BK == 0, np.inf, np.where(above_BK < 0, -np.inf, value_BK))
    highest_BK = np.maximum.accumulate(value_BK, axis=1)
    rises_BK = np.ones(value_BK.shape, dtype=bool)
    rises_BK[:, 1:] = value_BK[:, 1:] > highest_BK[:, :-1]
    image_J, place_J = np.nonzero(rises_BK)
    node_J, value_J = above_BK[image_J, place_J], value_BK[image_J, place_J]
    beaten_J = np.append(_as_low(node_J, image_J, ancestry), False)[: len(node_J)]
    return image_J[~beaten_J], node_J[~beaten_J], value_J[~beaten_J]


def area(x_T: Floats, y_T: Floats) -> float:
    """Area under y against x by the trapezoid rule, x in any direction; NaN without points.

    Straight lines between points are exact here: choosing between two thresholds at random reaches any point between.
    """
    if len(x_T) == 0:
        return float("nan")
    return float(abs(np.sum(np.diff(x_T) * (y_T[1:] + y_T[:-1]) / 2)))


def _as_low(node_J: Ints, image_J: Ints, ancestry: Ancestry) -> Bools:
    """Whether each entry's successor belongs to the same image and is as informative and as deep, ``(J - 1,)``."""
    lower, upper = node_J[:-1], node_J[1:]
    same_bits = ancestry.information_N[lower] == ancestry.information_N[upper]
    equally_low: Bools = same_bits & (ancestry.level_N[lower] == ancestry.level_N[upper])
    equally_low &= image_J[1:] == image_J[:-1]
    return equally_low


def _share(part_B: Floats, of_B: Floats) -> Floats:
    return np.divide(part_B, of_B, out=np.ones_like(of_B), where=of_B > 0)
