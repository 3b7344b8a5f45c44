"""Do today's images still look like the calibration images? A test before trusting the promise.

Every promise here assumes that new known images and calibration images are alike (exchangeable). Then their scores,
put together, could have been split into n old and m new in any way, and the Kolmogorov-Smirnov distance between the
two groups has an exact distribution whatever the scores are. A distance that is rare under it says that something
changed: the camera, the light, the mix of classes, the weights.

**Why two samples.** Under the promise the conformal p-values of new images are uniform on ``{1, …, n + 1} / (n + 1)``,
and testing them against the uniform distribution looks natural. But all of them share one calibration set: its luck
moves them together, and a test that takes them for independent raises far too many alarms (with as many new images as
old ones the variance is doubled). The two-sample test counts the luck of both sides.

**What it cannot tell.** Images of other in the batch have large scores, so the batch drifts upwards although nothing
is wrong with the known ones. Leaving out what the gate turned away does not help: that cuts known images as well, and
keeps the others that it let in. So give the test images that are known to be known, where there are any; else read a
drift towards "more unknown" as *either* unknown images *or* a change of the known ones, and ask for the direction
``"less unknown"`` where an alarm is wanted that images of other with large scores cannot set off: it says that the
calibration images are stranger than today's.

Smirnov, *Table for estimating the goodness of fit of empirical distributions*, Annals of Mathematical Statistics 1948;
Hodges, *The significance probability of the Smirnov two-sample test*, Arkiv för Matematik 1958 (the walk below).

n calibration images, m new images, B = m, T distinct scores
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.stats import ks_2samp
from torch import Tensor

from hierclf.errors import ConfigError
from hierclf.promises.conformal import exact, sorted_scores
from hierclf.promises.sentence import percent

Direction = Literal["any", "more unknown", "less unknown"]

EXACT_STEPS = 100_000_000
"""Largest ``(n + m) · min(n, m)`` for which the distribution is walked through; above, the large-sample one is used."""

ALTERNATIVES = {"any": "two-sided", "more unknown": "less", "less unknown": "greater"}
"""scipy's names: how the distribution function of the new scores lies against that of the old."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Whether new images look like the calibration images.

    Args:
        statistic: the Kolmogorov-Smirnov distance in the direction that was asked for, between 0 and 1.
        p_value: how often chance alone makes a distance as large; 1 without images.
        n: number of new images.
        calibration_n: number of calibration images.
        level: chance of a false alarm that is accepted.
        towards: where the largest distance lies, "more unknown" or "less unknown".
    """

    statistic: float
    p_value: float
    n: int
    calibration_n: int
    level: float
    towards: Direction

    @property
    def drifted(self) -> bool:
        """Whether the change is more than chance explains; without one, so at most in a share `level` of cases."""
        return self.p_value <= self.level

    @property
    def sentence(self) -> str:
        """The finding in words.

        >>> import torch
        >>> old = torch.arange(100.0)
        >>> score_drift(old, old[:20] + 60).sentence
        'The new images (20) look more unknown than the calibration images (100), more than chance explains (p = ...).
        If they are known images, the promise does not hold for them: calibrate again. Unknown images among them may
        also be the whole reason.'
        >>> score_drift(old, old[:20]).sentence
        'The new images (20) look less unknown than the calibration images (100), more than chance explains (p = ...).
        The calibration images are no measure of them any more: calibrate again.'
        >>> score_drift(old, old[::9]).sentence
        'Nothing shows that the new images (12) differ from the calibration images (100); that is no proof that they
        are alike. A false alarm was accepted in 5 % of cases.'
        >>> score_drift(old, old[:0]).sentence
        'With 0 new images and 100 calibration images nothing can be said about drift.'
        """
        if not (self.n and self.calibration_n):
            return (
                f"With {self.n} new images and {self.calibration_n} calibration images nothing can be said about drift."
            )
        if not self.drifted:
            return (
                f"Nothing shows that the new images ({self.n}) differ from the calibration images "
                f"({self.calibration_n}); that is no proof that they are alike. A false alarm was accepted in "
                f"{percent(self.level)} of cases."
            )
        advice = {
            "more unknown": (
                "If they are known images, the promise does not hold for them: calibrate again. Unknown images among "
                "them may also be the whole reason."
            ),
            "less unknown": "The calibration images are no measure of them any more: calibrate again.",
        }[self.towards]
        return (
            f"The new images ({self.n}) look {self.towards} than the calibration images ({self.calibration_n}), more "
            f"than chance explains (p = {self.p_value:.2g}). {advice}"
        )


def score_drift(
    calibration_scores: Tensor, scores_B: Tensor, *, level: float = 0.05, direction: Direction = "any"
) -> Drift:
    """Compare the scores of new images with those of the calibration images.

    Args:
        calibration_scores: scores of known images used for nothing else, any order, shape ``(n,)``.
        scores_B: scores of the new images by the same gate, larger = more unknown, shape ``(B,)``.
        level: chance of a false alarm, above 0 and below 1. Ask once per batch: asking daily raises one every
            ``1 / level`` days.
        direction: "any", or one of "more unknown" and "less unknown" for more power against that change alone.

    Returns:
        The distance and its p-value. The p-value is the exact share of splits of the scores with such a distance, ties
        included, up to `EXACT_STEPS`; beyond, that of the large-sample distribution.

    Raises:
        CalibrationError: when the level is out of range or a score is NaN.
        ConfigError: for another direction.

    >>> import torch
    >>> drift = score_drift(torch.arange(4.0), torch.tensor([9.0, 9.0]))
    >>> drift.statistic, round(drift.p_value, 4), drift.towards  # 2 of the 15 splits are as uneven
    (1.0, 0.1333, 'more unknown')
    """
    exact(level, "level", "a chance of a false alarm")
    if direction not in ALTERNATIVES:
        raise ConfigError(f"expected a direction of drift among {list(get_args(Direction))}, got {direction!r}")
    old, new = sorted_scores(calibration_scores).numpy(), sorted_scores(scores_B).numpy()
    size_T, new_T = _tied(old, new)
    gap_T = _gap(size_T.cumsum(), new_T.cumsum(), len(new), len(old))
    up, down = int(-gap_T.min(initial=0)), int(gap_T.max(initial=0))
    reached = {"any": max(up, down), "more unknown": up, "less unknown": down}[direction]
    towards: Direction = direction if direction != "any" else "more unknown" if up >= down else "less unknown"
    pairs = len(old) * len(new)
    if reached == 0:
        p_value = 1.0
    elif (len(old) + len(new)) * min(len(old), len(new)) <= EXACT_STEPS:
        p_value = split_share(size_T, len(new), reached, direction)
    else:
        p_value = float(ks_2samp(new, old, alternative=ALTERNATIVES[direction], method="asymp").pvalue)
    return Drift(
        statistic=reached / pairs if pairs else 0.0,
        p_value=p_value,
        n=len(new),
        calibration_n=len(old),
        level=level,
        towards=towards,
    )


def split_share(size_T: Integers, m: int, reached: int, direction: Direction = "any") -> float:
    """The share of all splits into n old and m new images whose distance is at least the one that was reached.

    All splits are walked through at once, image by image in the order of their scores: a split stands at the number of
    new images so far, and the next image is new with probability (new ones left) / (all left). After each distinct
    score those that stand too far from the diagonal leave, and their probability is counted.

    Args:
        size_T: number of images at each distinct score, ascending, ``n + m`` in all.
        m: number of new images.
        reached: the distance times ``n m``, a whole number, at least 1.
        direction: which side of the diagonal counts.

    >>> round(split_share(np.array([1, 1, 1, 1]), 2, 4), 4)  # of 6 splits, old old new new and its mirror image
    0.3333
    """
    total = int(size_T.sum())
    flip = m > total - m  # follow the smaller group
    few = min(m, total - m)
    place = np.arange(few + 1)
    share = np.zeros(few + 1)
    share[0] = 1.0
    left, seen = 0.0, 0
    for size in size_T:
        for _ in range(int(size)):
            step = share * np.clip((few - place) / (total - seen), 0.0, 1.0)
            share = share - step
            share[1:] += step[:-1]
            seen += 1
        gap = _gap(np.array(seen), place if not flip else seen - place, m, total - m)
        out = _leaves(gap, reached, direction)
        left += float(share[out].sum())
        share[out] = 0.0
    return min(left, 1.0)


def _tied(old: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> tuple[Integers, Integers]:
    """At each distinct score, ascending: how many images have it, and how many of these are new."""
    _, place, size_T = np.unique(np.concatenate([old, new]), return_inverse=True, return_counts=True)
    new_T = np.bincount(place[len(old) :], minlength=len(size_T))
    return size_T.astype(np.int64), new_T.astype(np.int64)


def _gap(seen: Integers, new: Integers, m: int, n: int) -> Integers:
    """The share of new images so far less that of old ones, times n m; negative where new images come later."""
    return new * n - (seen - new) * m


def _leaves(gap: Integers, reached: int, direction: Direction) -> npt.NDArray[np.bool_]:
    """Which gaps are at least as large as the one reached, on the side in question."""
    if direction == "more unknown":
        return gap <= -reached
    if direction == "less unknown":
        return gap >= reached
    return np.abs(gap) >= reached
