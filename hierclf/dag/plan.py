"""A taxonomy compiled to index tensors, once, so that no batch ever walks a graph.

Nodes are numbered as in `Taxonomy.nodes`: the root is 0, parents come before children, level by level. Edges are
sorted by parent, so the children of one node lie side by side. In a tree this numbering makes edge ``e`` lead to node
``e + 1``, and every level is one slice of both nodes and edges; most formulas below then need no index at all.

>>> from hierclf.taxonomy import Taxonomy
>>> plan = compile_plan(Taxonomy.from_edges({"digit": ["0", "1"], "letter": ["a"]}, root="sign"))
>>> plan.num_nodes, plan.num_edges, plan.num_leaves
(6, 5, 3)
>>> [plan.nodes[leaf] for leaf in plan.leaf_L]
['0', '1', 'a']
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from hierclf.taxonomy import Taxonomy

# N nodes, E edges (parent -> child), L leaves, P pairs, K nodes on the longest path

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True, eq=False)
class DagPlan:
    """The index tensors of one taxonomy, all int64.

    Args:
        taxonomy: what was compiled.
        parent_E: node id of each edge's parent, ascending.
        child_E: node id of each edge's child.
        level_N: level of each node, ascending.
        leaf_L: node ids of the leaves, ascending.
        device: where the tensors are.
    """

    taxonomy: Taxonomy
    parent_E: Tensor
    child_E: Tensor
    level_N: Tensor
    leaf_L: Tensor
    device: torch.device = CPU

    # ----------------------------------------------------------------------------------------------------- numbers

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names by node id."""
        return self.taxonomy.nodes

    @property
    def num_nodes(self) -> int:
        """Number of nodes N, the root among them."""
        return len(self.level_N)

    @property
    def num_edges(self) -> int:
        """Number of edges E."""
        return len(self.parent_E)

    @property
    def num_leaves(self) -> int:
        """Number of leaves L."""
        return len(self.leaf_L)

    @property
    def is_tree(self) -> bool:
        """Whether no node has a second parent."""
        return self.num_edges == self.num_nodes - 1

    @cached_property
    def node_slices(self) -> tuple[slice, ...]:
        """The ids of each level's nodes, from level 0 on."""
        return _runs(self.level_N.tolist())

    @cached_property
    def arrival_slices(self) -> tuple[slice, ...]:
        """For each level from 1 on, the places in `arrival_E` of the edges that lead to its nodes."""
        return _runs(self.level_N[self.child_E[self.arrival_E]].tolist())

    # ------------------------------------------------------------------------------------------------- index tensors

    @cached_property
    def arrival_E(self) -> Tensor:
        """Edges sorted by child, so that the edges into one level lie side by side; the identity in a tree."""
        return torch.argsort(self.child_E, stable=True)

    @cached_property
    def group_E(self) -> Tensor:
        """The rank of each edge's parent among the internal nodes: the sibling group that the edge belongs to."""
        _, group_E = torch.unique_consecutive(self.parent_E, return_inverse=True)
        return torch.as_tensor(group_E)

    @cached_property
    def num_groups(self) -> int:
        """Number of sibling groups, which is the number of internal nodes."""
        return int(self.group_E[-1]) + 1

    @cached_property
    def leaf_slot_N(self) -> Tensor:
        """Place of each node in `leaf_L`, or -1 for internal nodes."""
        slot_N = torch.full((self.num_nodes,), -1, device=self.device)
        slot_N[self.leaf_L] = torch.arange(self.num_leaves, device=self.device)
        return slot_N

    @cached_property
    def level_sizes(self) -> tuple[int, ...]:
        """Number of nodes on each level, from level 0 on."""
        return tuple(nodes.stop - nodes.start for nodes in self.node_slices)

    @cached_property
    def leaf_sizes(self) -> tuple[int, ...]:
        """Number of leaves on each level; leaves of one level lie side by side in `leaf_L`."""
        return tuple(torch.bincount(self.level_N[self.leaf_L], minlength=len(self.level_sizes)).tolist())

    @cached_property
    def leaves_first_N(self) -> Tensor:
        """Where each node stands in its level when the level's leaves are listed first, then its internal nodes."""
        is_leaf_N = self.leaf_slot_N >= 0
        places = []
        for nodes, leaves in zip(self.node_slices, self.leaf_sizes, strict=True):
            leaf_n = is_leaf_N[nodes]
            places.append(torch.where(leaf_n, leaf_n.cumsum(0) - 1, leaves + (~leaf_n).cumsum(0) - 1))
        return torch.cat(places)

    @cached_property
    def _closure(self) -> tuple[Tensor, Tensor]:
        """Pairs (node, leaf slot), sorted by node, for every distinct leaf at or below a node."""
        taxonomy = self.taxonomy
        slot = {leaf: place for place, leaf in enumerate(taxonomy.leaves)}
        node_P: list[int] = []
        slot_P: list[int] = []
        below: dict[str, set[int]] = {}
        for place in range(self.num_nodes - 1, -1, -1):
            node = taxonomy.nodes[place]
            if node in slot:
                below[node] = {slot[node]}
            else:
                below[node] = set().union(*(below[child] for child in taxonomy.children(node)))
            node_P.extend([place] * len(below[node]))
            slot_P.extend(sorted(below[node], reverse=True))
        pairs = torch.tensor([node_P, slot_P], device=self.device).flip(1)
        return pairs[0].contiguous(), pairs[1].contiguous()

    @property
    def closure_node_P(self) -> Tensor:
        """Node id of each pair (node, distinct leaf at or below it), ascending."""
        return self._closure[0]

    @property
    def closure_leaf_P(self) -> Tensor:
        """Leaf slot, a place in `leaf_L`, of each such pair."""
        return self._closure[1]

    @cached_property
    def leaf_count_N(self) -> Tensor:
        """Number of distinct leaves at or below each node, |L(v)|."""
        if not self.is_tree:
            return torch.bincount(self.closure_node_P, minlength=self.num_nodes)
        count_N = torch.zeros(self.num_nodes, dtype=torch.int64, device=self.device)
        count_N[self.leaf_L] = 1
        for nodes in self.node_slices[:0:-1]:  # children add to their parents, the deepest level first
            count_N.index_add_(0, self.parent_E[nodes.start - 1 : nodes.stop - 1], count_N[nodes].clone())
        return count_N

    @cached_property
    def information_N(self) -> Tensor:
        """How much a node says, I(v) = -log2(|L(v)| / |L|) in bits: 0 at the root, largest at leaves. float64."""
        return math.log2(self.num_leaves) - self.leaf_count_N.double().log2()

    @cached_property
    def path_NK(self) -> Tensor:
        """For each node its ancestors and itself, ascending, without the root, padded with -1 on the right."""
        above: list[list[int]] = []
        taxonomy = self.taxonomy
        for place, node in enumerate(taxonomy.nodes):
            reached = {place} if place else set()
            for parent in taxonomy.parents(node):
                reached.update(above[taxonomy.index(parent)])
            above.append(sorted(reached))
        width = max(map(len, above))
        return torch.tensor([row + [-1] * (width - len(row)) for row in above], device=self.device)

    @cached_property
    def ancestor_pairs(self) -> tuple[Tensor, Tensor]:
        """Pairs (node, ancestor or itself) without the root, as two tensors of node ids, sorted by node."""
        node_P, place_P = (self.path_NK >= 0).nonzero(as_tuple=True)
        return node_P, self.path_NK[node_P, place_P]

    def to(self, device: torch.device | str) -> DagPlan:
        """The same plan on another device; remembers what it made, so asking in every batch costs nothing."""
        device = torch.device(device)
        if device == self.device:
            return self
        if device not in self._elsewhere:
            tensors = (f.name for f in fields(self) if f.name.endswith(("_E", "_N", "_L")))
            moved = {name: getattr(self, name).to(device) for name in tensors}
            self._elsewhere[device] = replace(self, device=device, **moved)
        return self._elsewhere[device]

    @cached_property
    def _elsewhere(self) -> dict[torch.device, DagPlan]:
        return {}

    def __repr__(self) -> str:
        shape = "tree" if self.is_tree else "dag"
        return f"<DagPlan of a {shape}: {self.num_nodes} nodes, {self.num_edges} edges, {self.num_leaves} leaves>"


def compile_plan(taxonomy: Taxonomy) -> DagPlan:
    """Compile a taxonomy to index tensors on the CPU. Linear in nodes and edges."""
    edges = [
        (taxonomy.index(node), taxonomy.index(child))
        for node in taxonomy.internal_nodes
        for child in taxonomy.children(node)
    ]
    parent_E, child_E = torch.tensor(edges).T.contiguous()
    return DagPlan(
        taxonomy=taxonomy,
        parent_E=parent_E,
        child_E=child_E,
        level_N=torch.tensor([taxonomy.level(node) for node in taxonomy.nodes]),
        leaf_L=torch.tensor([taxonomy.index(leaf) for leaf in taxonomy.leaves]),
    )


def _runs(values: list[int]) -> tuple[slice, ...]:
    """Slices of equal neighbours: [0, 1, 1, 2] -> (0:1, 1:3, 3:4)."""
    starts = [place for place, value in enumerate(values) if place == 0 or value != values[place - 1]]
    return tuple(slice(start, stop) for start, stop in zip(starts, [*starts[1:], len(values)], strict=True))
