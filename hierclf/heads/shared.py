"""Siblings share what their ancestors learn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierclf.dag import DagPlan, ancestor_sum, membership_of_leaves, select_nodes
from hierclf.heads.head import NodeMajorLinear, heads

# B images, D embedding, N nodes, M nodes without the root, L leaves


@heads.register("shared")
class SharedHead(nn.Module):
    """One logit per node; a leaf's score is the sum over the set of its ancestors and itself; softmax over leaves.

    The per-node classifier that this implies is P(c | u) = M(c) / M(u).

    Args:
        in_features: width D of the embedding.
        plan: the compiled taxonomy.
        generator: where the first weights come from.

    Valmadre, *Hierarchical classification at multiple operating points*, NeurIPS 2022, arXiv:2210.10929 (parameter-
    sharing softmax), extended to DAGs by summing over the distinct ancestors.
    """

    def __init__(self, in_features: int, plan: DagPlan, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.linear = NodeMajorLinear(in_features, plan.num_nodes - 1, generator=generator)

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """Node logits without the root's, shape ``(B, M)``."""
        logits_BM: Tensor = self.linear(embedding_BD)
        return logits_BM

    def node_log_probs(self, logits_BM: Tensor) -> Tensor:
        """Log M of every node, shape ``(B, N)``."""
        return membership_of_leaves(self.leaf_scores(logits_BM).log_softmax(1), self.plan.to(logits_BM.device))

    def leaf_scores(self, logits_BM: Tensor) -> Tensor:
        """Summed logits of each leaf's ancestors and itself, shape ``(B, L)``."""
        plan = self.plan.to(logits_BM.device)
        return select_nodes(ancestor_sum(nn.functional.pad(logits_BM, (1, 0)), plan), plan.leaf_L)
