import numpy as np

from experiments.second_parents import doubled, measure, planted, table
from hierclf import discover
from hierclf.discovery import distances_from_embeddings


def test_what_is_planted_stands_between_two_groups():
    embeddings, labels, truth = planted(0, groups=3, classes=4, between=0.25, images=5, width=16)
    assert embeddings.shape == (60, 16)
    assert set(labels) == set(truth.leaves)
    assert doubled(truth) == {"c00", "c10", "c20"}


def test_measures_count_second_parents():
    embeddings, labels, truth = planted(0, groups=3, classes=4, images=20)
    tree = discover(distances_from_embeddings(embeddings, labels), bootstraps=0)
    count, right, found, ancestor, _ = measure(tree, truth)
    assert (count, found) == (0, 0)
    assert np.isnan(right)
    assert 0 < ancestor < 1


def test_the_table_has_a_line_for_each_way():
    lines = table([0], (0.4,), bootstraps=3).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["a tree", "ε = 0.4"]
