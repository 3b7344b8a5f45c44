from __future__ import annotations

import numpy as np
import pytest

from hierclf.discovery.distances import ClassDistances
from hierclf.discovery.hierarchy import hierarchies
from hierclf.discovery.induced import ward_of_directions
from hierclf.errors import DataError


def slow_ward(point_KD):
    """Merge the two clusters whose union adds least to the squared distances from the centre, over and over."""
    unit = [np.array(point) / (np.linalg.norm(point) or 1) for point in point_KD]
    clusters = {frozenset([place]): (1, point) for place, point in enumerate(unit)}
    heights = {}
    while len(clusters) > 1:
        pairs = [(one, two) for one in clusters for two in clusters if min(one) < min(two)]

        def cost(pair):
            (a, x), (b, y) = clusters[pair[0]], clusters[pair[1]]
            return np.sqrt(2 * a * b / (a + b)) * np.linalg.norm(x - y)

        best = min(pairs, key=cost)
        height = cost(best)
        (a, x), (b, y) = clusters.pop(best[0]), clusters.pop(best[1])
        clusters[best[0] | best[1]] = (a + b, (a * x + b * y) / (a + b))
        heights[best[0] | best[1]] = height
    return heights


def found(point_KD):
    """What the registered method makes of points; the distances themselves do not count."""
    classes = tuple(f"c{place}" for place in range(len(point_KD)))
    pairs = np.zeros(len(classes) * (len(classes) - 1) // 2)
    distances = ClassDistances(classes=classes, distance_P=pairs, point_KD=point_KD)
    return hierarchies["nbdt"]()(distances, np.random.default_rng(0))


@pytest.mark.parametrize("classes", [2, 3, 4, 9])
def test_every_merge_is_that_of_a_loop_over_pairs(classes):
    point_KD = np.random.default_rng(classes).normal(size=(classes, 5)) * np.arange(1, classes + 1)[:, None]
    hierarchy, expected = found(point_KD.astype(np.float32)), slow_ward(point_KD)
    assert hierarchy.parent_N.dtype == np.int64
    assert len(hierarchy.parent_N) == len(hierarchy.height_N) == 2 * classes - 1
    heights = dict(zip(map(frozenset, hierarchy.members), hierarchy.height_N[classes:].tolist(), strict=True))
    assert heights.keys() == expected.keys()
    assert all(heights[clade] == pytest.approx(expected[clade], rel=1e-5) for clade in heights)


def test_one_class_hangs_under_a_root():
    hierarchy = found(np.ones((1, 3)))
    assert (hierarchy.parent_N.tolist(), hierarchy.height_N.tolist()) == ([1, -1], [0.0, 0.0])


def test_length_does_not_count_and_a_point_at_the_origin_has_none():
    point_KD = np.random.default_rng(0).normal(size=(6, 4))
    scaled_KD = point_KD * np.array([1, 10, 0.1, 3, 5, 2])[:, None]
    np.testing.assert_allclose(found(point_KD).height_N, found(scaled_KD).height_N)
    merge_M4 = ward_of_directions(np.array([[0.0, 0.0], [3.0, 4.0]])).merge_M4
    assert merge_M4.tolist() == [[0.0, 1.0, 1.0, 2.0]]
    hierarchy = found(np.zeros((4, 2)))
    assert not hierarchy.height_N.any()
    assert len(hierarchy.clades) == 2


def test_classes_without_points_are_refused():
    with pytest.raises(DataError, match=r"the method 'nbdt' needs a point per class.*average, .*hdbscan"):
        hierarchies["nbdt"]()(ClassDistances(classes=("a", "b"), distance_P=np.ones(1)), np.random.default_rng(0))


def test_there_are_no_options():
    with pytest.raises(TypeError, match="nbdt takes no options, got 'ratio'"):
        hierarchies["nbdt"](ratio=0.5)


@pytest.mark.parametrize("method", ["nbdt", "hdbscan"])
def test_the_tree_that_it_is_cut_from_comes_along(method):
    point_KD = np.random.default_rng(0).normal(size=(5, 3))
    distances = ClassDistances(
        classes=tuple("abcde"), distance_P=np.random.default_rng(1).uniform(1, 2, 10), point_KD=point_KD
    )
    finder = hierarchies[method]()
    hierarchy = finder(distances, np.random.default_rng(0))
    np.testing.assert_array_equal(hierarchy.dendrogram.merge_M4, finder.dendrogram(distances).merge_M4)
