"""Each internal node is a classifier over its children."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierclf.dag import DagPlan, flow, node_log_probs, select_nodes
from hierclf.heads.head import NodeMajorLinear, heads

# B images, D embedding, E edges, N nodes, L leaves


@heads.register("per_node")
class PerNodeHead(nn.Module):
    """One logit per edge, softmax over the edges that leave a node; flow and membership follow.

    Args:
        in_features: width D of the embedding.
        plan: the compiled taxonomy.
        generator: where the first weights come from.

    Redmon and Farhadi, *YOLO9000*, CVPR 2017, arXiv:1612.08242 (conditional softmax on a WordTree).
    """

    def __init__(self, in_features: int, plan: DagPlan, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.linear = NodeMajorLinear(in_features, plan.num_edges, generator=generator)

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """Edge logits, shape ``(B, E)``."""
        logits_BE: Tensor = self.linear(embedding_BD)
        return logits_BE

    def node_log_probs(self, logits_BE: Tensor) -> Tensor:
        """Log M of every node, shape ``(B, N)``."""
        return node_log_probs(logits_BE, self.plan.to(logits_BE.device))

    def leaf_scores(self, logits_BE: Tensor) -> Tensor:
        """Log M of each leaf, lifted to the level of the logits, shape ``(B, L)``.

        The level is the log-sum-exp over all routes of the logits summed along the route, and is what energy and
        max_logit read. The sums themselves are no scores of leaves: a node with two children competes with none but
        these two, so its logits may be of any size, and the leaf with the largest sum need not be the likeliest.
        """
        plan = self.plan.to(logits_BE.device)
        level_B1 = select_nodes(flow(logits_BE, plan), plan.leaf_L).logsumexp(1, keepdim=True)
        return select_nodes(node_log_probs(logits_BE, plan), plan.leaf_L) + level_B1
