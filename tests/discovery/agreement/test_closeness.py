from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from hierclf.discovery.agreement import closeness, leaf_sets
from hierclf.discovery.agreement.closeness import different_leaves, leaf_pairs, smallest_sets, smallest_size
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import FIXED, random_dag, random_tree

SHAPES = [*FIXED, *map(random_tree, range(3)), *(random_dag(seed, 30) for seed in range(3))]


@pytest.mark.parametrize("taxonomy", SHAPES, ids=lambda taxonomy: taxonomy.root)
@pytest.mark.parametrize("cells", [1, closeness.CELLS_AT_ONCE], ids=["one by one", "all at once"])
def test_the_smallest_sets_of_every_pair_are_those_of_a_walk(taxonomy, cells, monkeypatch):
    monkeypatch.setattr(closeness, "CELLS_AT_ONCE", cells)
    sets = leaf_sets(taxonomy, sorted(taxonomy.leaves))
    walked = slow.sets_of(taxonomy, list(sets.leaves))
    first, second, complete = leaf_pairs(sets.num_leaves, 10**6, np.random.default_rng(0))
    assert complete
    assert sorted(zip(first, second, strict=True)) == list(combinations(range(sets.num_leaves), 2))
    size = smallest_size(sets, second, first)
    expected = [
        slow.closeness(walked, sets.leaves[one], sets.leaves[other]) for one, other in zip(first, second, strict=True)
    ]
    assert size.tolist() == expected
    pair, held = smallest_sets(sets, first, second)
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        names = {sets.leaves[one], sets.leaves[other]}
        meeting = {group for group in walked if group >= names and len(group) == expected[place]}
        listed = [frozenset(sets.leaves[leaf] for leaf in sets.member_SL[[row]].indices) for row in held[pair == place]]
        assert len(listed) == len(meeting)
        assert set(listed) == meeting


def test_a_leaf_is_closest_to_itself():
    sets = leaf_sets(random_tree(0), sorted(random_tree(0).leaves))
    places = np.arange(sets.num_leaves)
    assert (smallest_size(sets, places, places) == 1).all()


@pytest.mark.parametrize("leaves_each", [2, 3])
def test_drawn_leaves_differ_and_are_equally_likely(leaves_each):
    drawn = different_leaves(4, leaves_each, 24_000, np.random.default_rng(0))
    kinds, counts = np.unique(drawn, axis=1, return_counts=True)
    assert set(map(tuple, kinds.T)) == set(permutations(range(4), leaves_each))
    expected = 24_000 / len(counts)
    assert abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_many_pairs_are_a_sample():
    first, second, complete = leaf_pairs(100, 50, np.random.default_rng(0))
    assert not complete
    assert len(first) == len(second) == 50
    assert (first != second).all()
