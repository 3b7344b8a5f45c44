from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from experiments.discovery.planted import Cell, plant
from experiments.discovery.runner import planted_problem
from experiments.discovery.ways import ways
from hierclf.errors import DataError, UnknownName


def clades(taxonomy):
    below = {frozenset(taxonomy.leaves_below(node)) for node in taxonomy.internal_nodes}
    return {clade for clade in below if 1 < len(clade) < len(taxonomy.leaves)}


@pytest.fixture(scope="module")
def easy():
    """Sixteen images of each of 36 classes in six groups."""
    planting = plant(Cell(regime="isotropic", shape="even", noise="low"), 0)
    return planted_problem(planting.with_images(16), plenty=20)


@pytest.mark.parametrize("name", ways.names)
def test_every_way_gives_a_taxonomy_of_all_classes_the_same_for_the_same_seed(name, easy):
    found = ways[name].find(easy, 3)
    assert sorted(found.leaves) == sorted(easy.reference.leaves)
    assert found == ways[name].find(easy, 3)


@pytest.mark.parametrize("name", ["ours", "ours_without_support", "kmeans", "global_cut", "ours_plenty"])
def test_ways_that_can_stop_find_an_easy_level_and_nothing_else(name, easy):
    assert clades(ways[name].find(easy, 0)) == clades(easy.reference)


@pytest.mark.parametrize("name", ["dendrogram", "nbdt", "nbdt_raw"])
def test_binary_ways_have_it_too_among_much_else(name, easy):
    found = clades(ways[name].find(easy, 0))
    assert len(found) == 34
    assert found > clades(easy.reference)


def test_the_floor_has_the_shape_of_the_reference_and_none_of_its_groups(easy):
    found = ways["random"].find(easy, 0)
    assert sorted(map(len, clades(found))) == sorted(map(len, clades(easy.reference)))
    assert not clades(found) & clades(easy.reference)
    assert found != ways["random"].find(easy, 1)


def test_the_global_cut_has_the_best_silhouette_of_all_heights(easy):
    """By a loop over cuts and classes; classes alone in their group count as 0."""
    classes, square = easy.distances.classes, squareform(easy.distances.distance_P)
    place = {name: number for number, name in enumerate(classes)}
    dendrogram = ways["dendrogram"].find(easy, 0)
    groups = {frozenset(place[name] for name in clade) for clade in clades(dendrogram)}

    def diameter(group):  # the average linkage's height: the mean distance between its two halves
        halves = [other for other in groups if other < group] + [frozenset([one]) for one in group]
        one, two = next((a, b) for a, b in combinations(halves, 2) if a | b == group and not a & b)
        return np.mean([square[i, j] for i in one for j in two])

    def silhouette(cut):
        values = []
        for own in cut:
            for leaf in own:
                if len(own) == 1:
                    values.append(0.0)
                    continue
                inside = sum(square[leaf, other] for other in own) / (len(own) - 1)
                outside = min(np.mean([square[leaf, other] for other in group]) for group in cut if group != own)
                values.append((outside - inside) / max(inside, outside))
        return np.mean(values)

    heights = {group: diameter(group) for group in groups}
    cuts = []
    for limit in sorted(heights.values()):
        kept = [group for group in groups if heights[group] <= limit]
        top = [group for group in kept if not any(group < other for other in kept)]
        cuts.append([*top, *(frozenset([leaf]) for leaf in range(len(classes)) if not any(leaf in g for g in top))])
    best = max(cuts, key=silhouette)
    found = {frozenset(place[name] for name in clade) for clade in clades(ways["global_cut"].find(easy, 0))}
    assert found == {group for group in best if len(group) > 1}


def test_more_images_are_there_for_planted_classes_alone(easy):
    with pytest.raises(DataError, match="more images can be drawn of planted classes alone"):
        ways["ours_plenty"].find(easy.plenty(), 0)
    with pytest.raises(UnknownName, match="no way to find a taxonomy named 'our'; did you mean 'ours'"):
        ways["our"]
