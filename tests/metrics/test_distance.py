from __future__ import annotations

import math

import numpy as np
import pytest

from hierclf.dag import compile_plan
from hierclf.metrics import (
    Ancestry,
    balanced_accuracy,
    balanced_distance,
    closest_known_ancestor,
    distance_matrix,
    hop_distance,
    mix,
)
from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG
from tests.metrics import reference


def test_all_distances_equal_a_walk(taxonomy, ancestry):
    matrix = distance_matrix(range(len(taxonomy)), range(len(taxonomy)), ancestry)
    slow = [[reference.hops_between(taxonomy, one, two) for two in taxonomy.nodes] for one in taxonomy.nodes]
    np.testing.assert_array_equal(matrix, slow)


def test_the_best_common_ancestor_may_not_be_the_most_informative_one():
    edges = (("r", "u"), ("u", "v"), ("v", "w"), ("w", "a"), ("w", "b"), ("r", "a"), ("r", "b"), ("r", "c"))
    taxonomy = Taxonomy(root="r", edges=edges)
    ancestry = Ancestry.from_plan(compile_plan(taxonomy))
    assert hop_distance([taxonomy.index("a")], [taxonomy.index("u")], ancestry) == [2]  # up to the root and down


def test_distances_agree_with_the_table_that_decisions_use(taxonomy, plan, ancestry):
    from hierclf.dag import hop_table

    table_NL = hop_table(plan).numpy()
    np.testing.assert_array_equal(distance_matrix(range(len(taxonomy)), ancestry.leaf_L, ancestry), table_NL)


def test_pieces_of_bounded_size_give_the_same(taxonomy, ancestry, monkeypatch):
    whole = distance_matrix(range(len(taxonomy)), range(len(taxonomy)), ancestry)
    monkeypatch.setattr("hierclf.metrics.ancestry.CELLS_AT_ONCE", 1)
    np.testing.assert_array_equal(distance_matrix(range(len(taxonomy)), range(len(taxonomy)), ancestry), whole)


def test_every_class_counts_the_same():
    ancestry = Ancestry.from_plan(compile_plan(DEEP_DAG))
    beagle, basset, rock = map(DEEP_DAG.index, ("beagle", "basset", "rock"))
    truth, decided = [beagle, beagle, beagle, rock], [beagle, beagle, basset, 0]
    assert balanced_distance(decided, truth, ancestry) == pytest.approx(((0 + 0 + 2) / 3 + 1) / 2)
    assert balanced_accuracy(decided, truth) == pytest.approx((2 / 3 + 0) / 2)
    assert mix(1.0, 2.0) == 1.5


def test_the_closest_known_ancestor_is_fewest_hops_away():
    ancestry = Ancestry.from_plan(compile_plan(DEEP_DAG))
    beagle, dog, animal, wolf, rock = map(DEEP_DAG.index, ("beagle", "dog", "animal", "wolf", "rock"))
    known = np.zeros(len(DEEP_DAG), dtype=bool)
    known[[dog, animal, rock]] = True
    assert closest_known_ancestor([beagle, wolf, rock], known, ancestry).tolist() == [dog, animal, rock]
    assert closest_known_ancestor([beagle], np.zeros(len(DEEP_DAG), dtype=bool), ancestry).tolist() == [0]


def test_no_images_have_no_mean(ancestry):
    assert math.isnan(balanced_distance([], [], ancestry))
    assert math.isnan(balanced_accuracy([], []))
    assert math.isnan(mix(1.0, math.nan))
    assert distance_matrix([], [0], ancestry).shape == (0, 1)
