from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import HDBSCAN

from hierclf.discovery import hdbscan
from hierclf.discovery.distances import ClassDistances
from hierclf.discovery.hdbscan import reachability
from hierclf.discovery.hierarchy import hierarchies
from hierclf.errors import ConfigError


def condensed_tree(distance_P, classes, **options):
    """What the registered method finds: parents and heights."""
    names = tuple(f"c{place}" for place in range(classes))
    finder = hierarchies["hdbscan"](**options)
    hierarchy = finder(ClassDistances(classes=names, distance_P=distance_P), np.random.default_rng(0))
    return hierarchy.parent_N, hierarchy.height_N


def clades(parent_N, height_N, classes):
    """The members and height of each clade, its own classes' places, and its clade above."""
    told = {}
    for node in range(classes, len(parent_N)):
        below = []
        for leaf in range(classes):
            above = parent_N[leaf]
            while above not in (-1, node):
                above = parent_N[above]
            below += [leaf] if above == node else []
        own = frozenset(leaf for leaf in range(classes) if parent_N[leaf] == node)
        told[frozenset(below)] = (float(height_N[node]), own)
    return told


def slow_clades(distance_P, classes, *, cluster_size, neighbours):
    """Take the longest bridges away, look at what is still connected, and so on downwards."""
    square = squareform(distance_P)
    core = [sorted(row)[min(neighbours, classes) - 1] for row in square]
    bridges = {pair: max(square[pair], core[pair[0]], core[pair[1]]) for pair in combinations(range(classes), 2)}

    def parts(members):
        graph = nx.Graph()
        graph.add_nodes_from(members)
        for length in sorted({bridges[pair] for pair in combinations(sorted(members), 2)}):
            shorter = graph.copy()
            graph.add_edges_from(p for p in combinations(sorted(members), 2) if bridges[p] == length)
            if nx.is_connected(graph):
                return length, [frozenset(part) for part in nx.connected_components(shorter)]
        raise AssertionError

    told = {}

    def condense(members):
        clade, own, height = members, set(), None
        while True:
            length, found = parts(members)
            height = length if height is None else height
            large = [part for part in found if len(part) >= cluster_size]
            own |= {leaf for part in found if part not in large for leaf in part}
            if len(large) != 1:
                told[clade] = (height, frozenset(own))
                for part in large:
                    condense(part)
                return
            members = large[0]

    condense(frozenset(range(classes)))
    return told


@pytest.mark.parametrize("cluster_size", [2, 3, 5])
@pytest.mark.parametrize("neighbours", [1, 2, 3, 6, 99])
@pytest.mark.parametrize("rounded", [False, True], ids=["no ties", "ties"])
def test_clades_are_those_of_a_graph_that_loses_its_longest_bridges(cluster_size, neighbours, rounded, monkeypatch):
    monkeypatch.setattr(hdbscan, "ROWS", 5)
    for seed in range(4):
        point_KD = np.random.default_rng(seed).normal(size=(14, 2)) + np.repeat([[0, 0], [6, 0]], 7, axis=0)
        distance_P = pdist(point_KD.round(0) if rounded else point_KD, "cityblock")
        options = {"cluster_size": cluster_size, "neighbours": neighbours}
        parent_N, height_N = condensed_tree(distance_P, 14, **options)
        assert (parent_N[14:] < np.arange(14, len(parent_N))).all()
        assert clades(parent_N, height_N, 14) == slow_clades(distance_P, 14, **options)


@pytest.mark.parametrize(("cluster_size", "neighbours"), [(2, 2), (3, 1), (4, 2), (6, 1)])
def test_the_lowest_clades_are_the_leaf_clusters_of_scikit_learn(cluster_size, neighbours):
    """Core distances of more neighbours make ties, which scikit-learn breaks by the order of the points."""
    for seed in range(5):
        chance = np.random.default_rng(seed)
        point_KD = chance.normal(size=(40, 2)) + 7 * chance.normal(size=(6, 2))[chance.integers(0, 6, 40)]
        judge = HDBSCAN(
            min_cluster_size=cluster_size,
            min_samples=neighbours,
            metric="precomputed",
            cluster_selection_method="leaf",
            copy=True,
        )
        label_K = judge.fit_predict(squareform(pdist(point_KD)))
        expected = {frozenset(np.flatnonzero(label_K == label).tolist()) for label in set(label_K.tolist()) - {-1}}
        found = clades(*condensed_tree(pdist(point_KD), 40, cluster_size=cluster_size, neighbours=neighbours), 40)
        lowest = {clade for clade in found if not any(other < clade for other in found)}
        assert lowest == expected


def test_reachability_is_the_distance_or_the_core_distance_of_an_end():
    distance_P = pdist(np.array([[0.0], [1.0], [2.0], [10.0]]))
    assert reachability(distance_P, 4, 3).tolist() == [2.0, 2.0, 10.0, 2.0, 9.0, 9.0]
    assert reachability(distance_P, 4, 2).tolist() == distance_P.tolist()


@pytest.mark.parametrize("classes", [1, 2, 3, 7])
def test_classes_at_one_place_stand_side_by_side(classes):
    parent_N, height_N = condensed_tree(np.zeros(classes * (classes - 1) // 2, dtype=np.float32), classes)
    assert parent_N.tolist() == [classes] * classes + [-1]
    assert height_N.tolist() == [0.0] * (classes + 1)


def test_the_order_of_the_classes_does_not_count():
    distance_P = pdist(np.random.default_rng(0).integers(0, 4, size=(20, 2)), "cityblock")
    order_K = np.random.default_rng(1).permutation(20)
    shuffled_P = squareform(squareform(distance_P)[np.ix_(order_K, order_K)])
    plain, shuffled = (set(clades(*condensed_tree(d_P, 20), 20)) for d_P in (distance_P, shuffled_P))
    assert {frozenset(order_K[list(clade)].tolist()) for clade in shuffled} == plain


def test_the_dendrogram_before_condensing_is_single_linkage():
    distances = ClassDistances(classes=("a", "b", "c"), distance_P=np.array([1.0, 4.0, 3.0]))
    merge_M4 = hierarchies["hdbscan"]().dendrogram(distances).merge_M4
    assert merge_M4.tolist() == [[0, 1, 1, 2], [2, 3, 3, 3]]


@pytest.mark.parametrize("options", [{"cluster_size": 1}, {"neighbours": 0}, {"cluster_size": 2.5}])
def test_options_out_of_range_are_refused(options):
    (name,) = options
    with pytest.raises(ConfigError, match=f"{name} is a whole number, at least [12], got"):
        hierarchies["hdbscan"](**options)
