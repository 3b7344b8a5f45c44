from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from hierclf.discovery.agreement import (
    LevelAgreement,
    adjusted_mutual_information,
    common_leaf_sets,
    dendrogram_purity,
    level_agreement,
)
from hierclf.discovery.agreement.cuts import Cut
from hierclf.discovery.agreement.levels import nearest_cut
from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG
from tests.discovery.agreement.shapes import FLAT, FOUND, REFERENCE, random_tree


@pytest.mark.parametrize(("groups", "others"), [(2, 3), (5, 5), (1, 4), (40, 6), (40, 40)])
def test_it_is_scikit_learns(groups, others):
    random = np.random.default_rng(groups)
    first, second = random.permutation(40) % groups, random.permutation(40) % others
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that most classes have one member
        expected = adjusted_mutual_info_score(first, second)
    assert adjusted_mutual_information(first, second) == pytest.approx(expected, abs=1e-9)


def test_groups_that_are_the_same_agree_fully():
    first = np.array([0, 0, 1, 2, 2])
    assert adjusted_mutual_information(first, np.array([2, 2, 0, 1, 1])) == 1
    assert adjusted_mutual_information(np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64)) == 1


def test_by_hand():
    (level,) = level_agreement(*common_leaf_sets(FOUND, REFERENCE))
    group_L = np.array([0, 0, 1, 1, 1, 2])
    assert level == LevelAgreement(
        level=1,
        groups=3,
        found_level=1,
        found_groups=3,
        adjusted_mutual_information=adjusted_mutual_information(np.array([0, 0, 0, 1, 1, 2]), group_L),
        purity=dendrogram_purity(common_leaf_sets(FOUND, FOUND)[0], group_L),
    )


def test_a_taxonomy_is_its_own_levels():
    for seed in range(5):
        tree = random_tree(seed, 40)
        levels = level_agreement(*common_leaf_sets(tree, tree))
        assert levels
        for level in levels:
            assert level.level == level.found_level
            assert (level.adjusted_mutual_information, level.purity) == (1, 1)


def test_the_cut_is_chosen_by_its_number_of_groups_alone():
    cuts = [Cut(level=level, set_G=np.arange(groups), group_L=None) for level, groups in enumerate([1, 3, 5, 5, 9])]

    def chosen(groups, level):
        return nearest_cut(cuts, Cut(level=level, set_G=np.arange(groups), group_L=None)).level

    assert [chosen(groups, 1) for groups in (1, 2, 3, 6, 7, 8)] == [0, 1, 1, 2, 4, 4]  # 3 is 1.5 times 2, and 2 twice 1
    assert nearest_cut(cuts[::4], Cut(level=1, set_G=np.arange(3), group_L=None)).level == 0  # of two the coarser
    assert chosen(5, 3) == 3  # of two as coarse that of the nearest level


def test_a_star_agrees_no_better_than_chance():
    (level,) = level_agreement(*common_leaf_sets(FLAT, REFERENCE))
    assert (level.found_level, level.found_groups) == (1, 6)  # 1 and 6 groups, 3 wanted: 6 is twice as many
    assert level.adjusted_mutual_information == pytest.approx(0, abs=1e-9)
    assert level_agreement(*common_leaf_sets(REFERENCE, FLAT)) == ()


def test_a_class_in_several_groups_leaves_no_number():
    levels = level_agreement(*common_leaf_sets(DEEP_DAG, DEEP_DAG))
    assert [(level.level, level.adjusted_mutual_information, level.purity) for level in levels] == [
        (1, None, None),
        (2, 1, 1),
    ]
    tree = Taxonomy.from_edges({"r": ["1", "2", "rock"], "1": ["beagle", "basset", "tabby"], "2": ["wolf", "robot"]})
    (level,) = level_agreement(*common_leaf_sets(DEEP_DAG, tree))
    assert level.found_level == 1
    assert level.adjusted_mutual_information is None  # the found groups overlap, the reference's do not
    assert 0 < level.purity < 1
