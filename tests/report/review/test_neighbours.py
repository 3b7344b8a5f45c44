import numpy as np
import pytest

from hierclf.discovery import ClassDistances, Hierarchy
from hierclf.report.review.neighbours import ROWS, neighbours


def square(distances):
    k = len(distances)
    table = np.zeros((k, k))
    table[np.triu_indices(k, 1)] = distances.distance_P
    return table + table.T


def slowly(distances, hierarchy, chosen):
    """The same by loops over sets."""
    k, far = len(distances), square(distances)
    inside = {node: set(hierarchy.members[node - k]) for node in hierarchy.groups if node != hierarchy.root}

    def nearest(some, to_be_apart_from):
        apart = {
            node: np.mean([far[a, b] for a in some for b in group])
            for node, group in inside.items()
            if not group & to_be_apart_from
        }
        return min(apart.items(), key=lambda pair: pair[1], default=(-1, np.nan))

    own_K, other_K = [], []
    for leaf in range(k):
        own = inside.get(hierarchy.parent_N[leaf], {leaf})
        own_K.append(np.mean([far[leaf, other] for other in own - {leaf}]) if len(own) > 1 else np.nan)
        other_K.append(nearest({leaf}, own))
    return own_K, other_K, [nearest(inside[node], inside[node]) for node in chosen]


def random_distances(classes, seed):
    table = np.random.default_rng(seed).random(classes * (classes - 1) // 2)
    return ClassDistances(classes=tuple(f"c{i}" for i in range(classes)), distance_P=table)


def nested(classes):
    """Tens, fives and a pair in them; the last classes stand alone."""
    tens = [range(start, start + 10) for start in range(0, classes - 10, 10)]
    return [*tens, *(range(ten.start, ten.start + 5) for ten in tens), (3, 4)]


@pytest.mark.parametrize("classes", [24, ROWS + 20])
def test_they_equal_loops_over_all_pairs(classes):
    distances = random_distances(classes, seed=1)
    hierarchy = Hierarchy.of(distances.classes, nested(classes))
    chosen = [node for node in hierarchy.groups if node != hierarchy.root][::2]
    near = neighbours(distances, hierarchy, chosen)
    own_K, other_K, other_C = slowly(distances, hierarchy, chosen)
    np.testing.assert_allclose(near.own_K, own_K)
    assert near.other_K.tolist() == [node for node, _ in other_K]
    np.testing.assert_allclose(near.far_K, [far for _, far in other_K])
    assert near.other_C.tolist() == [node for node, _ in other_C]
    np.testing.assert_allclose(near.far_C, [far for _, far in other_C])


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_without_groups_nothing_is_near(classes):
    distances = random_distances(classes, seed=0)
    near = neighbours(distances, Hierarchy.of(distances.classes, []), [])
    assert np.isnan(near.own_K).all()
    assert near.other_K.tolist() == [-1] * classes
    assert near.other_C.shape == near.far_C.shape == (0,)


def test_a_group_alone_has_no_other():
    distances = random_distances(4, seed=0)
    near = neighbours(distances, Hierarchy.of(distances.classes, [(0, 1)]), [5])
    assert near.other_C.tolist() == [-1]
    assert np.isnan(near.far_C).all()
    assert near.other_K.tolist() == [-1, -1, 5, 5]
