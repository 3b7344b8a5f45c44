from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from hierclf.discovery.distances import ClassDistances, unit_points
from hierclf.discovery.hierarchy import hierarchies
from hierclf.discovery.kmeans import division, kmeans_tree
from hierclf.errors import ConfigError, DataError


def members(parent_N, classes):
    """The classes below each clade, by the clade."""
    below = {node: set() for node in range(classes, len(parent_N))}
    for leaf in range(classes):
        node = parent_N[leaf]
        while node != -1:
            below[node].add(leaf)
            node = parent_N[node]
    return below


def planted(generator, size=256):
    """Four groups, three of which hold four groups of three or four classes each."""
    code_K = np.repeat([a + b for a in "abc" for b in "abcd"] + ["d"], [3, 4] * 6 + [5])
    offsets = {code[:depth]: None for code in code_K for depth in (1, 2)}
    offsets = {code: generator.normal(size=size) * (1.0 if len(code) == 1 else 0.5) for code in offsets}
    leaf_KD = 0.3 * generator.normal(size=(len(code_K), size))
    point_KD = np.array([sum(offsets[code[:depth]] for depth in range(1, len(code) + 1)) for code in code_K]) + leaf_KD
    clades = {frozenset(np.flatnonzero([one.startswith(code) for one in code_K]).tolist()) for code in offsets}
    return unit_points(point_KD), clades


@pytest.mark.parametrize("seed", range(2))
def test_planted_groups_are_found_at_every_level_and_nothing_else(seed):
    point_KD, clades = planted(np.random.default_rng(seed))
    parent_N, _ = kmeans_tree(point_KD.astype(np.float32), np.random.default_rng(seed), most=16, clouds=5)
    found = {frozenset(below) for below in members(parent_N, len(point_KD)).values()}
    assert found - {frozenset(range(len(point_KD)))} == clades


def test_heights_are_means_over_pairs_of_different_children_and_do_not_fall_upwards():
    point_KD, _ = planted(np.random.default_rng(0))
    classes = len(point_KD)
    parent_N, height_N = kmeans_tree(point_KD, np.random.default_rng(0), most=16, clouds=3)
    below = members(parent_N, classes)
    for clade, inside in below.items():
        children = [below.get(node, {node}) for node in np.flatnonzero(parent_N == clade).tolist()]
        side = {leaf: place for place, child in enumerate(children) for leaf in child}
        pairs = [pair for pair in combinations(sorted(inside), 2) if side[pair[0]] != side[pair[1]]]
        own = np.mean([1 - point_KD[one] @ point_KD[two] for one, two in pairs])
        lower = [height_N[node] for node in np.flatnonzero(parent_N == clade) if node >= classes]
        assert height_N[clade] == pytest.approx(max([own, *lower]))
    assert not height_N[:classes].any()


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 30])
def test_noise_and_equal_distances_give_a_star(classes):
    star = [classes] * classes + [-1]
    assert kmeans_tree(np.eye(classes), np.random.default_rng(0))[0].tolist() == star
    noise_KD = unit_points(np.random.default_rng(1).normal(size=(classes, 100)))
    assert kmeans_tree(noise_KD, np.random.default_rng(0))[0].tolist() == star
    same_KD = np.ones((classes, 3))
    parent_N, height_N = kmeans_tree(same_KD, np.random.default_rng(0))
    assert parent_N.tolist() == star
    assert not height_N.any()


def test_without_clouds_any_division_is_made():
    noise_KD = unit_points(np.random.default_rng(0).normal(size=(30, 100)))
    assert len(set(division(noise_KD, np.random.default_rng(0), most=9, clouds=0).tolist())) < 30


def test_pairs_at_two_places_are_two_groups():
    point_KD = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    parent_N, height_N = kmeans_tree(point_KD, np.random.default_rng(0))
    assert parent_N.tolist() == [5, 6, 5, 6, -1, 4, 4]
    assert height_N.tolist() == [0, 0, 0, 0, 1, 0, 0]


def test_the_same_generator_gives_the_same_tree_and_no_division_has_more_groups_than_allowed():
    point_KD, _ = planted(np.random.default_rng(2))
    one, two = (kmeans_tree(point_KD, np.random.default_rng(5), most=6, clouds=2) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    narrow_n = division(point_KD, np.random.default_rng(0), most=2, clouds=0)
    assert len(set(narrow_n.tolist())) == 2


def test_the_registered_method_reads_directions_from_the_mean():
    point_KD, clades = planted(np.random.default_rng(1))
    classes = tuple(f"c{place}" for place in range(len(point_KD)))
    scaled_KD = point_KD * np.random.default_rng(0).uniform(0.9, 1.1, size=(len(classes), 1)) + 100
    distances = ClassDistances(
        classes=classes, distance_P=np.zeros(len(classes) * (len(classes) - 1) // 2), point_KD=scaled_KD
    )
    hierarchy = hierarchies["kmeans"](most=16, clouds=5)(distances, np.random.default_rng(0))
    assert hierarchy.clades == clades
    assert hierarchies["kmeans"]().dendrogram(distances) is None


def test_what_cannot_be_divided_is_refused():
    with pytest.raises(DataError, match="the method 'kmeans' needs a point per class"):
        hierarchies["kmeans"]()(ClassDistances(classes=("a", "b"), distance_P=np.ones(1)), np.random.default_rng(0))
    with pytest.raises(ConfigError, match="most is a whole number, at least 2, got 1"):
        hierarchies["kmeans"](most=1)
    with pytest.raises(ConfigError, match="clouds is a whole number, at least 0, got -1"):
        hierarchies["kmeans"](clouds=-1)
