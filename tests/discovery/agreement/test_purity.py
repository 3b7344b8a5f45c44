from __future__ import annotations

import numpy as np
import pytest

from hierclf.discovery.agreement import common_leaf_sets, dendrogram_purity, leaf_sets, purity
from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG
from tests.discovery.agreement import reference as slow
from tests.discovery.agreement.shapes import FIXED, FLAT, FOUND, random_dag, random_tree

SHAPES = [*FIXED, *map(random_tree, range(5)), *map(random_dag, range(5))]


@pytest.mark.parametrize("taxonomy", SHAPES, ids=lambda taxonomy: taxonomy.root)
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_purity_is_that_of_all_pairs(taxonomy, groups):
    sets = leaf_sets(taxonomy, sorted(taxonomy.leaves))
    group_L = np.unique(np.random.default_rng(0).integers(groups, size=sets.num_leaves), return_inverse=True)[1]
    expected = slow.purity(taxonomy, list(sets.leaves), dict(zip(sets.leaves, group_L, strict=True)))
    assert dendrogram_purity(sets, group_L) == pytest.approx(expected)
    if sets.nested and expected is not None:
        assert purity._of_pairs(sets, group_L, 0) == pytest.approx(expected)


def test_by_hand():
    sets, _ = common_leaf_sets(FOUND, FOUND)
    assert dendrogram_purity(sets, np.array([0, 0, 1, 1, 1, 2])) == pytest.approx((2 / 3 + 1 / 2 + 1 / 2 + 1) / 4)
    assert dendrogram_purity(sets, np.array([0, 0, 0, 1, 1, 2])) == 1
    assert dendrogram_purity(sets, np.arange(6)) is None
    star, _ = common_leaf_sets(FLAT, FLAT)
    assert dendrogram_purity(star, np.array([0, 0, 0, 0, 1, 1])) == pytest.approx((6 * 4 / 6 + 2 / 6) / 7)


def test_several_smallest_sets_count_their_mean():
    sets = leaf_sets(DEEP_DAG, ["beagle", "robot", "tabby", "wolf"])  # animal: beagle tabby wolf; pet: robot for wolf
    assert dendrogram_purity(sets, np.array([0, 0, 0, 1])) == pytest.approx(((3 / 3 + 2 / 3) / 2 + 1 + 1) / 3)


def test_a_sample_of_pairs_comes_close(monkeypatch):
    dag = random_dag(0, 80)
    sets = leaf_sets(dag, sorted(dag.leaves))
    assert not sets.nested
    group_L = np.random.default_rng(0).integers(3, size=80)
    exact = dendrogram_purity(sets, group_L)
    monkeypatch.setattr(purity, "PAIRS_AT_MOST", 900)
    assert dendrogram_purity(sets, group_L, seed=1) == pytest.approx(exact, abs=0.02)
    assert dendrogram_purity(sets, group_L, seed=1) != exact


def test_pairs_within_groups_are_all_of_them(monkeypatch):
    group_L = np.array([2, 0, 2, 1, 2, 0])
    expected = {(0, 2), (0, 4), (2, 4), (1, 5)}
    assert sorted(zip(*purity._pairs_within(group_L, 0), strict=True)) == sorted(expected)
    monkeypatch.setattr(purity, "PAIRS_AT_MOST", 3)
    drawn = [pair for seed in range(40) for pair in zip(*purity._pairs_within(group_L, seed), strict=True)]
    assert set(drawn) == expected


def test_unions_of_complete_branches_are_pure():
    taxonomy = Taxonomy.from_edges(
        {"r": ["p", "q"], "p": ["1", "2"], "1": ["a", "b"], "2": ["c", "d"], "q": ["e", "f"]}
    )
    sets = leaf_sets(taxonomy, list("abcdef"))
    assert dendrogram_purity(sets, np.array([0, 0, 0, 0, 1, 1])) == 1
    assert dendrogram_purity(sets, np.array([0, 0, 1, 1, 2, 2])) == 1
    assert dendrogram_purity(sets, np.array([0, 1, 0, 1, 2, 2])) < 1
