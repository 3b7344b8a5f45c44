"""The reference level by level: does some cut of the found taxonomy make the same groups?

Each level of the reference is compared with the level of the found taxonomy whose number of groups is nearest, as a
ratio (the coarser of two), by the adjusted mutual information of the two groupings: 0 for what chance would reach with
groups of these sizes, 1 for the same groups. The level is not chosen by how well it agrees, which would favour a
taxonomy with many levels.

``AMI(U, V) = (I(U, V) - E[I]) / (½ (H(U) + H(V)) - E[I])``, with the expectation over random groupings of the same
sizes: Vinh, Epps and Bailey, *Information Theoretic Measures for Clusterings Comparison: Variants, Properties,
Normalization and Correction for Chance*, JMLR 2010. Where a class is in several groups of either side (on a DAG) there
is no such number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics.cluster import expected_mutual_information

from hierclf.discovery.agreement.cuts import Cut, all_cuts, telling_cuts
from hierclf.discovery.agreement.leaf_sets import Floats, Ints, LeafSets
from hierclf.discovery.agreement.purity import dendrogram_purity

# L leaves, G groups of one side, H groups of the other, C cells of their table that are not empty


@dataclass(frozen=True, kw_only=True)
class LevelAgreement:
    """What the found taxonomy makes of one level of the reference.

    Args:
        level: the reference's level.
        groups: how many groups it has.
        found_level: the found taxonomy's level with the nearest number of groups.
        found_groups: how many that has.
        adjusted_mutual_information: of the two groupings; None where a class is in several groups of either.
        purity: dendrogram purity of the found taxonomy for the reference's groups, None where a class is in several.
    """

    level: int
    groups: int
    found_level: int
    found_groups: int
    adjusted_mutual_information: float | None
    purity: float | None


def level_agreement(found: LeafSets, reference: LeafSets, *, seed: int = 0) -> tuple[LevelAgreement, ...]:
    """Compare every level of the reference that groups anything, the coarsest first; ``seed`` is `dendrogram_purity`'s.

    Levels whose groups are those of the level above are left out.
    """
    found_cuts = all_cuts(found)
    return tuple(_compare(found, found_cuts, cut, seed) for cut in telling_cuts(reference))


def nearest_cut(cuts: Sequence[Cut], cut: Cut) -> Cut:
    """The one with the nearest number of groups, by their ratio; of two as near the coarser, then the nearest level."""

    def far(other: Cut) -> tuple[float, int, int]:
        ratio = max(other.groups, cut.groups) / min(other.groups, cut.groups)
        return ratio, other.groups, abs(other.level - cut.level)

    return min(cuts, key=far)


def adjusted_mutual_information(first_L: Ints, second_L: Ints) -> float:
    """How much two groupings of the same leaves agree beyond chance, at most 1, about 0 for unrelated ones.

    Args:
        first_L: group of each leaf, from 0 on, int64, shape ``(L,)``.
        second_L: the same for the other grouping.
    """
    num_leaves = len(first_L)
    ones = np.ones(num_leaves, dtype=np.int64)
    table_GH = csr_array((ones, (first_L, second_L)))
    table_GH.sum_duplicates()
    first_G, second_H = np.bincount(first_L), np.bincount(second_L)
    if table_GH.nnz == len(first_G) == len(second_H):
        return 1.0  # the same groups, also where all are together or all alone
    group_C, other_C = table_GH.nonzero()
    count_C = table_GH.data
    shared = (count_C / num_leaves * np.log(num_leaves * count_C / (first_G[group_C] * second_H[other_C]))).sum()
    expected = expected_mutual_information(table_GH, num_leaves)
    most = (_entropy(first_G / num_leaves) + _entropy(second_H / num_leaves)) / 2
    return float((shared - expected) / (most - expected))


def _compare(found: LeafSets, found_cuts: Sequence[Cut], cut: Cut, seed: int) -> LevelAgreement:
    nearest = nearest_cut(found_cuts, cut)
    information = purity = None
    if cut.group_L is not None:
        purity = dendrogram_purity(found, cut.group_L, seed=seed)
        if nearest.group_L is not None:
            information = adjusted_mutual_information(nearest.group_L, cut.group_L)
    return LevelAgreement(
        level=cut.level,
        groups=cut.groups,
        found_level=nearest.level,
        found_groups=nearest.groups,
        adjusted_mutual_information=information,
        purity=purity,
    )


def _entropy(share_G: Floats) -> float:
    return float(-(share_G * np.log(share_G)).sum())
