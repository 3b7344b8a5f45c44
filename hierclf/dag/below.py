"""The smallest value below each node."""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.dag.plan import DagPlan

# B images, N nodes, L leaves, E edges (parent -> child)


def smallest_below(leaf_values_BL: Tensor, plan: DagPlan) -> Tensor:
    """The smallest of the values of the leaves at or below each node.

    Args:
        leaf_values_BL: any float dtype, leaves in the plan's order, shape ``(B, L)``; may be infinite.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, N)``; on a DAG a leaf counts for each of its ancestors.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]}))
    >>> smallest_below(torch.tensor([[3.0, 2.0, 4.0]]), plan)
    tensor([[2., 2., 4., 3., 2., 4.]])
    """
    rows_NB = leaf_values_BL.new_full((plan.num_nodes, len(leaf_values_BL)), torch.inf)
    rows_NB = rows_NB.index_copy(0, plan.leaf_L, leaf_values_BL.T)
    level_E = plan.level_N[plan.parent_E]
    for level in range(len(plan.level_sizes) - 2, -1, -1):  # children lie on deeper levels than all their parents
        edges = (level_E == level).nonzero()[:, 0]
        child_EB = rows_NB.index_select(0, plan.child_E[edges])
        rows_NB = rows_NB.scatter_reduce(0, plan.parent_E[edges][:, None].expand_as(child_EB), child_EB, "amin")
    return rows_NB.T
