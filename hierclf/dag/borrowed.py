"""Another tree over the leaves of a taxonomy: one that was discovered, say, while answers stay in the declared one.

Which tree a classifier decides along and which taxonomy its answers are expressed in are two questions. The leaves are
the same in both, so the probabilities of the leaves lead from one to the other: whatever tree gave them, summed upwards
in the taxonomy they are memberships there, and metrics stay comparable.

A tree over L leaves in which every group has two members or more has at most 2L - 1 nodes. It is kept as the parent of
each of so many *slots*: slot 0 … L - 1 are the leaves in the taxonomy's order, slot L is the root, the others are
groups, and what is not needed has the parent -1. So the table's shape is known from the taxonomy alone.

B images, L leaves, S slots, N nodes, E edges and T nodes of the borrowed tree
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.dag.plan import DagPlan, compile_plan
from hierclf.dag.probabilities import membership_of_leaves
from hierclf.errors import TaxonomyError
from hierclf.taxonomy import Taxonomy


@dataclass(frozen=True, kw_only=True, eq=False)
class BorrowedTree:
    """A tree over the leaves of a taxonomy.

    Args:
        plan: the compiled tree; its nodes are called by their slots.
        slot_T: the slot of each of its nodes, int64.
        parent_S: the slot right above each, int64; -1 for the root and for slots that are not needed.

    >>> tree = BorrowedTree.of(torch.tensor([4, 4, 3, -1, 3]), leaves=3)  # the first two leaves form a group
    >>> tree.memberships(torch.tensor([[0.5, 0.2, 0.3]]).log()).exp()[:, tree.slot_T == 4]
    tensor([[0.7000]])
    """

    plan: DagPlan
    slot_T: Tensor
    parent_S: Tensor

    @classmethod
    def of(cls, parent_S: Tensor, *, leaves: int) -> BorrowedTree:
        """The tree of a table of parents.

        Args:
            parent_S: int64, shape ``(S,)``, S as in `slots`.
            leaves: number of leaves L.

        Raises:
            TaxonomyError: not one parent for each slot, or no tree over all leaves.
        """
        parents = parent_S.tolist()
        if len(parents) != slots(leaves) or parents[leaves] != -1:
            raise TaxonomyError(f"a tree over {leaves} leaves has {slots(leaves)} slots and its root in slot {leaves}")
        edges = [(str(above), str(slot)) for slot, above in enumerate(parents) if above != -1]
        taxonomy = Taxonomy(root=str(leaves), edges=tuple(edges))
        if {int(leaf) for leaf in taxonomy.leaves} != set(range(leaves)) or len(edges) != len(taxonomy.nodes) - 1:
            raise TaxonomyError(f"the table of parents is no tree over {leaves} leaves: {parents}")
        plan = compile_plan(taxonomy)
        return cls(plan=plan, slot_T=torch.tensor([int(node) for node in plan.nodes]), parent_S=parent_S.clone())

    @classmethod
    def star(cls, leaves: int) -> BorrowedTree:
        """All leaves right under the root."""
        parent_S = torch.full((slots(leaves),), -1, dtype=torch.int64)
        parent_S[:leaves] = leaves
        return cls.of(parent_S, leaves=leaves)

    @classmethod
    def between(cls, taxonomy: Taxonomy, groups: Taxonomy) -> BorrowedTree:
        """Another taxonomy, a tree over the same leaves, as a tree to borrow.

        Groups with a single member make no difference and are left out; leaves that it lacks go right under the root.

        Args:
            taxonomy: whose leaves they are.
            groups: the tree.

        Raises:
            TaxonomyError: it has a leaf of its own, or a node with two parents.
        """
        leaves = taxonomy.leaves
        strange = [leaf for leaf in groups.leaves if leaf not in leaves]
        if strange:
            raise TaxonomyError(f"a tree to borrow has the taxonomy's own leaves; {strange[0]!r} is none of them")
        double = [node for node in groups.nodes if len(groups.parents(node)) > 1]
        if double:
            raise TaxonomyError(f"a tree to borrow is a tree; {double[0]!r} has two parents in it")
        parent = {node: groups.parents(node)[0] for node in groups.nodes if node != groups.root}
        kept = {node for node in groups.internal_nodes if len(groups.children(node)) > 1 and node != groups.root}
        slot = {leaf: place for place, leaf in enumerate(leaves)} | {groups.root: len(leaves)}
        slot |= {node: len(leaves) + 1 + place for place, node in enumerate(sorted(kept, key=groups.index))}
        parent_S = torch.full((slots(len(leaves)),), -1, dtype=torch.int64)
        parent_S[: len(leaves)] = len(leaves)
        for node in (*groups.leaves, *kept):
            above = parent[node]
            while above not in kept and above != groups.root:
                above = parent[above]
            parent_S[slot[node]] = slot[above]
        return cls.of(parent_S, leaves=len(leaves))

    @property
    def row_E(self) -> Tensor:
        """For each edge the row of a table with one row per slot but the root's, int64."""
        leaves = self.plan.num_leaves
        slot_E = self.slot_T[self.plan.child_E]
        return torch.where(slot_E < leaves, slot_E, slot_E - 1)

    def memberships(self, leaf_log_probs_BL: Tensor) -> Tensor:
        """Log M in this tree, shape ``(B, T)``, from log-probabilities of the leaves in the taxonomy's order."""
        ordered_BL = leaf_log_probs_BL.index_select(1, self.slot_T[self.plan.leaf_L])
        return membership_of_leaves(ordered_BL, self.plan)

    def in_order(self, leaf_values_BL: Tensor) -> Tensor:
        """Values of the leaves in this tree's order, brought to the taxonomy's, shape ``(B, L)``."""
        order_L = self.slot_T[self.plan.leaf_L].argsort()
        return leaf_values_BL.index_select(1, order_L.to(leaf_values_BL.device))


def slots(leaves: int) -> int:
    """Nodes that a tree over so many leaves has at most, when every group has two members or more.

    >>> slots(1), slots(2), slots(3)
    (2, 3, 5)
    """
    return max(2 * leaves - 1, 2)
