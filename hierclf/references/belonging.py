"""Which class belongs under which node, as tables that training objectives read.

B images, N nodes, E edges (parent -> child), K classes, G groups of classes (such as the edges of an internal node)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.dag import DagPlan, segment_max


@dataclass(frozen=True, kw_only=True, eq=False)
class Belonging:
    """Tables by label (a node id), all bool.

    Args:
        under_NN: whether the row's node is the column's node or lies below it.
        along_NE: whether the edge leads to the row's node or one of its ancestors.
        within_NG: whether the row's node lies at or below the internal node; these are numbered as `DagPlan.group_E`.
    """

    under_NN: Tensor
    along_NE: Tensor
    within_NG: Tensor


def belonging(plan: DagPlan) -> Belonging:
    """The tables of a taxonomy; memory grows with ``N²`` bytes.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "dot"], "digit": ["0", "1"]}))
    >>> belonging(plan).under_NN[plan.nodes.index("0")]
    tensor([ True,  True, False,  True, False])
    """
    under_NN = torch.zeros(plan.num_nodes, plan.num_nodes, dtype=torch.bool)
    node_P, above_P = plan.ancestor_pairs
    under_NN[node_P, above_P] = True
    under_NN[:, 0] = True  # all is below the root
    return Belonging(under_NN=under_NN, along_NE=under_NN[:, plan.child_E], within_NG=under_NN[:, internal_nodes(plan)])


def internal_nodes(plan: DagPlan) -> Tensor:
    """Node ids of the internal nodes, ascending as `DagPlan.group_E` numbers them, int64, shape ``(G,)``."""
    return torch.as_tensor(torch.unique_consecutive(plan.parent_E))


def first_largest(values_BK: Tensor, group_K: Tensor) -> Tensor:
    """The place in K of the largest value of each group, the first of equal ones, int64, shape ``(B, G)``.

    >>> first_largest(torch.tensor([[1.0, 3.0, 3.0, 5.0, 2.0]]), torch.tensor([0, 0, 0, 1, 1]))
    tensor([[1, 3]])
    """
    rows_KB, count, groups = values_BK.T, len(group_K), int(group_K.max()) + 1
    is_largest_KB = rows_KB == segment_max(rows_KB, group_K, groups).index_select(0, group_K)
    place_KB = torch.where(is_largest_KB, torch.arange(count)[:, None], count)
    first_GB = place_KB.new_full((groups, len(values_BK)), count)
    return first_GB.scatter_reduce(0, group_K[:, None].expand_as(place_KB), place_KB, "amin").T
