from __future__ import annotations

import numpy as np
import pytest

from hierclf.discovery.agreement import common_leaf_sets, compare, compare_by_chance
from hierclf.discovery.agreement.chance import _exchange
from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG
from tests.discovery.agreement.shapes import FOUND, REFERENCE, random_tree


def test_the_shape_stays_and_classes_move():
    tree = random_tree(0, 40)
    dealt = _exchange(tree, set(tree.leaves), 0)
    assert sorted(dealt.leaves) == sorted(tree.leaves)
    assert dealt.internal_nodes == tree.internal_nodes
    assert dealt.edges != tree.edges
    assert [len(dealt.leaves_below(node)) for node in tree.internal_nodes] == [
        len(tree.leaves_below(node)) for node in tree.internal_nodes
    ]


def test_only_common_classes_move():
    more = Taxonomy.from_edges({"r": ["abc", "g", "f"], "abc": ["a", "b", "c"], "g": ["h", "i", "d"]})
    for seed in range(5):
        dealt = _exchange(more, set(REFERENCE.leaves), seed)
        assert dealt.parents("h") == dealt.parents("i") == ("g",)
        sizes = [common_leaf_sets(taxonomy, REFERENCE)[0].size_S.tolist() for taxonomy in (more, dealt)]
        assert sizes[0] == sizes[1]


def test_chance_is_what_corrected_scores_call_nothing():
    tree = random_tree(0, 60)
    by_chance = [compare_by_chance(tree, tree, seed=seed) for seed in range(20)]
    for name in ("adjusted_mutual_information", "cophenetic_correlation", "cophenetic_rank_correlation"):
        values = [agreement.to_dict()[name] for agreement in by_chance]
        assert abs(np.mean(values)) < 0.05
    precision = np.mean([told.triplet.right / told.triplet.both for told in by_chance])
    assert precision == pytest.approx(1 / 3, abs=0.05)
    assert compare_by_chance(tree, tree, seed=3) == by_chance[3] != by_chance[4]


def test_chance_has_a_column_of_the_table():
    by_chance = compare_by_chance(FOUND, REFERENCE, seed=1)
    lines = [line for line in compare(FOUND, REFERENCE).to_markdown(by_chance).splitlines() if line.startswith("|")]
    assert lines[0] == "| score | value | by chance | in plain words |"
    assert len({line.count("|") for line in lines}) == 1
    assert f"| Dendrogram purity ↑ | 0.667 | {by_chance.dendrogram_purity:.3f} |" in "\n".join(lines)


def test_dags_too():
    assert compare_by_chance(DEEP_DAG, DEEP_DAG, seed=2).found_clades == 3
