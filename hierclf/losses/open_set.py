"""How training learns from images that are none of the classes, by name.

Every way reads one batch, known images first, then those of other (given ones, and negatives that are made of known
images), and gives one number that is added to the classification loss. Both sides are means over their own images, so
they count alike however many of each a batch holds; ``share_M`` says what each image of other counts.

Formulas: with leaf scores ``s``, ``p = softmax(s)`` over the L leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.registry import Registry

# B images, the known ones first, M images of other among them, D embedding, L leaves, O kinds of other


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenSetBatch:
    """What one batch shows to a loss on images of other.

    Args:
        embedding_BD: of all images, those of other last.
        leaf_BL: scores of the leaves.
        kinds_BO: scores of the kinds of other, for losses that learn kinds; None for the rest.
        kind_M: the kind of each image of other, int64.
        share_M: what each of them counts, 1 in all.
    """

    embedding_BD: Tensor
    leaf_BL: Tensor
    kinds_BO: Tensor | None
    kind_M: Tensor
    share_M: Tensor

    @property
    def known(self) -> int:
        """Number of known images."""
        return len(self.leaf_BL) - len(self.kind_M)


@dataclass(frozen=True, kw_only=True)
class OtherLoss:
    """A way to learn from images of other.

    Args:
        term: what a batch is minimised for, a scalar; None learns nothing from them.
        weight: what it is multiplied with, on top of the setting ``other_weight``.
        learns_kinds: whether it needs a linear layer on the embedding with one output per kind of other.
        joins: share of the training after which it joins in.
    """

    term: Callable[[OpenSetBatch], Tensor] | None
    weight: float = 1.0
    learns_kinds: bool = False
    joins: float = 0.0


other_losses: Registry[OtherLoss] = Registry("loss on images of other")


def known_or_other_loss(leaf_BL: Tensor, kinds_BO: Tensor, kind_M: Tensor, share_M: Tensor | None = None) -> Tensor:
    """Leaves against kinds of other in one softmax: −log P(known) and −log P(kind), both sides counting alike.

    Args:
        leaf_BL: scores of the leaves, known images first, then M of other.
        kinds_BO: scores of the kinds of other, shape ``(B, O)``.
        kind_M: the kind of each image of other, int64.
        share_M: what each of them counts, 1 in all, shape ``(M,)``; None lets all count alike.

    Returns:
        A scalar, ``½·(mean of -log P(known) over the known + Σ_m share·(-log P(kind of m)))``.
    """
    count = len(leaf_BL) - len(kind_M)
    leaf_B = leaf_BL.logsumexp(1)
    total_B = torch.logaddexp(leaf_B, kinds_BO.logsumexp(1))
    known = (total_B - leaf_B)[:count].mean()
    strange_M = total_B[count:] - kinds_BO[count:].gather(1, kind_M[:, None])[:, 0]
    strange = strange_M.mean() if share_M is None else (share_M * strange_M).sum()
    both: Tensor = 0.5 * (known + strange)
    return both


def entropic_open_set_loss(leaf_log_probs_BL: Tensor) -> Tensor:
    """Cross-entropy to the uniform distribution over the leaves: ``-mean_y log p(y)``, averaged over the images.

    Args:
        leaf_log_probs_BL: log-probabilities of images of "other", shape ``(B, L)``.

    Returns:
        A scalar, at least ``log L``; 0 for an empty batch.

    Dhamija, Günther and Boult, *Reducing Network Agnostophobia*, NeurIPS 2018, arXiv:1811.04110; the same term is the
    outlier exposure of Hendrycks et al., ICLR 2019, arXiv:1812.04606.
    """
    if len(leaf_log_probs_BL) == 0:
        return leaf_log_probs_BL.sum()
    return -leaf_log_probs_BL.mean()


def _kinds(batch: OpenSetBatch) -> Tensor:
    assert batch.kinds_BO is not None
    return known_or_other_loss(batch.leaf_BL, batch.kinds_BO, batch.kind_M, batch.share_M)


other_losses.register("kinds")(OtherLoss(term=_kinds, learns_kinds=True))
other_losses.register("none")(OtherLoss(term=None))
