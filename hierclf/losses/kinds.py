"""Kinds of other as classes beside the leaves: they compete in one softmax, so the features learn to tell them apart.

With folders of letters, toys and clothes as images of other there are three kinds; their outputs live on a linear layer
of their own, which is left behind after training: what is kept are the features.

B images, the known ones first, M images of other among them, L leaves, O kinds of other
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.losses.open_set import OpenSetBatch, OtherLoss, other_losses


def known_or_other_loss(leaf_BL: Tensor, kinds_BO: Tensor, kind_M: Tensor, share_M: Tensor | None = None) -> Tensor:
    """Leaves against kinds of other in one softmax: −log P(known) and −log P(kind), both sides counting alike.

    Args:
        leaf_BL: scores of the leaves, known images first, then M of other.
        kinds_BO: scores of the kinds of other, shape ``(B, O)``.
        kind_M: the kind of each image of other, int64.
        share_M: what each of them counts, 1 in all, shape ``(M,)``; None lets all count alike.

    Returns:
        A scalar, ``½·(mean of -log P(known) over the known + Σ_m share_m·(-log P(kind of m)))``.
    """
    count = len(leaf_BL) - len(kind_M)
    leaf_B = leaf_BL.logsumexp(1)
    total_B = torch.logaddexp(leaf_B, kinds_BO.logsumexp(1))
    known = (total_B - leaf_B)[:count].mean()
    strange_M = total_B[count:] - kinds_BO[count:].gather(1, kind_M[:, None])[:, 0]
    strange = strange_M.mean() if share_M is None else (share_M * strange_M).sum()
    both: Tensor = 0.5 * (known + strange)
    return both


def _kinds(batch: OpenSetBatch) -> Tensor:
    assert batch.kinds_BO is not None
    return known_or_other_loss(batch.leaf_BL, batch.kinds_BO, batch.kind_M, batch.share_M)


other_losses.register("kinds")(OtherLoss(term=_kinds, learns_kinds=True))
