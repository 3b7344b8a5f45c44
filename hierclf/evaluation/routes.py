"""Where images went: how well they find their way to each node, and which leaf was taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierclf.metrics import Ancestry, Outcome
from hierclf.metrics.ancestry import Ints, common_ancestors, distinct_pairs
from hierclf.taxonomy import Taxonomy

# N nodes, L leaves, K ancestors, U distinct pairs (truth, decision)

NO_LEAF = ("ambiguous", "uncertain", "novel_child", "other")
"""The statuses of images that are not decided at a leaf: the last columns of the confusion counts."""


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """How well images find their way to one node.

    Args:
        node: its name.
        level: its level; the root's row tells about the gate.
        support: known images that belong at or below it.
        recall: share of those that were answered at or below it; NaN when there are none.
        precision: of all images answered at or below it, unknown ones included, those that belong; NaN when none.
    """

    node: str
    level: int
    support: int
    recall: float
    precision: float


def node_reports(outcome: Outcome, ancestry: Ancestry, taxonomy: Taxonomy) -> tuple[NodeReport, ...]:
    """One row per node, the root first."""
    known_B = outcome.known_B
    both_B = known_B & outcome.accepted_B
    support_N = _routed(outcome.truth_B[known_B], ancestry)
    decided_N = _routed(outcome.decided_B[outcome.accepted_B], ancestry)
    hits_N = np.zeros(ancestry.num_nodes, dtype=np.int64)
    truth_U, decided_U, _, count_U = distinct_pairs(
        outcome.truth_B[both_B], outcome.decided_B[both_B], ancestry.num_nodes
    )
    common_UK = common_ancestors(truth_U, decided_U, ancestry)
    pair, place = np.nonzero(common_UK)
    np.add.at(hits_N, ancestry.ancestor_NK[truth_U[pair], place], count_U[pair])
    nan = float("nan")
    return tuple(
        NodeReport(
            node=name,
            level=int(ancestry.level_N[node]),
            support=int(support_N[node]),
            recall=float(hits_N[node] / support_N[node]) if support_N[node] else nan,
            precision=float(hits_N[node] / decided_N[node]) if decided_N[node] else nan,
        )
        for node, name in enumerate(taxonomy.nodes)
    )


def _routed(node_B: Ints, ancestry: Ancestry) -> Ints:
    """How many of the images lie at or below each node, shape ``(N,)``."""
    count_N = np.bincount(node_B, minlength=ancestry.num_nodes)
    held = np.flatnonzero(count_N)
    above_UK = ancestry.ancestor_NK[held]
    total_N = np.zeros(ancestry.num_nodes + 1, dtype=np.int64)  # the padding's -1 counts into the last, dropped place
    np.add.at(total_N, above_UK, np.broadcast_to(count_N[held][:, None], above_UK.shape))
    return total_N[:-1]


def confusion_counts(outcome: Outcome, ancestry: Ancestry) -> Ints:
    """True leaf against decided leaf, then `NO_LEAF`; shape ``(L, L + 4)``, known images labelled with a leaf only."""
    num_leaves = len(ancestry.leaf_L)
    column_N = np.full(ancestry.num_nodes, num_leaves)
    column_N[ancestry.leaf_L] = np.arange(num_leaves)
    at_leaf_B = outcome.known_B & (column_N[outcome.truth_B] < num_leaves)
    column_B = column_N[outcome.decided_B]
    for place, status in enumerate(NO_LEAF):
        column_B = np.where(outcome.status_B == status, num_leaves + place, column_B)
    counts = np.zeros((num_leaves, num_leaves + len(NO_LEAF)), dtype=np.int64)
    np.add.at(counts, (column_N[outcome.truth_B[at_leaf_B]], column_B[at_leaf_B]), 1)
    return counts
