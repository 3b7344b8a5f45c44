from __future__ import annotations

import math

import numpy as np
import pytest

from hierclf.dag import compile_plan
from hierclf.errors import DataError
from hierclf.metrics import Ancestry, hierarchical_distance, mistake_severity, severity
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.metrics import reference


def test_severity_equals_a_walk(taxonomy, ancestry, random):
    decided, truth = random.integers(0, len(taxonomy), size=(2, 80))
    slow = [
        reference.height(taxonomy, reference.lowest_common(taxonomy, taxonomy.nodes[one], taxonomy.nodes[two]))
        for one, two in zip(decided, truth, strict=True)
    ]
    np.testing.assert_array_equal(severity(decided, truth, ancestry), slow)
    wrong = [height for height, one, two in zip(slow, decided, truth, strict=True) if one != two]
    assert mistake_severity(decided, truth, ancestry) == pytest.approx(sum(wrong) / len(wrong))


def test_by_hand_the_height_is_the_longest_way_down():
    ancestry = Ancestry.from_plan(compile_plan(DEEP_DAG))
    beagle, basset, tabby, rock, robot, wolf = map(
        DEEP_DAG.index, ("beagle", "basset", "tabby", "rock", "robot", "wolf")
    )
    # dog; animal and pet share beagle and tabby, 4 leaves each, and animal is first; the root; pet; the root
    pairs = [(beagle, basset), (beagle, tabby), (beagle, rock), (beagle, robot), (wolf, robot)]
    assert severity(*zip(*pairs, strict=True), ancestry).tolist() == [1, 2, 3, 2, 3]


def test_guesses_are_averaged_over_images_and_ranks():
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    zero, one, a = map(TWO_LEVEL.index, ("0", "1", "a"))
    assert hierarchical_distance([[zero, one], [a, zero]], [zero, zero], ancestry) == (0 + 1 + 2 + 0) / 4
    with pytest.raises(DataError, match=r"expected guesses of shape \(1, K\)"):
        hierarchical_distance([[zero], [one]], [zero], ancestry)


def test_no_mistakes_and_no_images_have_no_severity(ancestry):
    assert math.isnan(mistake_severity([1], [1], ancestry))
    assert math.isnan(mistake_severity([], [], ancestry))
    assert math.isnan(hierarchical_distance(np.empty((0, 3), dtype=int), [], ancestry))
