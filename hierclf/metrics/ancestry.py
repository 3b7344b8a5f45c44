"""Who stands above whom, as one index table: what every hierarchical metric reads.

A(v) is a node with all its ancestors; on a DAG it is the set over all paths. Each row of the table lists A(v) from the
most informative node to the least, so the node itself comes first, the root last, and the first entry that two rows
share is their lowest common ancestor. The information of a node is I(v) = -log2(|L(v)| / |L|) bits, with L(v) the
distinct leaves at or below it; among equally informative nodes (an only child and its parent) the deeper is the lower.

>>> from hierclf.dag import compile_plan
>>> from hierclf.taxonomy import Taxonomy
>>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]}))
>>> ancestry = Ancestry.from_plan(plan)
>>> zero, one, a = 3, 4, 5
>>> [plan.nodes[node] for node in lowest_common_ancestor([zero, zero], [one, a], ancestry)]
['digit', 'sign']
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hierclf.errors import DataError

if TYPE_CHECKING:
    from hierclf.dag import DagPlan

# N nodes, E edges, L leaves, K places in the longest row, Q pairs, U distinct pairs, P pairs (node, ancestor)

Bools: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

CELLS_AT_ONCE = 1 << 22  # bounds the memory of a comparison of two rows of ancestors, whatever the number of pairs


@dataclass(frozen=True, kw_only=True, eq=False)
class Ancestry:
    """The tables of one taxonomy.

    Args:
        ancestor_NK: A(v) of each node with the root, from the most informative to the root, padded with -1.
        hops_NK: the fewest edges from the node up to each of them; 0 where padded.
        count_N: how many there are, |A(v)| with the root.
        information_N: I(v) in bits, 0 at the root, largest at the leaves.
        level_N: length of the longest path from the root.
        height_N: length of the longest path down to a leaf; 0 at the leaves.
        leaf_L: node ids of the leaves, ascending.
    """

    ancestor_NK: Ints
    hops_NK: Ints
    count_N: Ints
    information_N: Floats
    level_N: Ints
    height_N: Ints
    leaf_L: Ints

    @classmethod
    def from_plan(cls, plan: DagPlan) -> Ancestry:
        """Read the tables off a compiled taxonomy (anything with its index tables will do)."""
        parent_E, child_E, level_N, leaf_L, leaf_count_N = (
            np.asarray(table, dtype=np.int64)
            for table in (plan.parent_E, plan.child_E, plan.level_N, plan.leaf_L, plan.leaf_count_N)
        )
        information_N = np.log2(len(leaf_L) / leaf_count_N)
        node_P, ancestor_P, hops_P = _walk_up(parent_E, child_E, len(level_N))
        order_P = np.lexsort((ancestor_P, -level_N[ancestor_P], -information_N[ancestor_P], node_P))
        node_P, ancestor_P, hops_P = node_P[order_P], ancestor_P[order_P], hops_P[order_P]
        count_N = np.bincount(node_P, minlength=len(level_N))
        place_P = np.arange(len(node_P)) - (np.cumsum(count_N) - count_N)[node_P]
        ancestor_NK = np.full((len(level_N), count_N.max()), -1)
        ancestor_NK[node_P, place_P] = ancestor_P
        hops_NK = np.zeros_like(ancestor_NK)
        hops_NK[node_P, place_P] = hops_P
        return cls(
            ancestor_NK=ancestor_NK,
            hops_NK=hops_NK,
            count_N=count_N,
            information_N=information_N,
            level_N=level_N,
            height_N=_heights(parent_E, child_E, level_N),
            leaf_L=leaf_L,
        )

    @property
    def num_nodes(self) -> int:
        """Number of nodes, the root among them."""
        return len(self.level_N)

    @cached_property
    def coverage_N(self) -> Floats:
        """The share of the question that a decision at each node answers: 1 - log2|L(v)| / log2|L| = I(v) / log2|L|.

        Where the taxonomy has one leaf only there is no question below the root, and every other node answers all.
        """
        most = self.information_N.max()
        return self.information_N / most if most > 0 else (np.arange(self.num_nodes) > 0).astype(np.float64)

    @property
    def depth(self) -> int:
        """The largest level."""
        return int(self.level_N.max())


def node_ids(nodes_Q: npt.ArrayLike, ancestry: Ancestry) -> Ints:
    """The nodes as an int64 array of shape ``(Q,)``.

    Raises:
        DataError: not one-dimensional, or an id that is no node; -1, "other", is none.
    """
    given_Q = np.asarray(nodes_Q)
    if given_Q.ndim != 1 or not (given_Q.size == 0 or np.issubdtype(given_Q.dtype, np.integer)):
        raise DataError(f"node ids are one row of integers, got shape {given_Q.shape} of {given_Q.dtype}")
    ids_Q = given_Q.astype(np.int64, copy=False)
    strange_Q = (ids_Q < 0) | (ids_Q >= ancestry.num_nodes)
    if strange_Q.any():
        place = int(strange_Q.argmax())
        raise DataError(
            f"node ids lie between 0 and {ancestry.num_nodes - 1}, got {ids_Q[place]} at place {place}; "
            "leave images of other (-1) out, they have no place in the taxonomy"
        )
    return ids_Q


def lowest_common_ancestor(first_Q: npt.ArrayLike, second_Q: npt.ArrayLike, ancestry: Ancestry) -> Ints:
    """The common ancestor with the largest information, shape ``(Q,)``; a node counts as its own ancestor.

    On a tree this is the usual one. On a DAG, where several common ancestors may have none below them, it is the one
    with the fewest leaves; equals are told apart by the larger level, then by the smaller node id.
    """

    def most_informative(first_U: Ints, second_U: Ints) -> Ints:
        common_UK = common_ancestors(first_U, second_U, ancestry)
        best_U: Ints = ancestry.ancestor_NK[first_U, common_UK.argmax(axis=1)]
        return best_U

    return per_pair(most_informative, first_Q, second_Q, ancestry)


def common_ancestors(first_Q: Ints, second_Q: Ints, ancestry: Ancestry) -> Bools:
    """Which entries of the first node's row are ancestors of the second too, shape ``(Q, K)``."""
    first_QK, second_QK = ancestry.ancestor_NK[first_Q], ancestry.ancestor_NK[second_Q]
    common_QK = np.zeros(first_QK.shape, dtype=bool)
    for second_q in second_QK.T:
        common_QK |= first_QK == second_q[:, None]
    return common_QK & (first_QK >= 0)


def distinct_pairs(first_Q: Ints, second_Q: Ints, num_nodes: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Each pair once: its two nodes, shape ``(U,)`` each, the place of every pair among them, and their counts.

    A data set has many images and few distinct pairs (truth, decided), so everything costly is done once per pair.
    """
    key_Q = first_Q * num_nodes + second_Q
    if num_nodes**2 > 8 * len(key_Q) + 1024:
        key_U, place_Q, count_U = np.unique(key_Q, return_inverse=True, return_counts=True)
    else:  # a table of all pairs is smaller than sorting them is slow
        count_all = np.bincount(key_Q, minlength=num_nodes**2)
        key_U = np.flatnonzero(count_all)
        place_all = np.empty_like(count_all)
        place_all[key_U] = np.arange(len(key_U))
        place_Q, count_U = place_all[key_Q], count_all[key_U]
    return key_U // num_nodes, key_U % num_nodes, place_Q, count_U


def per_pair(
    measure: Callable[[Ints, Ints], npt.NDArray[Any]],
    first_Q: npt.ArrayLike,
    second_Q: npt.ArrayLike,
    ancestry: Ancestry,
) -> npt.NDArray[Any]:
    """Measure each distinct pair once, in pieces of bounded memory, and hand the values back per pair, ``(Q,)``.

    Raises:
        DataError: the two rows differ in length, or hold something that is no node.
    """
    first_Q, second_Q = node_ids(first_Q, ancestry), node_ids(second_Q, ancestry)
    if len(first_Q) != len(second_Q):
        raise DataError(f"expected as many decisions as truths, got {len(first_Q)} and {len(second_Q)}")
    first_U, second_U, place_Q, _ = distinct_pairs(first_Q, second_Q, ancestry.num_nodes)
    step = max(1, CELLS_AT_ONCE // ancestry.ancestor_NK.shape[1])
    starts = range(0, max(1, len(first_U)), step)
    pieces = [measure(first_U[start : start + step], second_U[start : start + step]) for start in starts]
    values_Q: npt.NDArray[Any] = np.concatenate(pieces)[place_Q]
    return values_Q


def _walk_up(parent_E: Ints, child_E: Ints, num_nodes: int) -> tuple[Ints, Ints, Ints]:
    """All pairs (node, ancestor or itself) with the fewest hops between them: breadth first, all nodes at once."""
    by_child_E = np.argsort(child_E, kind="stable")
    parents_E = parent_E[by_child_E]
    count_N = np.bincount(child_E, minlength=num_nodes)
    start_N = np.cumsum(count_N) - count_N
    key = np.arange(num_nodes) * (num_nodes + 1)  # node * num_nodes + ancestor
    keys = [key]
    while len(key):
        node, above = key // num_nodes, key % num_nodes
        fan = count_N[above]
        offset = np.arange(fan.sum()) - np.repeat(np.cumsum(fan) - fan, fan)
        key = np.unique(np.repeat(node, fan) * num_nodes + parents_E[np.repeat(start_N[above], fan) + offset])
        keys.append(key)
    hops = np.repeat(np.arange(len(keys)), [len(key) for key in keys])
    key_P, first_P = np.unique(np.concatenate(keys), return_index=True)  # the first find has the fewest hops
    return key_P // num_nodes, key_P % num_nodes, hops[first_P]


def _heights(parent_E: Ints, child_E: Ints, level_N: Ints) -> Ints:
    """Length of the longest path down to a leaf, from the deepest parents upwards, one step a level."""
    height_N = np.zeros_like(level_N)
    order_E = np.argsort(-level_N[parent_E], kind="stable")
    _, starts = np.unique(-level_N[parent_E][order_E], return_index=True)
    for edges in np.split(order_E, starts[1:]):
        np.maximum.at(height_N, parent_E[edges], height_N[child_E[edges]] + 1)
    return height_N
