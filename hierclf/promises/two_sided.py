"""Three answers where images of other are at hand for calibration: known, uncertain, other.

The one-sided gate promises that few known images are turned away; what it lets in, nobody knows. With calibration
images of *one kind of other* a second threshold promises the opposite error for that kind: at most a share β of such
images is called known.

* ``upper``: the ⌈(n + 1)(1 - α)⌉-th smallest score of the n known images; an image above it is other.
* ``lower``: the ⌊β(m + 1)⌋-th smallest score of the m images of other; an image below it may be called known.

Each is a conformal test, of "it is known" and of "it is such an other". Scores in ``[lower, upper]`` fit both, and the
answer is *uncertain*: there nobody is wrong, and no promise says how many images end there.

**When the thresholds cross** (``upper < lower``, the two kinds being well apart) no image is uncertain. A score between
them fits neither, and each of the two answers keeps both promises: any cut in ``[upper, lower)`` turns away a part of
the images above ``upper`` and lets in a part of those below ``lower``. The cut is at ``upper``, so that the gate turns
away exactly the images that it would turn away without any images of other.

Both promises are averages over calibration sets, for a further known image and a further image of the same kind of
other. Tomorrow's other may be of another kind; for it nothing is promised, and no amount of data can change that.

Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, 2005; Chow, *On optimum recognition error and
reject tradeoff*, IEEE Transactions on Information Theory 1970 (the third answer).

B images, n calibration images of known, m of other
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf

import torch
from torch import Tensor

from hierclf.errors import CalibrationError
from hierclf.promises.conformal import conformal_threshold, exact, largest_turned_away, p_values, sorted_scores
from hierclf.promises.sentence import counted, percent

KNOWN, UNCERTAIN, OTHER = 0, 1, 2
"""The zones in ascending order of score."""


def acceptance_threshold(other_scores: Tensor, beta: float) -> float:
    """The score below which an image may be called known: the k-th smallest score of other, ``k = ⌊β(m + 1)⌋``.

    Args:
        other_scores: scores of images of one kind of other, used for nothing else, any order, shape ``(m,)``.
        beta: largest share of such images that may be called known, above 0 and below 1.

    Returns:
        The threshold; minus infinity where ``k = 0``: then too few images of other are at hand to be sure of anybody.

    Raises:
        CalibrationError: when β is out of range or a score is NaN.

    >>> acceptance_threshold(torch.arange(1, 40), 0.05), acceptance_threshold(torch.arange(1, 19), 0.05)
    (2.0, -inf)
    """
    ascending = sorted_scores(other_scores)
    checked_beta(beta)
    rank = largest_turned_away(len(ascending), beta)
    return float(ascending[rank - 1]) if rank else -inf


def other_p_values(other_scores: Tensor, scores_B: Tensor) -> Tensor:
    """How well each image fits that kind of other: ``(1 + #{j: o_j ≤ s}) / (m + 1)``.

    An image scores below the `acceptance_threshold` if and only if this is at most β.

    Args:
        other_scores: as for `acceptance_threshold`, shape ``(m,)``.
        scores_B: scores of the images in question, larger = more unknown, shape ``(B,)``.

    Returns:
        float64, shape ``(B,)``.

    >>> other_p_values(torch.tensor([5.0, 6.0, 7.0]), torch.tensor([1.0, 6.0]))
    tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    return p_values(-other_scores, -scores_B)


@dataclass(frozen=True, kw_only=True)
class TwoSided:
    """Two thresholds, three zones, two promises.

    Args:
        alpha: largest share of known images that are called other.
        beta: largest share of images of this kind of other that are called known.
        n: number of known calibration images.
        m: number of calibration images of other.
        lower: scores below it may be known; minus infinity for none.
        upper: scores above it are other; infinity for none.

    >>> gate = TwoSided.calibrated(torch.arange(100.0), torch.arange(80.0, 180.0), alpha=0.1, beta=0.1)
    >>> gate.lower, gate.upper
    (89.0, 90.0)
    >>> gate.zones(torch.tensor([88.9, 89.0, 90.0, 90.1]))
    tensor([0, 1, 1, 2])
    """

    alpha: float
    beta: float
    n: int
    m: int
    lower: float
    upper: float

    @classmethod
    def calibrated(cls, known_scores: Tensor, other_scores: Tensor, *, alpha: float, beta: float) -> TwoSided:
        """The thresholds that keep both promises.

        Args:
            known_scores: scores of known images used for nothing else, shape ``(n,)``.
            other_scores: scores of images of one kind of other used for nothing else, shape ``(m,)``.
            alpha: largest share of known images that may be called other.
            beta: largest share of such images of other that may be called known.

        Raises:
            CalibrationError: when a share is out of range or a score is NaN.
        """
        return cls(
            alpha=alpha,
            beta=beta,
            n=len(known_scores),
            m=len(other_scores),
            lower=acceptance_threshold(other_scores, beta),
            upper=conformal_threshold(known_scores, alpha),
        )

    @property
    def crossing(self) -> bool:
        """Whether the thresholds cross, so that no image is uncertain."""
        return self.upper < self.lower

    def zones(self, scores_B: Tensor) -> Tensor:
        """`KNOWN`, `UNCERTAIN` or `OTHER` for each image.

        Args:
            scores_B: larger = more unknown, shape ``(B,)``.

        Returns:
            int64, shape ``(B,)``: other above `upper`; else known below `lower`; else uncertain. When the thresholds
            cross, everything up to `upper` is known.

        Raises:
            CalibrationError: when a score is NaN.
        """
        scores_B = scores_B.double()
        if scores_B.isnan().any():
            raise CalibrationError(f"expected scores without NaN, got {int(scores_B.isnan().sum())} NaN")
        zone_B = torch.where(scores_B < self.lower, KNOWN, UNCERTAIN)
        return torch.where(scores_B > self.upper, OTHER, zone_B)

    @property
    def holds(self) -> bool:
        """Whether there are enough images on both sides for either answer to be given at all."""
        return self.upper < inf and self.lower > -inf

    @property
    def sentence(self) -> str:
        """The promises in words.

        >>> gate = TwoSided.calibrated(torch.arange(100.0), torch.arange(80.0, 180.0), alpha=0.05, beta=0.1)
        >>> gate.sentence
        'At most 5 % of known images are called other (calibrated on 100 known images), and at most 10 % of images like
        the 100 images of other are called known; in between the answer is uncertain. For any other kind of unknown
        image nothing can be promised.'
        >>> TwoSided.calibrated(torch.arange(100.0), torch.arange(5.0), alpha=0.05, beta=0.1).sentence
        'At most 5 % of known images are called other (calibrated on 100 known images), and no image is ever called
        known: that takes at least 9 images of other, and there are 5; in between the answer is uncertain. For any
        other kind of unknown image nothing can be promised.'
        """
        known, other = counted(self.n, "known image"), counted(self.m, "image")
        if self.upper < inf:
            first = f"At most {percent(self.alpha)} of known images are called other (calibrated on {known})"
        else:
            least = ceil(1 / exact(self.alpha)) - 1
            first = f"No image is ever called other: that takes at least {least} known images, and there are {self.n}"
        if self.lower > -inf:
            second = f"at most {percent(self.beta)} of images like the {other} of other are called known"
        else:
            least = ceil(1 / checked_beta(self.beta)) - 1
            second = (
                f"no image is ever called known: that takes at least {least} images of other, and there are {self.m}"
            )
        third = "no image is left uncertain" if self.crossing else "in between the answer is uncertain"
        return f"{first}, and {second}; {third}. For any other kind of unknown image nothing can be promised."


def checked_beta(beta: float) -> Fraction:
    """The share of other that may be called known, as the decimal that was written.

    Raises:
        CalibrationError: when it is not between 0 and 1.
    """
    return exact(beta, "beta", "a share of images of other to call known")
