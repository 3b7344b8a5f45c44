"""Which found clade stands for which of the reference's: the best one-to-one matching.

Each pair of clades with classes in common is worth its Jaccard similarity ``|f ∩ r| / |f ∪ r|``, and the matching of
the largest total worth is taken; among equals, the one with the most classes in common. Clades without a partner stay
alone. Most pairs have nothing in common, so the problem is solved on those that do; clades that are the same set on
both sides are matched beforehand, which loses nothing: one minus the Jaccard similarity is a metric, and by its
triangle inequality no matching gains by parting two equal sets.

Kuhn, *The Hungarian Method for the Assignment Problem*, Naval Research Logistics Quarterly 1955; Jonker and Volgenant,
*A Shortest Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems*, Computing 1987 (in SciPy).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from hierclf.discovery.agreement.clades import clade_overlaps
from hierclf.discovery.agreement.leaf_sets import Floats, Ints, LeafSets

# P pairs of clades with leaves in common, M matched pairs

TIE = 1e-6
"""Worth of all classes in common, beside a Jaccard similarity of 1: it decides between equals only."""


class Matching(NamedTuple):
    """The matched clades, by their numbers among the sets, in the order of the found ones.

    Args:
        found_M: sets of the found taxonomy.
        reference_M: the reference's set for each.
        shared_M: leaves in both.
        jaccard_M: how alike they are, above 0 and at most 1.
    """

    found_M: Ints
    reference_M: Ints
    shared_M: Ints
    jaccard_M: Floats


def match_clades(found: LeafSets, reference: LeafSets) -> Matching:
    """Match clades one to one, the root's sets left out."""
    cells, jaccard_P = clade_overlaps(found, reference)
    taken_P = jaccard_P == 1
    open_P = ~np.isin(cells.row_P, cells.row_P[taken_P]) & ~np.isin(cells.column_P, cells.column_P[taken_P])
    worth_P = jaccard_P + TIE * cells.count_P / found.num_leaves
    taken_P[np.flatnonzero(open_P)[_best(cells.row_P[open_P], cells.column_P[open_P], worth_P[open_P])]] = True
    return Matching(
        found_M=cells.row_P[taken_P] + 1,
        reference_M=cells.column_P[taken_P] + 1,
        shared_M=cells.count_P[taken_P],
        jaccard_M=jaccard_P[taken_P],
    )


def _best(row_P: Ints, column_P: Ints, worth_P: Floats) -> Ints:
    """Places of the pairs that the matching takes.

    Every row has a partner of its own besides, worth nothing, so that all rows can be matched; worths are raised by 1
    throughout because a sparse table has no zeros, and as many rows are matched in any case.
    """
    rows, row_P = np.unique(row_P, return_inverse=True)
    columns, column_P = np.unique(column_P, return_inverse=True)
    if not len(rows):
        return np.empty(0, dtype=np.int64)
    alone = np.arange(len(rows))
    worth = np.concatenate([worth_P + 1, np.ones(len(rows))])
    row = np.concatenate([row_P, alone]).astype(np.int32)  # the index type that the matching reads in every SciPy
    column = np.concatenate([column_P, len(columns) + alone]).astype(np.int32)
    table = csr_array((worth, (row, column)), shape=(len(rows), len(columns) + len(rows)))
    matched_row, matched_column = min_weight_full_bipartite_matching(table, maximize=True)
    partner = np.empty(len(rows), dtype=np.int64)
    partner[matched_row] = matched_column
    places: Ints = np.flatnonzero(partner[row_P] == column_P)
    return places
