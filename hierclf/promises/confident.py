"""A promise for the calibration set at hand: "with 95 % confidence, at most 5 % of known images are turned away".

Plain split conformal promises an *average*: over many calibration sets, 5 % of known images are turned away. The one
set that a user has may be unlucky, and then it is 7 % from now on, in about half of all cases more than 5 %. The
stricter promise says of the very threshold in use that, but for a chance δ of an unlucky calibration set, it turns
away at most a share α for good.

Let an image be turned away when it scores above the m-th largest of n calibration scores. The share of known images
above that score is at least α with the chance that fewer than m of n images fall into the top α of all known ones.
So the largest m that is allowed is

    m* = max {m : P(Bin(n, α) ≤ m - 1) ≤ δ}

and it needs more images: at α = δ = 0.05 the first image can be turned away with n = 59, not 19, and at n = 100 two
ranks are left where the average promise has five. Ties only make the gate turn away less.

Wilks, *Determination of Sample Sizes for Setting Tolerance Limits*, Annals of Mathematical Statistics 1941; Vovk,
*Conditional validity of inductive conformal predictors*, ACML 2012, arXiv:1209.2673; Park et al., *PAC Confidence
Sets for Deep Neural Networks via Calibrated Prediction*, ICLR 2020, arXiv:2001.00106.

n calibration images
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, log, log1p

from scipy.stats import binom
from torch import Tensor

from hierclf.promises.conformal import exact, sorted_scores
from hierclf.promises.sentence import counted, percent


def confident_rank(n: int, alpha: float, delta: float = 0.05) -> int:
    """How many of the largest calibration scores may lie above the threshold or on it: m*, 0 for none.

    Args:
        n: number of calibration images.
        alpha: largest share of known images that may be turned away, above 0 and below 1.
        delta: chance of a calibration set for which that fails, above 0 and below 1.

    Raises:
        CalibrationError: when a share is out of range.

    >>> [confident_rank(n, 0.05) for n in (58, 59, 100, 200, 500, 1000)]
    [0, 1, 2, 5, 17, 39]
    """
    exact(alpha)
    checked_chance(delta)
    rank = int(binom.ppf(delta, n, alpha))  # the first with P(Bin <= rank) >= delta; one more only where they are equal
    return rank + int(binom.cdf(rank, n, alpha) <= delta)


def confident_threshold(calibration_scores: Tensor, alpha: float, delta: float = 0.05) -> float:
    """The score above which an image is turned away: the m*-th largest calibration score.

    Args:
        calibration_scores: scores of known images used for nothing else, any order, shape ``(n,)``.
        alpha: largest share of known images that may be turned away.
        delta: chance of a calibration set for which that fails.

    Returns:
        The threshold; infinity where m* is 0: then too few images are at hand to turn anybody away.

    Raises:
        CalibrationError: when a share is out of range or a score is NaN.

    >>> import torch
    >>> confident_threshold(torch.arange(1, 101), 0.05), confident_threshold(torch.arange(1, 59), 0.05)
    (99.0, inf)
    """
    ascending = sorted_scores(calibration_scores)
    rank = confident_rank(len(ascending), alpha, delta)
    return float(ascending[len(ascending) - rank]) if rank else inf


def confident_level(n: int, alpha: float, delta: float = 0.05) -> float:
    """The same gate in p-values: turn an image away if and only if its conformal p-value is at most ``m* / (n + 1)``.

    >>> round(confident_level(1000, 0.05), 4)
    0.039
    """
    return confident_rank(n, alpha, delta) / (n + 1)


def minimum_confident_size(alpha: float, delta: float = 0.05) -> int:
    """How many calibration images it takes before any image can be turned away: the least n with ``(1 - α)^n ≤ δ``.

    >>> minimum_confident_size(0.05), minimum_confident_size(0.01), minimum_confident_size(0.05, delta=0.01)
    (59, 299, 90)
    """
    exact(alpha)
    checked_chance(delta)
    least = max(ceil(log(delta) / log1p(-alpha)) - 1, 0)  # a step back, since the quotient is rounded
    while confident_rank(least, alpha, delta) == 0:
        least += 1
    return least


@dataclass(frozen=True, kw_only=True)
class ConfidentPromise:
    """What may be expected of a gate with a confident threshold.

    Args:
        alpha: largest share of known images that the gate turns away.
        delta: chance of a calibration set for which that fails.
        n: number of calibration images.
    """

    alpha: float
    delta: float
    n: int

    @property
    def holds(self) -> bool:
        """Whether there are enough calibration images to turn anybody away and keep the promise."""
        return confident_rank(self.n, self.alpha, self.delta) > 0

    @property
    def sentence(self) -> str:
        """The promise in words.

        >>> ConfidentPromise(alpha=0.05, delta=0.05, n=200).sentence
        'With 95 % confidence, at most 5 % of known images are turned away by this very model from now on (calibrated
        on 200 known images kept for this alone). How many unknown images are noticed cannot be promised.'
        >>> ConfidentPromise(alpha=0.05, delta=0.05, n=40).sentence
        'No image is ever turned away: keeping 95 % of known images with 95 % confidence takes at least 59 calibration
        images, and there are 40. Add known images, or lower keep.'
        """
        sure = percent(1 - self.delta)
        if self.holds:
            return (
                f"With {sure} confidence, at most {percent(self.alpha)} of known images are turned away by this very "
                f"model from now on (calibrated on {counted(self.n, 'known image')} kept for this alone). How many "
                "unknown images are noticed cannot be promised."
            )
        return (
            f"No image is ever turned away: keeping {percent(1 - self.alpha)} of known images with {sure} confidence "
            f"takes at least {minimum_confident_size(self.alpha, self.delta)} calibration images, and there are "
            f"{self.n}. Add known images, or lower keep."
        )


def checked_chance(delta: float) -> None:
    """Refuse a chance of failing that is none.

    Raises:
        CalibrationError: when δ is not between 0 and 1.
    """
    exact(delta, "delta", "a chance of an unlucky calibration set")
