from __future__ import annotations

import pytest

from hierclf.discovery.agreement import leaf_sets
from hierclf.discovery.agreement.cuts import all_cuts, telling_cuts
from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import FIXED, FLAT, chained, random_dag, random_tree

SHAPES = [*FIXED, *map(random_tree, range(5)), *map(random_dag, range(5))]


@pytest.mark.parametrize("taxonomy", SHAPES, ids=lambda taxonomy: taxonomy.root)
@pytest.mark.parametrize("keep", [1, 2], ids=lambda step: f"every {step}")
def test_groups_are_those_of_a_walk(taxonomy, keep):
    leaves = sorted(taxonomy.leaves)[::keep]
    sets = leaf_sets(taxonomy, leaves)
    cuts = all_cuts(sets)
    assert [cut.level for cut in cuts] == list(range(taxonomy.depth + 1))
    for cut in cuts:
        expected = slow.groups_at(taxonomy, leaves, cut.level)
        listed = [frozenset(leaves[leaf] for leaf in sets.member_XL[[row]].indices) for row in cut.set_G]
        assert cut.groups == len(listed) == len(expected)
        assert set(listed) == expected
        partition = sum(map(len, expected)) == len(leaves)
        assert (cut.group_L is not None) == partition
        if partition:
            assert all(leaf in listed[group] for leaf, group in zip(leaves, cut.group_L, strict=True))


def test_cuts_that_tell_nothing_are_left_out():
    sets = leaf_sets(TWO_LEVEL, sorted(TWO_LEVEL.leaves))
    assert [(cut.level, cut.groups) for cut in telling_cuts(sets)] == [(1, 3)]
    assert telling_cuts(leaf_sets(FLAT, sorted(FLAT.leaves))) == ()
    twice = chained(TWO_LEVEL)  # each group once, at the first level that has it
    assert [cut.groups for cut in telling_cuts(leaf_sets(twice, sorted(twice.leaves)))] == [3]


def test_a_class_in_two_groups_has_none():
    cuts = all_cuts(leaf_sets(DEEP_DAG, sorted(DEEP_DAG.leaves)))
    assert [cut.group_L is None for cut in cuts] == [False, True, False, False]


def test_equal_groups_of_a_dag_are_one():
    twins = Taxonomy.from_edges({"r": ["p", "q", "c"], "p": ["a", "b"], "q": ["a", "b"]})
    cut = all_cuts(leaf_sets(twins, ["a", "b", "c"]))[1]
    assert cut.group_L.tolist() == [0, 0, 1]
