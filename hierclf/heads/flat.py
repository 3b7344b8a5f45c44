"""A plain softmax over the leaves, summed upwards."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierclf.dag import DagPlan, membership_of_leaves
from hierclf.heads.head import NodeMajorLinear, heads

# B images, D embedding, L leaves, N nodes


@heads.register("flat")
class FlatHead(nn.Module):
    """One logit per leaf, softmax over leaves; an internal node's M is the sum over the leaves below it.

    Args:
        in_features: width D of the embedding.
        plan: the compiled taxonomy.
        generator: where the first weights come from.
    """

    def __init__(self, in_features: int, plan: DagPlan, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.linear = NodeMajorLinear(in_features, plan.num_leaves, generator=generator)

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """Leaf logits, shape ``(B, L)``."""
        logits_BL: Tensor = self.linear(embedding_BD)
        return logits_BL

    def node_log_probs(self, logits_BL: Tensor) -> Tensor:
        """Log M of every node, shape ``(B, N)``."""
        return membership_of_leaves(logits_BL.log_softmax(1), self.plan.to(logits_BL.device))

    def leaf_scores(self, logits_BL: Tensor) -> Tensor:
        """The logits themselves, shape ``(B, L)``."""
        return logits_BL
