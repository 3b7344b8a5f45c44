"""A taxonomy as sets of leaves: all that the scores of agreement look at.

Two taxonomies over the same classes rarely name their meta-classes alike, so a meta-class is compared as the set of
classes below it. Each taxonomy is first restricted to the classes that both have: other leaves go, and so does a node
that has none left. Nodes with the same leaves (an only child and its parent) are one set. What remains:

- the *root's set* of all leaves, which every taxonomy has and which therefore says nothing;
- the *clades*, every other set of at least two leaves, the only thing that a taxonomy adds to a list of classes;
- each leaf alone.

Sets are numbered by size, the largest first, so the root's is number 0, and equals by their members. Neither names of
meta-classes, nor the order of children, nor chains of only children have any influence. In a tree the sets are
*nested* (any two are disjoint, or one holds the other), and much can be counted exactly at any size.

>>> from hierclf.taxonomy import Taxonomy
>>> signs = Taxonomy.from_edges({"sign": ["digit", "x"], "digit": ["even", "1"], "even": ["0", "2"]})
>>> [sorted(signs.leaves)[leaf] for leaf in leaf_sets(signs, sorted(signs.leaves)).member_SL[[1]].indices]
['0', '1', '2']
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from hierclf.errors import TaxonomyError
from hierclf.taxonomy import Taxonomy

# N nodes, E edges, L leaves, S distinct sets of at least two leaves, X = S + L: these and then each leaf alone,
# W bytes that hold S bits

Bools: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class LeafSets:
    """The distinct leaf sets of one taxonomy, restricted to some of its leaves.

    Args:
        leaves: names of the leaves, ascending.
        member_SL: 1 where a leaf belongs to a set, sparse int64, the largest set (all leaves) first.
        set_N: the set of each node of the taxonomy: a row of `member_XL`, or -1 where no leaf is left.
        level_N: the node's level in the taxonomy, before any restriction: ranks stay ranks.
    """

    leaves: tuple[str, ...]
    member_SL: csr_array
    set_N: Ints
    level_N: Ints

    @property
    def num_leaves(self) -> int:
        """Number of leaves ``L``."""
        return len(self.leaves)

    @property
    def num_sets(self) -> int:
        """Number of distinct sets of at least two leaves ``S``, the root's among them; there are ``S - 1`` clades."""
        return int(self.member_SL.shape[0])

    @cached_property
    def size_S(self) -> Ints:
        """Number of leaves of each set, never increasing."""
        size_S: Ints = np.diff(self.member_SL.indptr).astype(np.int64)
        return size_S

    @cached_property
    def member_XL(self) -> csr_array:
        """The sets, then each leaf alone."""
        alone_L = np.arange(self.num_leaves)
        return csr_array(vstack([self.member_SL, csr_array((np.ones_like(alone_L), (alone_L, alone_L)))]))

    @cached_property
    def bits_LW(self) -> npt.NDArray[np.uint8]:
        """Which sets hold each leaf, one bit a set, the smallest sets first."""
        member_LS = self.member_SL.astype(np.bool_).toarray().T
        return np.packbits(member_LS[:, ::-1], axis=1)

    @cached_property
    def nested(self) -> bool:
        """Whether any two sets are disjoint or one holds the other, as in a tree.

        They are exactly when the next larger set is the same from wherever in a set one looks.
        """
        set_P, above_P = self._steps
        return bool((self.parent_X[set_P] == above_P).all())

    @cached_property
    def parent_X(self) -> Ints:
        """Of nested sets: the smallest set that holds a set or a leaf, and more; -1 above the root's."""
        parent_X = np.full(self.num_sets + self.num_leaves, -1)
        set_P, above_P = self._steps
        parent_X[set_P] = above_P
        return parent_X

    @cached_property
    def _steps(self) -> tuple[Ints, Ints]:
        """For every leaf, its sets from the second largest down to itself, each with the next larger one."""
        by_leaf = csr_array(self.member_XL.T)
        by_leaf.sort_indices()
        set_P = by_leaf.indices.astype(np.int64)
        inner_P = np.ones(len(set_P), dtype=np.bool_)
        inner_P[by_leaf.indptr[:-1]] = False  # every leaf's row begins with the root's set
        return set_P[inner_P], np.roll(set_P, 1)[inner_P]


def common_leaf_sets(found: Taxonomy, reference: Taxonomy) -> tuple[LeafSets, LeafSets]:
    """Both taxonomies, restricted to the leaves that both have, by name.

    Raises:
        TaxonomyError: they have fewer than two leaves in common, so there is nothing to compare.
    """
    common = sorted(set(found.leaves) & set(reference.leaves))
    if len(common) < 2:
        raise TaxonomyError(
            f"expected two taxonomies with at least 2 classes in common, got {len(common)}: the found one has "
            f"{_some(found.leaves)}, the reference {_some(reference.leaves)}; write the classes' names alike in both"
        )
    return leaf_sets(found, common), leaf_sets(reference, common)


def leaf_sets(taxonomy: Taxonomy, leaves: Sequence[str]) -> LeafSets:
    """A taxonomy restricted to some of its leaves, at least two, given in ascending order."""
    member_NL = _members(taxonomy, leaves)
    rows = np.split(member_NL.indices.astype(">u4"), member_NL.indptr[1:-1])  # as bytes these sort like the numbers
    key_N = [(-len(row), row.tobytes()) for row in rows]
    distinct = sorted({key for key in key_N if key[0] <= -2})
    number = {key: place for place, key in enumerate(distinct)}
    number |= {(-1, row.tobytes()): len(distinct) + int(row[0]) for row in rows if len(row) == 1}
    first = {key: node for node, key in reversed([*enumerate(key_N)])}
    return LeafSets(
        leaves=tuple(leaves),
        member_SL=member_NL[[first[key] for key in distinct]],
        set_N=np.array([number.get(key, -1) for key in key_N], dtype=np.int64),
        level_N=np.array([taxonomy.level(node) for node in taxonomy.nodes], dtype=np.int64),
    )


def _members(taxonomy: Taxonomy, leaves: Sequence[str]) -> csr_array:
    """1 where a leaf lies at or below a node, ``(N, L)``: all leaves walk up together, one step at a time."""
    index = {node: place for place, node in enumerate(taxonomy.nodes)}
    parent_E, child_E = np.array([(index[parent], index[child]) for parent, child in taxonomy.edges]).T
    num_nodes, num_leaves = len(index), len(leaves)
    up_NN = csr_array((np.ones(len(parent_E), dtype=np.int64), (child_E, parent_E)), shape=(num_nodes, num_nodes))
    leaf_P, node_P = np.arange(num_leaves), np.array([index[leaf] for leaf in leaves])
    leaf_pieces, node_pieces = [leaf_P], [node_P]
    while len(leaf_P):
        here_LN = csr_array((np.ones(len(leaf_P), dtype=np.int64), (leaf_P, node_P)), shape=(num_leaves, num_nodes))
        leaf_P, node_P = (here_LN @ up_NN).nonzero()
        leaf_pieces.append(leaf_P)
        node_pieces.append(node_P)
    key = np.unique(np.concatenate(node_pieces).astype(np.int64) * num_leaves + np.concatenate(leaf_pieces))
    cells = (np.ones(len(key), dtype=np.int64), (key // num_leaves, key % num_leaves))
    return csr_array(cells, shape=(num_nodes, num_leaves))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:3]))
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
