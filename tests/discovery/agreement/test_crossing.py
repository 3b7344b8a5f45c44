from __future__ import annotations

from itertools import combinations

import pytest

from hierclf.discovery.agreement import common_leaf_sets, cross, crossing
from tests.conftest import DEEP_DAG
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import PAIRS, random_tree


def meeting(sets, pair):
    return min((held for held in sets if held >= set(pair)), key=len)


@pytest.mark.parametrize(("found", "reference"), PAIRS)
def test_pairs_and_triples_are_those_of_a_loop(found, reference):
    leaves = slow.common_leaves(found, reference)
    ours, theirs = slow.sets_of(found, leaves), slow.sets_of(reference, leaves)
    expected = {}
    for pair in combinations(leaves, 2):
        key = meeting(ours, pair), meeting(theirs, pair)
        expected[key] = expected.get(key, 0) + 1
    unresolved = sum(
        slow.closest_pair(ours, triple) is None and slow.closest_pair(theirs, triple) is None
        for triple in combinations(leaves, 3)
    )
    pair = common_leaf_sets(found, reference)
    counted = cross(*pair)
    rows = [
        [frozenset(sets.leaves[leaf] for leaf in sets.member_SL[[row]].indices) for row in range(sets.num_sets)]
        for sets in pair
    ]
    cells = zip(*counted[:4], strict=True)
    listed = [(rows[0][one], rows[1][other], shared, pairs) for one, other, shared, pairs in cells]
    assert {(one, other): pairs for one, other, _, pairs in listed if pairs} == expected
    assert all(shared == len(one & other) > 0 for one, other, shared, _ in listed)
    assert counted.unresolved == unresolved


def test_dags_and_trees_too_deep_are_left_to_others(monkeypatch):
    assert cross(*common_leaf_sets(DEEP_DAG, DEEP_DAG)) is None
    pair = common_leaf_sets(random_tree(0), random_tree(1))
    assert cross(*pair) is not None
    monkeypatch.setattr(crossing, "STEPS_AT_MOST", 10)
    assert cross(*pair) is None
    monkeypatch.undo()
    monkeypatch.setattr(crossing, "CELLS_AT_MOST", 10)
    assert cross(*pair) is None
