from __future__ import annotations

import numpy as np
import pytest

from hierclf.dag import compile_plan
from hierclf.errors import DataError
from hierclf.metrics import Ancestry, lowest_common_ancestor
from hierclf.metrics.ancestry import distinct_pairs
from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG
from tests.metrics import reference


def all_pairs(count):
    return np.repeat(np.arange(count), count), np.tile(np.arange(count), count)


def test_rows_hold_the_node_first_its_ancestors_and_the_root_last(taxonomy, ancestry):
    for node, name in enumerate(taxonomy.nodes):
        row = [taxonomy.nodes[above] for above in ancestry.ancestor_NK[node] if above >= 0]
        assert row[0] == name
        assert row[-1] == taxonomy.root
        assert len(row) == len(set(row)) == ancestry.count_N[node]
        assert set(row) == reference.line(taxonomy, name)
        hops = dict(zip(row, ancestry.hops_NK[node].tolist(), strict=False))
        assert hops == reference.hops_up(taxonomy, name)


def test_information_height_and_coverage_equal_a_walk(taxonomy, ancestry):
    for node, name in enumerate(taxonomy.nodes):
        assert ancestry.information_N[node] == pytest.approx(reference.bits(taxonomy, name))
        assert ancestry.height_N[node] == reference.height(taxonomy, name)
        assert ancestry.coverage_N[node] == pytest.approx(reference.covered(taxonomy, name))


def test_lowest_common_ancestor_equals_a_walk(taxonomy, ancestry):
    one, two = all_pairs(len(taxonomy))
    common = lowest_common_ancestor(one, two, ancestry)
    names = np.array(taxonomy.nodes, dtype=object)
    assert names[common].tolist() == [
        reference.lowest_common(taxonomy, *pair) for pair in zip(names[one], names[two], strict=True)
    ]


def test_lowest_common_ancestor_is_symmetric_also_on_random_dags(random):
    edges = {(f"n{random.integers(0, child)}", f"n{child}") for child in range(1, 60) for _ in range(3)}
    ancestry = Ancestry.from_plan(compile_plan(Taxonomy(root="n0", edges=tuple(sorted(edges)))))
    one, two = all_pairs(60)
    there, back = lowest_common_ancestor(one, two, ancestry), lowest_common_ancestor(two, one, ancestry)
    np.testing.assert_array_equal(there, back)
    assert (lowest_common_ancestor(one, one, ancestry) == one).all()


def test_an_only_child_and_its_parent_are_told_apart_by_level():
    ancestry = Ancestry.from_plan(compile_plan(DEEP_DAG))
    cat, tabby = DEEP_DAG.index("cat"), DEEP_DAG.index("tabby")
    assert ancestry.information_N[cat] == ancestry.information_N[tabby]
    assert lowest_common_ancestor([tabby, tabby], [tabby, cat], ancestry).tolist() == [tabby, cat]


@pytest.mark.parametrize("num_nodes", [5, 10_000])  # by a table and by sorting
def test_distinct_pairs_can_be_put_back(num_nodes, random):
    first, second = random.integers(0, 5, size=(2, 300))
    first_U, second_U, place, count = distinct_pairs(first, second, num_nodes)
    np.testing.assert_array_equal(first_U[place], first)
    np.testing.assert_array_equal(second_U[place], second)
    assert len(set(zip(first_U.tolist(), second_U.tolist(), strict=True))) == len(first_U)
    np.testing.assert_array_equal(count, np.bincount(place))


def test_images_of_other_are_refused(ancestry):
    with pytest.raises(DataError, match=r"node ids lie between 0 and \d+, got -1 at place 1; leave images of other"):
        lowest_common_ancestor([0, -1], [0, 0], ancestry)
    with pytest.raises(DataError, match="as many decisions as truths, got 2 and 1"):
        lowest_common_ancestor([0, 0], [0], ancestry)
    with pytest.raises(DataError, match="one row of integers"):
        lowest_common_ancestor([0.5], [0], ancestry)


def test_no_pairs_give_no_ancestors(ancestry):
    assert lowest_common_ancestor([], [], ancestry).shape == (0,)


def test_a_long_diamond_chain_is_compiled_quickly():
    edges = [(f"{side}{step}", f"{to}{step + 1}") for step in range(150) for side in "ab" for to in "ab"]
    taxonomy = Taxonomy(root="top", edges=(("top", "a0"), ("top", "b0"), *edges))  # 2^150 paths
    ancestry = Ancestry.from_plan(compile_plan(taxonomy))
    assert ancestry.height_N[0] == 151
    assert ancestry.count_N.max() == 2 * 150 + 2
