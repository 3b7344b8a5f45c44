"""How several scores become one: each is mapped to the p-value it has among known images, then these are combined.

Raw scores cannot be added: a distance runs to thousands where a probability stays below one. What they share is how
rare a value is among known images, so each goes through a `PValueMap`, a smooth account of that, fitted on known images
that the scores were not fitted on. The maps work with ``-log p``, "surprise", which grows with unknown-ness.

The p-values made here serve the combination only. The promise comes from the conformal step behind it, which holds
whatever is done here.

B images, G scores, n images that the maps are fitted on
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.errors import BundleError, CalibrationError
from hierclf.promises.conformal import sorted_scores
from hierclf.registry import Registry

Combination = Callable[[Tensor], Tensor]

TAIL = 0.1  # share of the known images that the exponential tail is fitted on

combinations: Registry[Combination] = Registry("combination")


@dataclass(frozen=True, eq=False)
class PValueMap:
    """A monotone map from a score to ``-log p``, with p the share of known images that score as high.

    In the bulk it is the empirical share with linear interpolation between the scores. Images more extreme than all
    but a tenth of the known are of most interest, and there the empirical share would soon tie them all at
    ``1 / (n + 1)``; so from that point on it is an exponential tail, whose scale is the mean excess:
    ``-log p(s) = -log p(u) + (s - u) / β``.

    Pickands, *Statistical Inference Using Extreme Order Statistics*, Annals of Statistics 1975 (the tail);
    Davison and Smith, *Models for Exceedances over High Thresholds*, JRSS B 1990 (the mean excess).

    Args:
        knots: distinct scores in ascending order, float64, shape ``(K,)``.
        surprise: ``-log p`` at the knots, ascending, float64, shape ``(K,)``.
        scale: ``β > 0``, float64, shape ``()``.

    >>> surprise = PValueMap.fit(torch.arange(1.0, 100.0))
    >>> surprise(torch.tensor([0.0, 50.0, 95.0, 1000.0])).exp().reciprocal()[:2]
    tensor([0.9900, 0.5000], dtype=torch.float64)
    """

    knots: Tensor
    surprise: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, scores: Tensor) -> PValueMap:
        """The map for the scores of known images.

        Args:
            scores: finite, any order, ties allowed, shape ``(n,)`` with ``n >= 1``.

        Raises:
            CalibrationError: without scores, or when some are not finite.
        """
        ascending = sorted_scores(scores)
        count = len(ascending)
        infinite = int(ascending.isinf().sum())
        if count == 0 or infinite:
            came = f"{count} scores, {infinite} of them infinite"
            raise CalibrationError(f"expected at least one score, all finite, to fit p-values on; got {came}")
        knots, ties = torch.unique(ascending, return_counts=True)
        at_least = count - (ties.cumsum(0) - ties)
        surprise = -(at_least.double() / (count + 1)).log()
        bulk = int((at_least >= TAIL * count).sum())  # at least one: all images score at least the first knot
        start = knots[bulk - 1]
        excess = (ascending - start).clamp(min=0).sum() / max(int((ascending > start).sum()), 1)
        smallest = 1e-9 * max(1.0, float(knots.abs().max()))  # where the top tenth ties, anything above it is extreme
        return cls(knots[:bulk], surprise[:bulk], excess.clamp(min=smallest))

    def checked(self) -> PValueMap:
        """The map itself, if it is one: for maps that come from a file.

        Raises:
            BundleError: when it is empty, not finite, or not monotone.
        """
        shapes = self.knots.ndim == 1 and self.knots.shape == self.surprise.shape and self.scale.ndim == 0
        finite = all(bool(values.isfinite().all()) for values in (self.knots, self.surprise, self.scale))
        if not (shapes and len(self.knots) and finite and self.scale > 0):
            raise BundleError("a stored p-value map is empty, not finite or of the wrong shape; save it anew")
        if (self.knots.diff() <= 0).any() or (self.surprise.diff() < 0).any():
            raise BundleError("a stored p-value map does not ascend; save it anew")
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name."""
        return {"knots": self.knots, "surprise": self.surprise, "scale": self.scale}

    def __call__(self, scores_B: Tensor) -> Tensor:
        """``-log p`` of each score, float64, shape ``(B,)``, at least 0 and without an upper bound."""
        scores_B = scores_B.double().contiguous()
        beyond_B = (scores_B - self.knots[-1]).clamp(min=0) / self.scale
        upper_B = torch.searchsorted(self.knots, scores_B).clamp(max=len(self.knots) - 1)
        lower_B = (upper_B - 1).clamp(min=0)
        width_B = self.knots[upper_B] - self.knots[lower_B]
        share_B = ((scores_B - self.knots[lower_B]) / torch.where(width_B > 0, width_B, 1.0)).clamp(0, 1)
        return torch.lerp(self.surprise[lower_B], self.surprise[upper_B], share_B) + beyond_B


@combinations.register("fisher")
def fisher(surprise_BG: Tensor) -> Tensor:
    """``-Σ log p``: every score adds its evidence, and one extreme score suffices.

    Fisher, *Statistical Methods for Research Workers*, 1925.

    >>> fisher(torch.tensor([[1.0, 2.0]]))
    tensor([3.])
    """
    return surprise_BG.sum(1)


@combinations.register("mean")
def mean(surprise_BG: Tensor) -> Tensor:
    """``-log`` of the mean p-value: high only where every score finds the image unusual.

    Vovk and Wang, *Combining p-values via averaging*, Biometrika 2020, arXiv:1212.4966.

    >>> mean(torch.tensor([[1.0, 1.0]]))
    tensor([1.])
    """
    return torch.tensor(surprise_BG.shape[1]).log() - (-surprise_BG).logsumexp(1)


@combinations.register("max")
def max_surprise(surprise_BG: Tensor) -> Tensor:
    """``-log`` of the smallest p-value: the most surprised score decides alone.

    Tippett, *The Methods of Statistics*, 1931.

    >>> max_surprise(torch.tensor([[1.0, 2.0]]))
    tensor([2.])
    """
    return surprise_BG.amax(1)
