"""Do both taxonomies agree on how close any two classes are?

The cophenetic correlation of two hierarchies is the correlation, over all pairs of leaves, of how close each hierarchy
takes them to be. A taxonomy has no heights, so the closeness of a pair is the information that its smallest common set
v gives, ``log2(L / |v|)`` bits (0 at the root). Sizes themselves would be ruled by a few large sets, and numbers of
edges change with chains of only children. The rank correlation asks for the order alone, whatever the scale.

Unlike triplets this compares pairs across the whole taxonomy: it sees whether a found clade is as broad as the true
one. Exact for two trees; on DAGs with more pairs than `PAIRS_AT_MOST` over a random sample.

Sokal and Rohlf, *The Comparison of Dendrograms by Objective Methods*, Taxon 1962; the information of the lowest common
ancestor is that of Resnik, *Using Information Content to Evaluate Semantic Similarity in a Taxonomy*, IJCAI 1995.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hierclf.discovery.agreement.closeness import leaf_pairs, smallest_size
from hierclf.discovery.agreement.crossing import Crossing
from hierclf.discovery.agreement.leaf_sets import Floats, Ints, LeafSets

# L leaves, P pairs, Q kinds of pairs: those with the same two smallest common sets count as one with a weight

PAIRS_AT_MOST = 1 << 18


class CopheneticCorrelation(NamedTuple):
    """Correlation of closeness over pairs of leaves, from -1 to 1; None where one side takes all pairs for equal."""

    pearson: float | None
    spearman: float | None


def cophenetic_correlation(
    found: LeafSets, reference: LeafSets, crossing: Crossing | None, *, seed: int = 0
) -> CopheneticCorrelation:
    """Correlate the information of the smallest common sets of all pairs of leaves.

    Args:
        found: the found taxonomy's sets.
        reference: the reference's sets, over the same leaves.
        crossing: the two laid across each other, from `cross`; None looks at pairs one by one.
        seed: of the sample, where one is drawn.
    """
    if crossing is not None:
        found_Q, reference_Q = found.size_S[crossing.found_Q], reference.size_S[crossing.reference_Q]
        count_Q = crossing.pairs_Q
    else:
        first_P, second_P, _ = leaf_pairs(found.num_leaves, PAIRS_AT_MOST, np.random.default_rng(seed))
        found_Q, reference_Q = (smallest_size(sets, first_P, second_P) for sets in (found, reference))
        count_Q = np.ones(len(first_P), dtype=np.int64)
    return CopheneticCorrelation(
        pearson=weighted_correlation(-np.log2(found_Q), -np.log2(reference_Q), count_Q),
        spearman=weighted_correlation(
            weighted_ranks(-found_Q, count_Q), weighted_ranks(-reference_Q, count_Q), count_Q
        ),
    )


def weighted_correlation(first_Q: Floats, second_Q: Floats, count_Q: Ints) -> float | None:
    """Pearson's correlation of values that occur ``count_Q`` times; None where one side has a single value."""
    if any(len(np.unique(values_Q[count_Q > 0])) < 2 for values_Q in (first_Q, second_Q)):
        return None
    first_Q = first_Q - np.average(first_Q, weights=count_Q)
    second_Q = second_Q - np.average(second_Q, weights=count_Q)
    together, first, second = (
        float((count_Q * one_Q * other_Q).sum())
        for one_Q, other_Q in ((first_Q, second_Q), (first_Q, first_Q), (second_Q, second_Q))
    )
    return float(np.clip(together / np.sqrt(first * second), -1, 1))


def weighted_ranks(values_Q: Ints, count_Q: Ints) -> Floats:
    """Rank of each value where it occurs ``count_Q`` times; equals share their mean rank.

    >>> weighted_ranks(np.array([5, 3, 5]), np.array([1, 2, 1]))
    array([3.5, 1.5, 3.5])
    """
    distinct, place_Q = np.unique(values_Q, return_inverse=True)
    count = np.bincount(place_Q, weights=count_Q, minlength=len(distinct))
    ranks_Q: Floats = (np.cumsum(count) - (count - 1) / 2)[place_Q]
    return ranks_Q
