"""Each level of the taxonomy as a classifier of its own: accuracy, calibration error, Brier score, log-loss.

The classes of level l are the nodes at that level and the leaves above it, so every leaf lies under at least one of
them, the last level's classes are all the leaves, and on a tree their memberships are a distribution. On a DAG a leaf
may lie under several: they are all true of an image at once, and naming any one of them is right.

Calibration error: Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks*, ICML 2017,
arXiv:1706.04599. Brier score: Brier, *Verification of forecasts expressed in terms of probability*, 1950.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hierclf.errors import DataError
from hierclf.metrics.ancestry import CELLS_AT_ONCE, Ancestry, Bools, Floats, Ints, node_ids

# B images, N nodes, C classes of one level, K ancestors

SMALLEST_LOG = float(np.log(np.finfo(np.float64).eps))  # a probability of 0 would make the log-loss infinite


class LevelScores(NamedTuple):
    """What one level achieves; NaN throughout when no image's label reaches it."""

    level: int
    images: int
    accuracy: float
    expected_calibration_error: float
    brier: float
    log_loss: float


def level_classes(level: int, ancestry: Ancestry) -> Ints:
    """Ids of the nodes at a level and of the leaves above it, ascending."""
    is_leaf_N = ancestry.height_N == 0
    return np.flatnonzero((ancestry.level_N == level) | (is_leaf_N & (ancestry.level_N < level)))


def level_scores(
    node_log_probs_BN: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry, *, level: int, bins: int = 15
) -> LevelScores:
    """Judge one level over the images whose label reaches it.

    Args:
        node_log_probs_BN: log memberships, shape ``(B, N)``.
        truth_B: node ids, shape ``(B,)``; a label above the level says nothing about it and is left out.
        ancestry: the taxonomy's tables.
        level: from 1 to the depth.
        bins: bins of equal width for the calibration error.

    Returns:
        With p_c the class's membership, t_c whether it is true and ĉ = argmax p: the accuracy is the mean of t_ĉ; the
        expected calibration error Σ_bins (share of images)·|mean t_ĉ − mean p_ĉ|; the Brier score the mean of
        Σ_c (p_c − t_c)²; the log-loss the mean of −log p over the true classes, with p at least the float64 epsilon.

    Raises:
        DataError: shapes that do not fit, or NaN.
    """
    log_probs_BN, truths_B = np.asarray(node_log_probs_BN), node_ids(truth_B, ancestry)
    if log_probs_BN.shape != (len(truths_B), ancestry.num_nodes):
        raise DataError(
            f"expected log-probabilities of shape ({len(truths_B)}, {ancestry.num_nodes}), got {log_probs_BN.shape}"
        )
    class_C = level_classes(level, ancestry)
    true_NK = _true_classes(class_C, ancestry)
    reached = np.flatnonzero((true_NK[truths_B] >= 0).any(axis=1))
    if len(reached) == 0:
        return LevelScores(level, 0, *[float("nan")] * 4)
    step = max(1, CELLS_AT_ONCE // len(class_C))
    pieces = [
        _judge(log_probs_BN[np.ix_(rows, class_C)], true_NK[truths_B[rows]])
        for rows in (reached[start : start + step] for start in range(0, len(reached), step))
    ]
    right_B, confidence_B, brier_B, log_loss_B = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return LevelScores(
        level=level,
        images=len(reached),
        accuracy=float(right_B.mean()),
        expected_calibration_error=expected_calibration_error(confidence_B, right_B, bins=bins),
        brier=float(brier_B.mean()),
        log_loss=float(log_loss_B.mean()),
    )


def level_accuracy(leaf_B: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry, *, level: int) -> float:
    """The accuracy of a level where each image was taken for one leaf, and so for the classes above it.

    Args:
        leaf_B: node ids of leaves, shape ``(B,)``.
        truth_B: node ids, shape ``(B,)``; a label above the level says nothing about it and is left out.
        ancestry: the taxonomy's tables.
        level: from 1 to the depth.

    Returns:
        The share of images of which a class of the level above the leaf is true; NaN when no label reaches it.
    """
    leaves_B, truths_B = node_ids(leaf_B, ancestry), node_ids(truth_B, ancestry)
    true_NK = _true_classes(level_classes(level, ancestry), ancestry)
    told_BK, true_BK = true_NK[leaves_B], true_NK[truths_B]
    reached_B = (true_BK >= 0).any(axis=1)
    if not reached_B.any():
        return float("nan")
    step = max(1, CELLS_AT_ONCE // true_NK.shape[1] ** 2)
    shared = [
        (
            (told_BK[start : start + step, :, None] == true_BK[start : start + step, None])
            & (true_BK[start : start + step, None] >= 0)
        ).any((1, 2))
        for start in range(0, len(leaves_B), step)
    ]
    return float(np.concatenate(shared)[reached_B].mean())


def expected_calibration_error(confidence_B: npt.ArrayLike, right_B: npt.ArrayLike, *, bins: int = 15) -> float:
    """Σ over bins of (share of images)·|accuracy − mean confidence|, bins (0, 1/m], … of equal width; NaN when empty.

    >>> expected_calibration_error([0.9, 0.9, 0.9, 0.9], [True, True, True, False])
    0.15000000000000002
    """
    confidences_B, rights_B = np.asarray(confidence_B, dtype=np.float64), np.asarray(right_B, dtype=np.float64)
    if len(confidences_B) == 0:
        return float("nan")
    bin_B = np.clip(np.ceil(confidences_B * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(bin_B, weights=rights_B - confidences_B, minlength=bins)
    return float(np.abs(gap).sum() / len(confidences_B))


def _true_classes(class_C: Ints, ancestry: Ancestry) -> Ints:
    """For each node, the places in ``class_C`` of itself and its ancestors, -1 for the others, shape ``(N, K)``."""
    place_N = np.full(ancestry.num_nodes + 1, -1)  # one more for the padding
    place_N[class_C] = np.arange(len(class_C))
    places_NK: Ints = place_N[ancestry.ancestor_NK]
    return places_NK


def _judge(log_probs_BC: Floats, true_BK: Ints) -> tuple[Bools, Floats, Floats, Floats]:
    """Right, confidence, Brier score and log-loss of each image."""
    probs_BC = np.exp(log_probs_BC.astype(np.float64, copy=False))
    if np.isnan(probs_BC).any():
        raise DataError("NaN among the log-probabilities; leave out images that could not be read")
    best_B = probs_BC.argmax(axis=1)
    confidence_B = np.clip(np.take_along_axis(probs_BC, best_B[:, None], axis=1)[:, 0], 0.0, 1.0)
    is_true_BK = true_BK >= 0
    prob_true_BK = np.where(is_true_BK, np.take_along_axis(probs_BC, np.maximum(true_BK, 0), axis=1), 0.0)
    log_true_BK = np.where(is_true_BK, np.take_along_axis(log_probs_BC, np.maximum(true_BK, 0), axis=1), 0.0)
    count_B = is_true_BK.sum(axis=1)
    brier_B = (probs_BC**2).sum(axis=1) - 2 * prob_true_BK.sum(axis=1) + count_B
    log_loss_B = -np.maximum(log_true_BK, SMALLEST_LOG).sum(axis=1) / count_B
    return (best_B[:, None] == true_BK).any(axis=1), confidence_B, brier_B, log_loss_B
