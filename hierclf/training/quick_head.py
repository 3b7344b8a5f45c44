"""A head for a moment: what a classifier of some of the classes would say, learnt in a fraction of a second.

The rounds of leave-one-child-out need a head that has never seen the forgotten class. The embeddings are brought to
their strongest directions first, which costs little accuracy and makes the size of the problem independent of theirs.

B images, D embedding, R directions, L leaf classes
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.heads import FlatHead
from hierclf.losses import label_weights
from hierclf.training.linear import LabelledEmbeddings, fit_head

MOST_DIRECTIONS = 128
PENALTY, STEPS = 0.03, 30


@dataclass(frozen=True, kw_only=True, eq=False)
class QuickHead:
    """A linear classifier: a function from embeddings to unnormalised scores of the leaf classes.

    Args:
        weight: float64, shape ``(L, D)``.
        bias: float64, shape ``(L,)``.
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Scores, float64, shape ``(B, L)``."""
        return torch.addmm(self.bias, embedding_BD.double(), self.weight.T)


def quick_head(embedding_BD: Tensor, slot_B: Tensor, plan: DagPlan) -> QuickHead:
    """A flat softmax over the leaves.

    Args:
        embedding_BD: embeddings to learn from, shape ``(B, D)``.
        slot_B: leaf slot of each, int64, shape ``(B,)``.
        plan: the compiled taxonomy.

    Returns:
        The classifier; a class without images gets a low score.
    """
    values_BD = embedding_BD.double()
    mean_D = values_BD.mean(0)
    directions_DR = torch.eye(values_BD.shape[1], dtype=torch.float64)
    if values_BD.shape[1] > MOST_DIRECTIONS:
        centred_BD = values_BD - mean_D
        directions_DR = torch.linalg.eigh(centred_BD.T @ centred_BD)[1][:, -MOST_DIRECTIONS:]
    head = FlatHead(directions_DR.shape[1], plan, generator=torch.Generator().manual_seed(0))
    projected = ((values_BD - mean_D) @ directions_DR).float()
    train = LabelledEmbeddings(embedding_BD=projected, label_B=plan.leaf_L[slot_B])
    nothing = LabelledEmbeddings(embedding_BD=projected[:0], label_B=train.label_B[:0])
    fit_head(head, train, nothing, label_weights(plan, "leaf").float(), penalties=(PENALTY,), steps=STEPS)
    weight_LD = head.linear.weight.detach().double() @ directions_DR.T
    return QuickHead(weight=weight_LD, bias=head.linear.bias.detach().double() - weight_LD @ mean_D)
