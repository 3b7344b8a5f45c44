"""Two trees laid across each other: exact counts over all pairs and triples of leaves, without visiting any.

Let n(x, y) be the number of leaves that a node x of the found tree and a node y of the reference share; few cells of
this table are not empty. A pair of leaves has its smallest common sets at (u, v) when both leaves lie in u and in v,
under different children of each. By inclusion and exclusion over "the same child of u" and "the same child of v",
with x the children of u and y those of v, the number of such pairs is

    ½ [ n(u,v)² − Σ_x n(x,v)² − Σ_y n(u,y)² + Σ_xy n(x,y)² ].

The same with three leaves counts the triples that neither tree resolves: all under different children of u, and all
under different children of v. Everything is a sum over cells, and each cell needs its three neighbours above only:
n(x, v), n(u, y) and n(u, v). Exact in int64.

That the triples of two trees can be counted without visiting them, in the same five kinds (resolved alike, resolved
differently, by one tree only, by neither), is due to Brodal, Fagerberg, Mailund, Pedersen and Sand, *Efficient
Algorithms for Computing the Triplet and Quartet Distance Between Trees of Arbitrary Degree*, SODA 2013; the formulas
here are simpler and need the cells in memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hierclf.discovery.agreement.cells import Cells, overlaps
from hierclf.discovery.agreement.leaf_sets import Bools, Ints, LeafSets

# P cells, Q of them between two sets of at least two leaves, L leaves

CELLS_AT_MOST = 1 << 23
STEPS_AT_MOST = 1 << 28
"""Bounds of memory and time; a tree so deep that it exceeds them is looked at through a sample."""


class Crossing(NamedTuple):
    """What two trees do with all pairs and triples of leaves.

    Args:
        found_Q: a set of the found tree.
        reference_Q: a set of the reference.
        shared_Q: leaves in both, at least 1.
        pairs_Q: pairs of leaves whose smallest common sets are these two.
        unresolved: triples of leaves that neither tree resolves.
    """

    found_Q: Ints
    reference_Q: Ints
    shared_Q: Ints
    pairs_Q: Ints
    unresolved: int


def cross(found: LeafSets, reference: LeafSets) -> Crossing | None:
    """Count the pairs and triples, or None where the sets are not nested (a DAG) or the trees are too deep."""
    if not (found.nested and reference.nested) or not _affordable(found, reference):
        return None
    cells = overlaps(found.member_XL, reference.member_XL)
    steps = _steps(cells, found, reference)
    upper_P = steps.row_upper_P & steps.column_upper_P
    return Crossing(
        found_Q=cells.row_P[upper_P],
        reference_Q=cells.column_P[upper_P],
        shared_Q=cells.count_P[upper_P],
        pairs_Q=_pairs(cells, steps)[upper_P],
        unresolved=_unresolved(cells, steps),
    )


class _Steps(NamedTuple):
    """What lies one step up from each cell.

    Args:
        row_upper_P: the cell's row is a set of at least two leaves, so it has children.
        column_upper_P: the same of its column.
        row_inner_P: the row has a parent.
        column_inner_P: the column has one.
        row_above_P: place of the cell of the row's parent, where there is one; 0 elsewhere.
        column_above_P: place of the cell of the column's parent.
        both_above_P: place of the cell of both parents.
    """

    row_upper_P: Bools
    column_upper_P: Bools
    row_inner_P: Bools
    column_inner_P: Bools
    row_above_P: Ints
    column_above_P: Ints
    both_above_P: Ints


def _steps(cells: Cells, found: LeafSets, reference: LeafSets) -> _Steps:
    row_inner_P, column_inner_P = cells.row_P > 0, cells.column_P > 0  # the root's set is number 0
    above_row_P, above_column_P = found.parent_X[cells.row_P], reference.parent_X[cells.column_P]

    def place(row_P: Ints, column_P: Ints, where_P: Bools) -> Ints:
        place_P = np.zeros(len(where_P), dtype=np.int64)
        place_P[where_P] = cells.place(row_P[where_P], column_P[where_P])
        return place_P

    return _Steps(
        row_upper_P=cells.row_P < found.num_sets,
        column_upper_P=cells.column_P < reference.num_sets,
        row_inner_P=row_inner_P,
        column_inner_P=column_inner_P,
        row_above_P=place(above_row_P, cells.column_P, row_inner_P),
        column_above_P=place(cells.row_P, above_column_P, column_inner_P),
        both_above_P=place(above_row_P, above_column_P, row_inner_P & column_inner_P),
    )


def _pairs(cells: Cells, steps: _Steps) -> Ints:
    """Pairs of leaves whose smallest common sets are a cell's, by the formula above; no meaning for single leaves."""
    square_P: Ints = cells.count_P**2
    twice_P: Ints = square_P.copy()
    for above_P, where_P, sign in (
        (steps.row_above_P, steps.row_inner_P & steps.column_upper_P, -1),
        (steps.column_above_P, steps.row_upper_P & steps.column_inner_P, -1),
        (steps.both_above_P, steps.row_inner_P & steps.column_inner_P, 1),
    ):
        sums_P = np.bincount(above_P[where_P], weights=square_P[where_P], minlength=len(twice_P))  # exact below 2^53
        twice_P += sign * sums_P.astype(np.int64)
    pairs_P: Ints = twice_P // 2
    return pairs_P


def _unresolved(cells: Cells, steps: _Steps) -> int:
    """Triples of leaves under three children of some u and under three children of some v.

    Ordered triples of n = n(u, v) leaves, less those with two or three under one child: with r = n(x, v) and
    c = n(u, y), ``n³ + Σ_x (2r³ - 3nr²) + Σ_y (2c³ - 3nc²) + Σ_xy (3nm² + 6mrc - 6m²r - 6m²c + 4m³)``, m = n(x, y).
    """
    count_P, square_P = cells.count_P, cells.count_P**2
    whole_P = count_P[steps.both_above_P]
    row_count_P, column_count_P = count_P[steps.column_above_P], count_P[steps.row_above_P]
    ordered = sum(
        int(terms_P[where_P].sum())
        for terms_P, where_P in (
            (count_P * square_P, steps.row_upper_P & steps.column_upper_P),
            (square_P * (2 * count_P - 3 * column_count_P), steps.row_inner_P & steps.column_upper_P),
            (square_P * (2 * count_P - 3 * row_count_P), steps.row_upper_P & steps.column_inner_P),
            (
                square_P * (3 * whole_P + 4 * count_P - 6 * (row_count_P + column_count_P))
                + 6 * count_P * row_count_P * column_count_P,
                steps.row_inner_P & steps.column_inner_P,
            ),
        )
    )
    return ordered // 6


def _affordable(found: LeafSets, reference: LeafSets) -> bool:
    """Whether the table of cells can be made: one step for each leaf, each of its found sets and reference sets."""
    depth_L, reference_depth_L = (
        np.bincount(sets.member_SL.indices, minlength=sets.num_leaves) + 1 for sets in (found, reference)
    )
    steps = int((depth_L * reference_depth_L).sum())
    cells = min(steps, len(found.parent_X) * len(reference.parent_X))
    return steps <= STEPS_AT_MOST and cells <= CELLS_AT_MOST
