from __future__ import annotations

import pytest

from hierclf.discovery.agreement import common_leaf_sets, leaf_sets
from hierclf.errors import TaxonomyError
from hierclf.taxonomy import Taxonomy
from tests.conftest import CHAIN, DEEP_DAG, DIAMOND, ONE_LEAF
from tests.discovery.agreement import reference
from tests.discovery.agreement.shapes import FIXED, chained, random_dag, random_tree, renamed, reordered

SHAPES = [*FIXED, *map(random_tree, range(5)), *map(random_dag, range(5))]


def as_sets(sets):
    return [frozenset(sets.leaves[leaf] for leaf in sets.member_SL[[row]].indices) for row in range(sets.num_sets)]


def same(one, other):
    return one.leaves == other.leaves and (one.member_SL != other.member_SL).nnz == 0


@pytest.mark.parametrize("taxonomy", SHAPES, ids=lambda taxonomy: taxonomy.root)
@pytest.mark.parametrize("keep", [1, 2, 3], ids=lambda step: f"every {step}")
def test_sets_are_those_of_a_walk_largest_first(taxonomy, keep):
    leaves = sorted(taxonomy.leaves)[::keep]
    if len(leaves) < 2:
        return
    sets = leaf_sets(taxonomy, leaves)
    listed = as_sets(sets)
    assert len(listed) == len(set(listed))
    assert set(listed) == reference.sets_of(taxonomy, leaves)
    assert sets.size_S.tolist() == sorted(map(len, listed), reverse=True) == list(map(len, listed))
    assert listed[0] == set(leaves)
    rows = [*listed, *(frozenset([leaf]) for leaf in leaves)]
    for node, place, level in zip(taxonomy.nodes, sets.set_N, sets.level_N, strict=True):
        expected = reference.below(taxonomy, node, leaves)
        assert (rows[place] if place >= 0 else frozenset()) == expected
        assert level == taxonomy.level(node)


@pytest.mark.parametrize("taxonomy", SHAPES, ids=lambda taxonomy: taxonomy.root)
def test_parents_are_the_next_larger_sets_of_a_tree(taxonomy):
    sets = leaf_sets(taxonomy, sorted(taxonomy.leaves))
    rows = [*as_sets(sets), *(frozenset([leaf]) for leaf in sets.leaves)]
    laminar = all(not one & other or one <= other or other <= one for one in rows for other in rows)
    assert sets.nested == laminar
    if laminar:
        for row, parent in zip(rows, sets.parent_X, strict=True):
            larger = [other for other in rows if row < other]
            assert rows[parent] == min(larger, key=len) if larger else parent == -1


def test_a_dag_may_be_nested_once_restricted():
    assert not leaf_sets(DEEP_DAG, sorted(DEEP_DAG.leaves)).nested
    assert leaf_sets(DEEP_DAG, ["basset", "beagle", "tabby"]).nested
    assert not leaf_sets(DIAMOND, ["p", "q", "shared"]).nested
    assert leaf_sets(DIAMOND, ["p", "shared"]).nested


@pytest.mark.parametrize("taxonomy", SHAPES, ids=lambda taxonomy: taxonomy.root)
def test_names_order_and_chains_change_nothing(taxonomy):
    sets = leaf_sets(taxonomy, sorted(taxonomy.leaves))
    for twin in (renamed(taxonomy), reordered(taxonomy, 1), chained(taxonomy)):
        assert same(sets, leaf_sets(twin, sorted(twin.leaves)))


def test_leaves_are_compared_by_name_also_where_one_has_children():
    one = Taxonomy.from_edges({"r": ["a", "b", "c"]})
    other = Taxonomy.from_edges({"r": ["a", "b", "c"], "c": ["d", "e"]})
    assert common_leaf_sets(one, other)[0].leaves == common_leaf_sets(one, other)[1].leaves == ("a", "b")


@pytest.mark.parametrize("other", [CHAIN, ONE_LEAF], ids=lambda taxonomy: taxonomy.root)
def test_fewer_than_two_common_classes_are_refused(other):
    with pytest.raises(TaxonomyError, match="at least 2 classes in common, got 0") as caught:
        common_leaf_sets(other, Taxonomy.from_edges({"r": ["a", "b", "c", "e", "f"]}))
    assert f"{other.leaves[0]!r}, the reference 'a', 'b', 'c' and 2 more; write the" in str(caught.value)
    with pytest.raises(TaxonomyError, match="got 1"):
        common_leaf_sets(other, other)
