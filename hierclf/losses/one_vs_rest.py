"""A sigmoid per leaf instead of one softmax over all: every leaf decides for itself whether an image is its own.

An image of other is then simply nobody's, so it is a negative for every leaf, and an image that every leaf turns down
looks unknown by itself: the gate's score ``max_logit`` reads exactly that.

B images, L leaves, M images of other, s the score of a leaf, p = σ(s), N nodes, K nodes on the longest path
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierclf.losses.classification import ClassificationLoss, LogitReader, classification_losses
from hierclf.losses.open_set import OpenSetBatch, OtherLoss

SMALLEST = 1e-30
"""Below it a sum of probabilities is taken as the logarithm of a sum, so that nothing underflows."""


def one_vs_rest_loss(score_BL: Tensor, below_BL: Tensor, image_weight_B: Tensor) -> Tensor:
    """Weighted sum over the images of ``-Σ_{l not below y} log(1 - p_l) - log(1 - Π_{l below y} (1 - p_l))``.

    Args:
        score_BL: scores of the leaves, before any sigmoid.
        below_BL: which leaves lie at or below each image's label y, bool; at least one in each row.
        image_weight_B: what each image counts.

    Returns:
        A scalar. For a label that is a leaf the second term is ``-log p_y``, so this is the binary cross-entropy of all
        leaves, summed; for any other label it says that one of the leaves below it is right, without saying which.

    Shu, Xu and Liu, *DOC: Deep Open Classification of Text Documents*, EMNLP 2017, arXiv:1709.08716; the noisy-or over
    the leaves below a label is that of Maron and Lozano-Pérez, *A Framework for Multiple-Instance Learning*, NeurIPS
    1997.
    """
    turned_down_BL = nn.functional.softplus(score_BL)  # -log(1 - p)
    rest_B = turned_down_BL.masked_fill(below_BL, 0.0).sum(1)
    none_B = turned_down_BL.masked_fill(~below_BL, 0.0).sum(1)  # -log P(none of those below)
    tiny_B = none_B < SMALLEST  # there P(some) = Σ p = Σ exp(s), all of them tiny
    some_B = (-torch.expm1(-none_B.clamp(min=SMALLEST))).log()
    some_B = torch.where(tiny_B, score_BL.masked_fill(~below_BL, -torch.inf).logsumexp(1), some_B)
    return (image_weight_B * (rest_B - some_B)).sum()


def one_vs_rest(
    head: LogitReader,
    logits_BO: Tensor,
    label_B: Tensor,
    weight_NK: Tensor,
    *,
    image_weight_B: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Mean of `one_vs_rest_loss` over the labelled images; each counts what ``weight_NK`` says of its label in all.

    An image labelled at the root adds nothing.
    """
    assert smoothing == 0, "a sigmoid per leaf has no label to spread over all leaves"
    plan = head.plan.to(logits_BO.device)
    known_B = label_B >= 0
    node_B = label_B.clamp(min=0)
    below_BL = (plan.path_NK[plan.leaf_L] == node_B[:, None, None]).any(2) | (node_B == 0)[:, None]
    scores_BL = head.leaf_scores(logits_BO)
    weight_B = weight_NK.sum(1)[node_B].to(scores_BL.dtype) * known_B
    if image_weight_B is not None:
        weight_B = weight_B * image_weight_B.to(weight_B.dtype)
    return one_vs_rest_loss(scores_BL, below_BL, weight_B) / known_B.sum().clamp(min=1)


def nobodys_loss(batch: OpenSetBatch) -> Tensor:
    """Images of other as negatives for every leaf: ``Σ_m share_m · (-Σ_l log(1 - p_l))``."""
    turned_down_ML = nn.functional.softplus(batch.leaf_BL[batch.known :])
    total: Tensor = (batch.share_M * turned_down_ML.sum(1)).sum()
    return total


classification_losses.register("one_vs_rest")(
    ClassificationLoss(known=one_vs_rest, other=OtherLoss(term=nobodys_loss), leaves_only=True)
)
