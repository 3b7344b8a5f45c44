"""Split conformal p-values and thresholds: the arithmetic behind "at most 5 % of known images are turned away".

Take ``n`` scores of known images that had no part in any choice. A further known image is equally likely to come in at
any of the ``n + 1`` ranks among them, whatever the model and the score. So the share of them at or above its own score,
counting itself, is a p-value: it falls to α or below with probability at most α. Ties only make it larger.

The usual ``np.quantile(scores, 1 - α)`` counts ranks among ``n`` instead of ``n + 1`` and breaks the promise: at n = 30
and α = 0.05 it turns away 7.7 %.

Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, 2005; Bates et al., *Testing for Outliers with
Conformal p-values*, Annals of Statistics 2023, arXiv:2104.08279.

B images, n calibration images
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, inf

import torch
from torch import Tensor

from hierclf.errors import CalibrationError

TOLERANCE = 1e-5
"""How far apart two gate scores of one image may be through rounding."""


def p_values(calibration_scores: Tensor, scores_B: Tensor) -> Tensor:
    """Conformal p-values: ``(1 + #{i: s_i >= s}) / (n + 1)``.

    Args:
        calibration_scores: scores of known images kept for this alone, any order, shape ``(n,)``; none makes every
            p-value 1.
        scores_B: scores of the images in question, larger = more unknown, shape ``(B,)``.

    Returns:
        float64, shape ``(B,)``, between ``1 / (n + 1)`` and 1.

    Raises:
        CalibrationError: when a score is NaN.

    >>> p_values(torch.tensor([1.0, 2.0, 2.0, 3.0]), torch.tensor([0.0, 2.0, 9.0]))
    tensor([1.0000, 0.8000, 0.2000], dtype=torch.float64)
    """
    ascending = sorted_scores(calibration_scores)
    scores_B = scores_B.double().contiguous()
    if scores_B.isnan().any():
        raise CalibrationError(f"expected scores without NaN, got {int(scores_B.isnan().sum())} NaN")
    at_least_B = len(ascending) - torch.searchsorted(ascending, scores_B, side="left")
    return (1 + at_least_B).double() / (len(ascending) + 1)


def conformal_threshold(calibration_scores: Tensor, alpha: float) -> float:
    """The score above which an image is turned away: the k-th smallest, ``k = ⌈(n + 1)(1 - α)⌉``.

    An image scores above it if and only if its p-value is at most α.

    Args:
        calibration_scores: as for `p_values`, shape ``(n,)``.
        alpha: largest share of known images that may be turned away, above 0 and below 1.

    Returns:
        The threshold; infinity where ``k > n``: then too few images are at hand to turn anybody away.

    Raises:
        CalibrationError: when α is out of range or a score is NaN.

    >>> conformal_threshold(torch.arange(1, 20), 0.05), conformal_threshold(torch.arange(1, 19), 0.05)
    (19.0, inf)
    """
    ascending = sorted_scores(calibration_scores)
    rank = ceil((len(ascending) + 1) * (1 - exact(alpha)))
    return float(ascending[rank - 1]) if rank <= len(ascending) else inf


def minimum_calibration_size(alpha: float) -> int:
    """How many calibration images it takes before any image can be turned away: ``⌈1 / α⌉ - 1``.

    >>> minimum_calibration_size(0.05), minimum_calibration_size(0.01)
    (19, 99)
    """
    return ceil(1 / exact(alpha)) - 1


def largest_turned_away(n: int, alpha: float) -> int:
    """How many of ``n + 1`` exchangeable images may be turned away: ``⌊α (n + 1)⌋``."""
    return floor(exact(alpha) * (n + 1))


def exact(share: float, name: str = "alpha", meaning: str = "a share of known images to turn away") -> Fraction:
    """The share as the decimal that was written: 0.05 is 1/20, so that ranks do not slip by one through rounding.

    Args:
        share: above 0 and below 1.
        name: what the share is called where it came from, for the message.
        meaning: what the share is, for the message.

    Raises:
        CalibrationError: when the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise CalibrationError(f"expected {meaning} above 0 and below 1, got {name} = {share}; 5 % is written as 0.05")
    return Fraction(repr(float(share)))


def raised(calibration_scores: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Calibration scores raised by a hair, so that an image ties with itself however its score was rounded.

    The same image has a slightly different score on another device, or in a batch of another size. Where it is itself
    a calibration image, or a copy of one, it would come in before or after itself by chance. Raising what it is
    compared with makes p-values and thresholds larger, never smaller, so the promise holds as before.

    Args:
        calibration_scores: any order, shape ``(n,)``.
        tolerance: relative, and absolute below 1. Combined gate scores are sums of ``-log p`` with p to three digits
            at best, so what lies within 1e-5 is alike.

    Returns:
        float64, in the same order, shape ``(n,)``.

    >>> p_values(raised(torch.tensor([2.0])), torch.tensor([2.000001, 2.1]))
    tensor([1.0000, 0.5000], dtype=torch.float64)
    """
    scores = calibration_scores.double()
    return torch.where(scores.isfinite(), scores + tolerance * scores.abs().clamp(min=1.0), scores)


def sorted_scores(calibration_scores: Tensor) -> Tensor:
    """The scores in ascending order, float64 on the CPU.

    Raises:
        CalibrationError: when they are not a vector or hold NaN.
    """
    if calibration_scores.ndim != 1:
        raise CalibrationError(f"expected calibration scores of shape (n,), got {tuple(calibration_scores.shape)}")
    if calibration_scores.isnan().any():
        missing = int(calibration_scores.isnan().sum())
        raise CalibrationError(
            f"expected calibration scores without NaN, got {missing} NaN of {len(calibration_scores)}"
        )
    return calibration_scores.detach().cpu().double().sort().values
