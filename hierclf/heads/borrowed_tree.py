"""Decides along another tree than the taxonomy's: one that was discovered, or induced from a classifier's weights.

Each node of that tree is a classifier over its children, as in `PerNodeHead`. What comes out are the probabilities of
the leaves, which the taxonomy sums upwards, so that nothing downstream needs to know. See `hierclf.dag.borrowed`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hierclf.dag import BorrowedTree, DagPlan, edge_log_softmax, flow, membership_of_leaves, node_log_probs
from hierclf.heads.head import NodeMajorLinear, heads

# B images, D embedding, O outputs, L leaves, N nodes; E edges, T nodes of the borrowed tree


@heads.register("borrowed_tree")
class BorrowedTreeHead(nn.Module):
    """A classifier per node of a borrowed tree; leaf probabilities are summed upwards in the taxonomy.

    It begins with all leaves side by side, which makes it a flat head; `holding` gives it a tree and weights. The tree
    is part of the state dict, so it is saved and loaded with the weights.

    Args:
        in_features: width D of the embedding.
        plan: the compiled taxonomy.
        generator: where the first weights come from.
    """

    parent: Tensor

    def __init__(self, in_features: int, plan: DagPlan, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.plan = plan
        self.tree = BorrowedTree.star(plan.num_leaves)
        self.register_buffer("parent", self.tree.parent_S.clone())
        self.linear = NodeMajorLinear(in_features, len(self.parent) - 1, generator=generator)
        self.register_load_state_dict_post_hook(_read_tree)  # type: ignore[no-untyped-call]

    @classmethod
    def holding(cls, tree: BorrowedTree, weight_ED: Tensor, bias_E: Tensor, plan: DagPlan) -> BorrowedTreeHead:
        """The head of a tree whose edges have these weights; it has their dtype and learns no more.

        Args:
            tree: to decide along.
            weight_ED: one row per edge of the tree's plan, shape ``(E, D)``.
            bias_E: shape ``(E,)``.
            plan: the compiled taxonomy.
        """
        head = cls(weight_ED.shape[1], plan).to(weight_ED.dtype)
        weight, bias = torch.zeros_like(head.linear.weight), torch.zeros_like(head.linear.bias)
        weight[tree.row_E], bias[tree.row_E] = weight_ED.detach(), bias_E.detach()
        head.load_state_dict({"parent": tree.parent_S, "linear.weight": weight, "linear.bias": bias})
        head.requires_grad_(False).eval()
        return head

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """One logit per slot but the root's, shape ``(B, O)``."""
        logits_BO: Tensor = self.linear(embedding_BD)
        return logits_BO

    def node_log_probs(self, logits_BO: Tensor) -> Tensor:
        """Log M of every node of the taxonomy, shape ``(B, N)``."""
        plan = self.tree.plan.to(logits_BO.device)
        inner_BT = node_log_probs(self._edges(logits_BO), plan)
        leaves_BL = self.tree.in_order(inner_BT.index_select(1, plan.leaf_L))
        return membership_of_leaves(leaves_BL, self.plan.to(logits_BO.device))

    def leaf_scores(self, logits_BO: Tensor) -> Tensor:
        """Log M of each leaf, lifted to the level of the logits as in `PerNodeHead`, shape ``(B, L)``."""
        plan, logits_BE = self.tree.plan.to(logits_BO.device), self._edges(logits_BO)
        level_B1 = flow(logits_BE, plan).index_select(1, plan.leaf_L).logsumexp(1, keepdim=True)
        routes_BT = flow(edge_log_softmax(logits_BE, plan), plan)
        return self.tree.in_order(routes_BT.index_select(1, plan.leaf_L)) + level_B1

    def _edges(self, logits_BO: Tensor) -> Tensor:
        return logits_BO.index_select(1, self.tree.row_E.to(logits_BO.device))


def _read_tree(head: nn.Module, incompatible_keys: Any) -> None:
    """After weights were loaded, the head decides along the tree that came with them."""
    assert isinstance(head, BorrowedTreeHead)
    head.tree = BorrowedTree.of(head.parent.cpu(), leaves=head.plan.num_leaves)
