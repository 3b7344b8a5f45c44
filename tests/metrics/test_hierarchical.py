from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.metrics import Ancestry, hierarchical_scores
from hierclf.taxonomy import Taxonomy
from tests.conftest import DIAMOND, TWO_LEVEL
from tests.metrics import reference


def ids(taxonomy, *names):
    return [taxonomy.index(name) for name in names]


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_scores_equal_a_walk_over_sets(taxonomy, ancestry, random, average):
    decided, truth = random.integers(0, len(taxonomy), size=(2, 50))
    names = [[taxonomy.nodes[node] for node in row] for row in (decided, truth)]
    slow = {"micro": reference.hierarchical, "macro": reference.hierarchical_per_image}[average]
    fast = hierarchical_scores(decided, truth, ancestry, average=average)
    np.testing.assert_allclose(fast, slow(taxonomy, *names))


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_scores_equal_those_of_hiclass(random, average):
    """It compares rows of labels, one column a level; an image that claims nothing would divide by zero there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pytest.importorskip("hiclass.metrics")
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    decided, truth = random.integers(1, len(TWO_LEVEL), size=(2, 60))
    paths = [[*reversed(ancestry.ancestor_NK[node, : ancestry.level_N[node]].tolist())] for node in range(9)]
    rows = np.array([[*(str(node) for node in path), *[""] * (2 - len(path))] for path in paths])
    ours = hierarchical_scores(decided, truth, ancestry, average=average)
    assert ours.precision == pytest.approx(theirs.precision(rows[truth], rows[decided], average=average))
    assert ours.recall == pytest.approx(theirs.recall(rows[truth], rows[decided], average=average))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an image with nothing right has F1 = 0, and a warning
        assert ours.f1 == pytest.approx(theirs.f1(rows[truth], rows[decided], average=average))


def test_by_hand_on_a_tree():
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    decided = ids(TWO_LEVEL, "1", "digit", "dot", "character")
    truth = ids(TWO_LEVEL, "0", "0", "dot", "a")
    # shared: digit | digit | dot | nothing; claimed 2, 1, 1, 0; wanted 2, 2, 1, 2
    assert hierarchical_scores(decided, truth, ancestry) == pytest.approx((3 / 4, 3 / 7, 6 / 11))
    assert hierarchical_scores(decided, truth, ancestry, average="macro") == pytest.approx(
        ((1 / 2 + 1 + 1) / 3, (1 / 2 + 1 / 2 + 1 + 0) / 4, (1 / 2 + 2 / 3 + 1 + 0) / 4)
    )


def test_both_parents_count_on_a_dag():
    ancestry = Ancestry.from_plan(compile_plan(DIAMOND))
    scores = hierarchical_scores(ids(DIAMOND, "p"), ids(DIAMOND, "shared"), ancestry)  # {p, l} against {shared, l, r}
    assert scores == pytest.approx((1 / 2, 1 / 3, 2 / 5))


def test_nodes_count_by_identity_not_by_name():
    edges = (("r", "x"), ("r", "xx"), ("x", "x/1"), ("xx", "x/11"))
    taxonomy = Taxonomy(root="r", edges=edges)
    ancestry = Ancestry.from_plan(compile_plan(taxonomy))
    assert hierarchical_scores(ids(taxonomy, "x/1"), ids(taxonomy, "x/11"), ancestry) == (0.0, 0.0, 0.0)


def test_what_is_undefined_is_nan(ancestry):
    assert all(map(math.isnan, hierarchical_scores([], [], ancestry)))
    assert all(map(math.isnan, hierarchical_scores([0], [0], ancestry)))
    precision, recall, f1 = hierarchical_scores([0], [1], ancestry)
    assert (math.isnan(precision), recall, f1) == (True, 0.0, 0.0)


def test_an_unknown_average_is_refused(ancestry):
    with pytest.raises(ConfigError, match="'micro' or 'macro', got 'mean'"):
        hierarchical_scores([0], [0], ancestry, average="mean")
