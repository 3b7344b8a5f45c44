from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from experiments.discovery import planted
from experiments.discovery.planted import (
    CELLS,
    FEWEST,
    MOST,
    NOISES,
    NUISANCE,
    REGIMES,
    SHARES,
    Cell,
    even_tree,
    plant,
    shows,
    uneven_tree,
)


def cell(regime="isotropic", shape="even", noise="low"):
    return Cell(regime=regime, shape=shape, noise=noise)


@pytest.mark.parametrize("one", CELLS, ids=lambda one: one.name)
def test_what_is_planted_is_a_taxonomy_of_all_classes_that_shows_in_the_true_means(one):
    for seed in range(3):
        planting = plant(one, seed)
        taxonomy = planting.taxonomy
        assert sorted(taxonomy.leaves) == sorted(planting.names)
        assert len(planting.mean_KD) == len(planting.names) == len(planting.count_K)
        assert 64 <= planting.mean_KD.shape[1] <= 256
        assert 20 <= len(planting.names) <= 100
        assert shows(planting.mean_KD, planting.leaves, planting.height)
        for path, height in planting.height.items():
            assert not path or height < planting.height[path[:-1]]
            inner = [other for other in planting.height if other[:-1] == path and other]
            assert len(inner) != 1, "a clade of a single child cannot be found"
        embedding_nD, labels = planting.drawn()
        assert embedding_nD.dtype == np.float32
        counts = dict(zip(*np.unique(labels, return_counts=True), strict=True))
        assert counts == dict(zip(planting.names, planting.count_K, strict=True))


def test_a_tree_that_does_not_show_is_told():
    tree = even_tree((2, 2))
    leaves = [path for path in tree if len(path) == 2]
    assert shows(np.array([[0.0], [1.0], [5.0], [6.0]]), leaves, tree)
    assert not shows(np.array([[0.0], [5.0], [1.0], [6.0]]), leaves, tree)


@pytest.mark.parametrize("regime", ["isotropic", "nuisance"])
def test_siblings_are_as_far_apart_as_the_height_above_them_says(regime):
    planting = plant(cell(regime, "uneven"), 1)
    place = dict(zip(planting.leaves, planting.mean_KD, strict=True))
    pairs = [(a, b) for a, b in combinations(planting.leaves, 2) if a[:-1] == b[:-1]]
    assert len(pairs) > 20
    for one, two in pairs:
        squared = ((place[one] - place[two]) ** 2).sum()
        assert squared == pytest.approx(2 * planting.height[one[:-1]])
    assert len(planting.nuisance_SD) == (8 if regime == "nuisance" else 0)


def test_shapes_are_what_they_are_called():
    even = even_tree((3, 4, 2))
    assert sum(value == 0 for value in even.values()) == 24
    assert {len(path): value for path, value in even.items()} == {0: 1.0, 1: 0.5, 2: 0.25, 3: 0.0}
    trees = [uneven_tree(np.random.default_rng(seed)) for seed in range(20)]
    depths, fan_outs = set(), set()
    for tree in trees:
        leaves = [path for path, value in tree.items() if value == 0]
        assert FEWEST <= len(leaves) <= MOST
        depths |= {len(path) for path in leaves}
        for path, value in tree.items():
            if value > 0:
                fan_outs.add(sum(other[:-1] == path for other in tree if other))
                if path:
                    assert SHARES[0] <= value / tree[path[:-1]] <= SHARES[1]
    assert depths == {1, 2, 3, 4}
    assert fan_outs == {2, 3, 4, 5, 6}


def test_noise_alone_tells_low_from_high_and_the_seed_tells_everything():
    low, high = (plant(cell(noise=noise), 4) for noise in NOISES)
    np.testing.assert_array_equal(low.mean_KD, high.mean_KD)
    assert low.taxonomy == high.taxonomy
    assert high.energy == 6 * low.energy
    np.testing.assert_array_equal(low.drawn()[0], plant(cell(), 4).drawn()[0])
    assert not np.array_equal(low.mean_KD[:, :9], plant(cell(), 10).mean_KD[: len(low.mean_KD), :9])


def test_images_scatter_as_told():
    planting = plant(cell("nuisance"), 1).with_images(200)
    embedding_nD, labels = planting.drawn()
    mean = dict(zip(planting.names, planting.mean_KD, strict=True))
    noise_nD = embedding_nD - np.array([mean[label] for label in labels])
    strong_nS = noise_nD @ planting.nuisance_SD.T
    rest = (noise_nD**2).sum(1).mean() - (strong_nS**2).sum(1).mean()
    lowest = min(value for value in planting.height.values() if value > 0)
    assert planting.energy == NOISES["low"] * lowest
    assert rest == pytest.approx(planting.energy, rel=0.1)
    assert (strong_nS**2).sum(1).mean() == pytest.approx(NUISANCE * planting.energy, rel=0.1)


def test_directions_are_sparse_and_of_unlike_length():
    planting = plant(cell("directions", "uneven"), 0)
    embedding_nD, labels = planting.drawn()
    assert (embedding_nD >= 0).all()
    assert 0.2 < (embedding_nD == 0).mean() < 0.8
    length_n = np.linalg.norm(embedding_nD, axis=1)
    means = [length_n[np.array(labels) == name].mean() for name in planting.names]
    assert np.corrcoef(means, planting.length_K)[0, 1] > 0.8


def test_names_say_nothing_about_the_tree():
    planting = plant(cell(), 0)
    parents = [planting.taxonomy.parents(name)[0] for name in sorted(planting.names)]
    neighbours = np.mean([one == two for one, two in pairwise(parents)])
    assert neighbours < 0.5  # in order of the tree it would be 5/6


def test_regimes_and_cells_are_all_there():
    assert {one.regime for one in CELLS} == set(REGIMES)
    assert len({one.name for one in CELLS}) == len(CELLS) == 12
    assert planted.plant(CELLS[-1], 0).cell == CELLS[-1]
