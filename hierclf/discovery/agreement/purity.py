"""Dendrogram purity: does what belongs together come together before strangers join in?

Take two random classes of the same group of the reference, and climb the found taxonomy to the smallest set v that
holds both: which share of v is of that group? With P the pairs within groups and g the group of a pair,

    purity = 1/|P| Σ_{(a,b) ∈ P} |v(a, b) ∩ g| / |v(a, b)|.

1 when every group is a union of complete branches; the share of the largest groups, roughly, for a star. No correction
for chance is made, and a finer taxonomy can only gain, so a binary dendrogram is favoured: read it beside the others.
Where several smallest sets hold a pair (on a DAG), the pair counts their mean. Exact for a tree; for a DAG over all
pairs within groups up to `PAIRS_AT_MOST`, else over a random sample of them.

Heller and Ghahramani, *Bayesian Hierarchical Clustering*, ICML 2005.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from hierclf.discovery.agreement.cells import overlaps
from hierclf.discovery.agreement.closeness import smallest_sets
from hierclf.discovery.agreement.leaf_sets import Ints, LeafSets

# L leaves, G groups, S sets, P pairs of leaves of the same group, C cells (group, set or leaf), T (pair, smallest set)

PAIRS_AT_MOST = 1 << 16


def dendrogram_purity(found: LeafSets, group_L: Ints, *, seed: int = 0) -> float | None:
    """Expected share of the pair's group in the smallest set that holds two leaves of one group.

    Args:
        found: the found taxonomy's sets.
        group_L: each leaf's group, from 0 on, int64, shape ``(L,)``.
        seed: of the sample, where one is drawn.

    Returns:
        Above 0 and at most 1; None where no group has two leaves.
    """
    size_G = np.bincount(group_L)
    if size_G.max() < 2:
        return None
    return _of_tree(found, group_L) if found.nested else _of_pairs(found, group_L, seed)


def _of_tree(found: LeafSets, group_L: Ints) -> float:
    """Pairs of a group meet at v as often as ``½ (n(g, v)² - Σ n(g, child of v)²)``: no pair is looked at."""
    num_leaves = found.num_leaves
    indicator = (np.ones(num_leaves, dtype=np.int64), (group_L, np.arange(num_leaves)))
    cells = overlaps(csr_array(indicator, shape=(int(group_L.max()) + 1, num_leaves)), found.member_XL)
    upper_C, inner_C = cells.column_P < found.num_sets, cells.column_P > 0
    twice_C = np.where(upper_C, cells.count_P**2, 0)
    above = cells.place(cells.row_P[inner_C], found.parent_X[cells.column_P[inner_C]])
    meet_elsewhere_C = np.bincount(above, weights=cells.count_P[inner_C] ** 2, minlength=len(twice_C))
    share_C = cells.count_P[upper_C] / found.size_S[cells.column_P[upper_C]]
    pairs_C = (twice_C - meet_elsewhere_C)[upper_C]
    return float((pairs_C * share_C).sum() / pairs_C.sum())


def _of_pairs(found: LeafSets, group_L: Ints, seed: int) -> float:
    first_P, second_P = _pairs_within(group_L, seed)
    pair_T, set_T = smallest_sets(found, first_P, second_P)
    indicator = (np.ones(len(group_L), dtype=np.int64), (np.arange(len(group_L)), group_L))
    shared_SG = (found.member_SL @ csr_array(indicator, shape=(len(group_L), int(group_L.max()) + 1))).toarray()
    share_T = shared_SG[set_T, group_L[first_P[pair_T]]] / found.size_S[set_T]
    mean_P = np.bincount(pair_T, weights=share_T) / np.bincount(pair_T)
    return float(mean_P.mean())


def _pairs_within(group_L: Ints, seed: int) -> tuple[Ints, Ints]:
    """All pairs of leaves of the same group, or a random sample of them, each equally likely."""
    leaf_L = np.argsort(group_L, kind="stable")  # group by group
    size_G = np.bincount(group_L)
    later_L = np.cumsum(size_G)[group_L[leaf_L]] - np.arange(len(leaf_L)) - 1  # leaves of its group that follow
    total = int(later_L.sum())
    if total <= PAIRS_AT_MOST:
        chosen = np.arange(total)
    else:
        chosen = np.random.default_rng(seed).integers(total, size=PAIRS_AT_MOST)
    end_L = np.cumsum(later_L)
    first = np.searchsorted(end_L, chosen, side="right")
    second = first + 1 + chosen - (end_L - later_L)[first]
    return leaf_L[first], leaf_L[second]
