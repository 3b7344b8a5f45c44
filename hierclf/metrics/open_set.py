"""Known or other, judged by a score that grows with unknown-ness.

Everywhere here an image is accepted when its score is at most a threshold and turned away when it is larger. Shares are
named after what happens to whom (`unknown_accepted_at_known`, never "FPR@95"), because papers disagree on which class
is positive. Ties are never broken in anyone's favour: images with one score are accepted together.

>>> known, other = [0.1, 0.2, 0.3, 0.4], [0.35, 0.6, 0.7]
>>> auroc(known, other)
0.9166666666666666
>>> unknown_accepted_at_known(known, other, keep=0.75), unknown_accepted_at_known(known, other, keep=1.0)
(0.0, 0.3333333333333333)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hierclf.errors import ConfigError, DataError
from hierclf.metrics.ancestry import Bools, Floats
from hierclf.metrics.information import area

# K known images, U images of other, T thresholds

ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996, and 29 images are meant


class Curve(NamedTuple):
    """A curve as two arrays of one length."""

    x_T: Floats
    y_T: Floats


def auroc(known_K: npt.ArrayLike, other_U: npt.ArrayLike) -> float:
    """The chance that an image of other scores above a known one, ties counting half; NaN when either is missing."""
    known_K, other_U = _scores(known_K), _scores(other_U)
    if len(known_K) == 0 or len(other_U) == 0:
        return float("nan")
    ordered_K = np.sort(known_K)
    below = np.searchsorted(ordered_K, other_U, side="left").sum()
    not_above = np.searchsorted(ordered_K, other_U, side="right").sum()
    return float((below + not_above) / 2 / len(known_K) / len(other_U))


def aupr_other(known_K: npt.ArrayLike, other_U: npt.ArrayLike) -> float:
    """Average precision at finding the images of other; NaN when there is none of them.

    AP = Σ_t (R_t − R_{t−1})·P_t over the distinct scores from the largest on, without interpolation.
    """
    return _average_precision(_scores(other_U), _scores(known_K))


def aupr_known(known_K: npt.ArrayLike, other_U: npt.ArrayLike) -> float:
    """Average precision at finding the known images, from the smallest score on; NaN when there is none of them."""
    return _average_precision(-_scores(known_K), -_scores(other_U))


def roc_curve(known_K: npt.ArrayLike, other_U: npt.ArrayLike) -> Curve:
    """Share of the known turned away (x) and of the other turned away (y), from turning away all to accepting all.

    The area below is `auroc`. Empty when either is missing.
    """
    known_accepted_T, other_accepted_T = _accepted(_scores(known_K), _scores(other_U))
    return Curve(1 - known_accepted_T, 1 - other_accepted_T)


def unknown_accepted_at_known(known_K: npt.ArrayLike, other_U: npt.ArrayLike, *, keep: float = 0.95) -> float:
    """Share of the other accepted at the smallest threshold that accepts at least a share ``keep`` of the known.

    The threshold is the ⌈keep·K⌉-th smallest known score. NaN when either kind is missing.
    """
    known_K, other_U = _scores(known_K), _scores(other_U)
    _require_share(keep, "keep")
    if len(known_K) == 0 or len(other_U) == 0:
        return float("nan")
    threshold = np.sort(known_K)[_rank(keep, len(known_K)) - 1]
    return float((other_U <= threshold).mean())


def known_rejected_at_unknown(known_K: npt.ArrayLike, other_U: npt.ArrayLike, *, reject: float = 0.95) -> float:
    """Share of the known turned away at the largest threshold that turns away a share ``reject`` of the other.

    That threshold lies just below the ⌈reject·U⌉-th largest score of other. NaN when either kind is missing.
    """
    known_K, other_U = _scores(known_K), _scores(other_U)
    _require_share(reject, "reject")
    if len(known_K) == 0 or len(other_U) == 0:
        return float("nan")
    lowest_turned_away = np.sort(other_U)[-_rank(reject, len(other_U))]
    return float((known_K >= lowest_turned_away).mean())


def correct_at_unknown_accepted(
    known_K: npt.ArrayLike, right_K: npt.ArrayLike, other_U: npt.ArrayLike, *, share: float
) -> float:
    """CCR@FPR: share of the known both accepted and classified rightly when a ``share`` of the other is accepted.

    Accepted are images more confident than the (⌊share·U⌋+1)-th most confident image of other, strictly, so that no
    more than the share of other passes; all are when share is 1. NaN without known images or when share·U < 1, where
    there are too few images of other to tell.

    Dhamija, Günther and Boult, *Reducing Network Agnostophobia*, NeurIPS 2018, arXiv:1811.04110.
    """
    known_K, other_U = _scores(known_K), _scores(other_U)
    right_K = _rights(right_K, known_K)
    _require_share(share, "share")
    passing = math.floor(share * len(other_U) + ROUNDING)
    if len(known_K) == 0 or passing < 1:
        return float("nan")
    limit = np.sort(other_U)[passing] if passing < len(other_U) else np.inf
    return float((right_K & ((known_K < limit) | (passing == len(other_U)))).mean())


def oscr_curve(known_K: npt.ArrayLike, right_K: npt.ArrayLike, other_U: npt.ArrayLike) -> Curve:
    """Share of other accepted (x) and of the known both accepted and classified rightly (y), at every threshold.

    From (0, 0), nobody accepted, to (1, closed-set accuracy), all accepted; equal scores move both at once. Code that
    is widely copied forces the right end to (1, 1). Empty when either kind is missing.

    Args:
        known_K: scores of the known images, shape ``(K,)``.
        right_K: whether the classifier alone is right about each of them, bool of shape ``(K,)``.
        other_U: scores of the images of other, shape ``(U,)``.
    """
    known_K, other_U = _scores(known_K), _scores(other_U)
    right_K = _rights(right_K, known_K)
    _, other_accepted_T = _accepted(known_K, other_U)
    if len(other_accepted_T) == 0:
        return Curve(other_accepted_T, other_accepted_T)
    threshold_T = np.unique(np.concatenate([known_K, other_U]))
    right_T = np.searchsorted(np.sort(known_K[right_K]), threshold_T, side="right") / len(known_K)
    return Curve(other_accepted_T, np.append(0.0, right_T))


def oscr(known_K: npt.ArrayLike, right_K: npt.ArrayLike, other_U: npt.ArrayLike) -> float:
    """Area under `oscr_curve`: the chance that a known image is classified rightly *and* scores below one of other.

    At most the accuracy; NaN when either kind is missing.
    """
    return area(*oscr_curve(known_K, right_K, other_U))


def known_novel_curve(
    known_margin_K: npt.ArrayLike,
    known_right_K: npt.ArrayLike,
    novel_margin_U: npt.ArrayLike,
    novel_right_U: npt.ArrayLike,
) -> Curve:
    """Accuracy on the known (x) and on the novel (y) as a bias added to all novel scores grows without bounds.

    An image's margin is its best known score minus its best novel score; it is decided novel when the bias exceeds the
    margin. Both ends are part of the curve: nothing novel, then everything novel.

    Args:
        known_margin_K: margins of the known images, shape ``(K,)``.
        known_right_K: whether each one's best *known* node is right, shape ``(K,)``.
        novel_margin_U: margins of the novel images, shape ``(U,)``.
        novel_right_U: whether each one's best *novel* node is right, shape ``(U,)``.

    Lee, Lee, Min, Zhang, Shin and Lee, *Hierarchical Novelty Detection for Visual Object Recognition*, CVPR 2018,
    arXiv:1804.00722.
    """
    known_K, novel_U = _scores(known_margin_K), _scores(novel_margin_U)
    known_right_K, novel_right_U = _rights(known_right_K, known_K), _rights(novel_right_U, novel_U)
    if len(known_K) == 0 or len(novel_U) == 0:
        return Curve(np.empty(0), np.empty(0))
    margin_T = np.unique(np.concatenate([known_K, novel_U]))
    known_lost_T = np.searchsorted(np.sort(known_K[known_right_K]), margin_T, side="right")
    novel_won_T = np.searchsorted(np.sort(novel_U[novel_right_U]), margin_T, side="right")
    return Curve(
        (known_right_K.sum() - np.append(0, known_lost_T)) / len(known_K), np.append(0, novel_won_T) / len(novel_U)
    )


def known_novel_area(curve: Curve) -> float:
    """Area under a known-novel curve; NaN when it has no points."""
    return area(*curve)


def novel_accuracy_at_known(curve: Curve, *, accuracy: float = 0.5) -> float:
    """Novel accuracy where the known accuracy is 0.5, between points by a straight line; NaN when out of reach.

    Where the curve is vertical, its upper end counts: the bias may be chosen there.
    """
    x_T, y_T = curve
    reached = np.flatnonzero(x_T >= accuracy - 1e-12)  # x falls along the curve
    if len(reached) == 0:
        return float("nan")
    last = int(reached[-1])
    if last == len(x_T) - 1:
        return float(y_T[last])
    along = (x_T[last] - accuracy) / (x_T[last] - x_T[last + 1])
    return float(y_T[last] + max(along, 0.0) * (y_T[last + 1] - y_T[last]))


# ------------------------------------------------------------------------------------------------------------ helpers


def _scores(values: npt.ArrayLike) -> Floats:
    """Scores as float64 of shape ``(n,)``; infinite ones are welcome.

    Raises:
        DataError: not one-dimensional, or NaN among them.
    """
    values_n = np.asarray(values, dtype=np.float64)
    if values_n.ndim != 1:
        raise DataError(f"scores are one row of numbers, got shape {values_n.shape}")
    if np.isnan(values_n).any():
        raise DataError(f"score {int(np.isnan(values_n).argmax())} is NaN; leave out images that have no score")
    return values_n


def _accepted(known_K: Floats, other_U: Floats) -> tuple[Floats, Floats]:
    """Shares of the known and of the other at or below each distinct score, with (0, 0) in front."""
    if len(known_K) == 0 or len(other_U) == 0:
        return np.empty(0), np.empty(0)
    threshold_T = np.unique(np.concatenate([known_K, other_U]))
    known_T, other_T = (
        np.append(0, np.searchsorted(np.sort(kind), threshold_T, side="right")) / len(kind)
        for kind in (known_K, other_U)
    )
    return known_T, other_T


def _average_precision(positive_P: Floats, negative_Q: Floats) -> float:
    if len(positive_P) == 0:
        return float("nan")
    threshold_T, count_T = np.unique(positive_P, return_counts=True)
    hits_T = np.cumsum(count_T[::-1])[::-1]
    false_alarms_T = len(negative_Q) - np.searchsorted(np.sort(negative_Q), threshold_T, side="left")
    return float((count_T * hits_T / (hits_T + false_alarms_T)).sum() / len(positive_P))


def _rank(share: float, count: int) -> int:
    return max(1, math.ceil(share * count - ROUNDING))


def _rights(right_K: npt.ArrayLike, score_K: Floats) -> Bools:
    rights_K = np.asarray(right_K, dtype=bool)
    if rights_K.shape != score_K.shape:
        raise DataError(f"expected one verdict for each of {len(score_K)} scores, got shape {rights_K.shape}")
    return rights_K


def _require_share(value: float, name: str) -> None:
    if not 0 < value <= 1:
        raise ConfigError(f"{name} is a share above 0 and at most 1, got {value!r}")
