"""A batch of images at once: among those that are called other, at most a share q is known.

A gate at α = 0.05 looks at one image. Among a thousand images of which ten are other, it calls some fifty known ones
other as well: five of six alarms are false. Whoever goes through the alarms by hand cares about that share. The
Benjamini-Hochberg procedure bounds it: with the p-values in ascending order, it calls other the images up to the
largest k with ``p_(k) ≤ q k / B``. The bound is on the expected share (0 where nobody is called other), and it holds
with room: on average it is q times the share of known images in the batch.

Conformal p-values of one batch depend on each other, since all are compared with the same calibration images. The
dependence is of the kind under which the procedure stays valid (PRDS, shown by Bates et al.), so no correction is
needed. The calibration images and the known images of the batch must be exchangeable, whatever the others are.

Benjamini and Hochberg, *Controlling the False Discovery Rate*, JRSS B 1995; Benjamini and Yekutieli, *The control of
the false discovery rate in multiple testing under dependency*, Annals of Statistics 2001; Bates et al., *Testing for
Outliers with Conformal p-values*, Annals of Statistics 2023, arXiv:2104.08279.

B images, n calibration images
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import torch
from scipy.stats import false_discovery_control
from torch import Tensor

from hierclf.errors import CalibrationError
from hierclf.promises.conformal import exact
from hierclf.promises.sentence import counted, percent

ROUNDING = 1e-12
"""How far above q an adjusted p-value may come to lie by rounding alone."""


def discoveries(p_value_B: Tensor, rate: float) -> Tensor:
    """Which images of a batch are called other, with the false discovery rate at most `rate`.

    Args:
        p_value_B: conformal p-values of one batch, all against the same calibration images, above 0 and at most 1,
            shape ``(B,)``. What is called other depends on the batch, so look at all images that matter at once.
        rate: q, the largest expected share of known images among those called other, above 0 and below 1.

    Returns:
        bool, shape ``(B,)``: True for other. With one image alone: whether its p-value is at most `rate`.

    Raises:
        CalibrationError: when a p-value or the rate is out of range.

    >>> discoveries(torch.tensor([0.01, 0.04, 0.02, 0.9]), 0.05)
    tensor([ True, False,  True, False])
    """
    checked_rate(rate)
    return adjusted_p_values(p_value_B) <= rate * (1 + ROUNDING)


def adjusted_p_values(p_value_B: Tensor) -> Tensor:
    """The smallest rate at which each image would be called other: ``min over j ≥ k of p_(j) B / j``, at most 1.

    Args:
        p_value_B: as for `discoveries`, shape ``(B,)``.

    Returns:
        float64 on the CPU, shape ``(B,)``, never below the p-value.

    Raises:
        CalibrationError: when they are not a vector of p-values.

    >>> adjusted_p_values(torch.tensor([0.01, 0.04, 0.02, 0.9], dtype=torch.float64))
    tensor([0.0400, 0.0533, 0.0400, 0.9000], dtype=torch.float64)
    """
    p_value_B = p_value_B.detach().cpu().double()
    if p_value_B.ndim != 1 or not ((p_value_B > 0) & (p_value_B <= 1)).all():
        came = f"shape {tuple(p_value_B.shape)}"
        if p_value_B.ndim == 1:
            came = f"values from {float(p_value_B.min()):.3g} to {float(p_value_B.max()):.3g}"
        raise CalibrationError(f"expected p-values of shape (B,), above 0 and at most 1, got {came}")
    if len(p_value_B) == 0:
        return p_value_B
    return torch.from_numpy(false_discovery_control(p_value_B.numpy(), method="bh"))


def fewest_discoveries(n: int, batch: int, rate: float) -> int:
    """How many images of a batch must outscore all n calibration images before any of them is called other.

    No p-value is below ``1 / (n + 1)``, so k images with the smallest possible one pass only if
    ``k ≥ B / (q (n + 1))``. More calibration images, or smaller batches, make single images visible.

    >>> fewest_discoveries(200, 1000, 0.1), fewest_discoveries(9999, 1000, 0.1)
    (50, 1)
    """
    return max(ceil(batch / (checked_rate(rate) * (n + 1))), 1)


@dataclass(frozen=True, kw_only=True)
class DiscoveryPromise:
    """What may be expected of the images of one batch that are called other.

    Args:
        rate: largest expected share of known images among them.
        n: number of calibration images.
        batch: number of images in the batch.
    """

    rate: float
    n: int
    batch: int

    @property
    def holds(self) -> bool:
        """Whether there are enough calibration images for any image of the batch to be called other."""
        return self.batch > 0 and fewest_discoveries(self.n, self.batch, self.rate) <= self.batch

    @property
    def sentence(self) -> str:
        """The promise in words.

        >>> DiscoveryPromise(rate=0.1, n=500, batch=100).sentence
        'On average over batches, at most 10 % of the images that are called other are known ones (500 calibration
        images; of these 100 images, at least 2 must look stranger than all of them before any is called other). How
        many of the unknown images are among them cannot be promised.'
        >>> DiscoveryPromise(rate=0.05, n=12, batch=100).sentence
        'No image of this batch is called other: with at most 5 % of false alarms that takes at least 19 calibration
        images, and there are 12. Add known images, or allow more false alarms.'
        """
        if self.batch == 0:
            return "There is no image to call other, so nothing is promised."
        if self.holds:
            fewest = fewest_discoveries(self.n, self.batch, self.rate)
            these = "this one image" if self.batch == 1 else f"these {self.batch} images"
            return (
                f"On average over batches, at most {percent(self.rate)} of the images that are called other are known "
                f"ones ({counted(self.n, 'calibration image')}; of {these}, at least {fewest} must look stranger than "
                "all of them before any is called other). How many of the unknown images are among them cannot be "
                "promised."
            )
        return (
            f"No image of this batch is called other: with at most {percent(self.rate)} of false alarms that takes at "
            f"least {ceil(1 / checked_rate(self.rate)) - 1} calibration images, and there are {self.n}. Add known "
            "images, or allow more false alarms."
        )


def checked_rate(rate: float) -> Fraction:
    """The rate as a number that ranks can be computed from.

    Raises:
        CalibrationError: when it is not between 0 and 1.
    """
    return exact(rate, "rate", "a share of known images among those called other")
