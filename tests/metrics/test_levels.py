from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss

from hierclf.dag import compile_plan
from hierclf.errors import DataError
from hierclf.metrics import Ancestry, expected_calibration_error, level_classes, level_scores
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.metrics import reference


def classes_of(taxonomy, level):
    return [
        node
        for node in taxonomy.nodes
        if taxonomy.level(node) == level or (not taxonomy.children(node) and taxonomy.level(node) < level)
    ]


def test_every_level_equals_a_walk(taxonomy, ancestry, log_probs_BN, random):
    truth = random.integers(0, len(taxonomy), size=len(log_probs_BN))
    for level in range(1, ancestry.depth + 1):
        classes = classes_of(taxonomy, level)
        assert [taxonomy.nodes[node] for node in level_classes(level, ancestry)] == classes
        right, brier, loss = [], [], []
        for log_probs, label in zip(log_probs_BN, truth, strict=True):
            probs = {node: math.exp(log_probs[taxonomy.index(node)]) for node in classes}
            true = reference.line(taxonomy, taxonomy.nodes[label]) & set(classes)
            if not true:
                continue
            right.append(max(classes, key=probs.__getitem__) in true)
            brier.append(sum((probs[node] - (node in true)) ** 2 for node in classes))
            loss.append(-sum(math.log(probs[node]) for node in true) / len(true))
        scores = level_scores(log_probs_BN, truth, ancestry, level=level)
        assert scores.images == len(right)
        expected = [np.mean(right), np.mean(brier), np.mean(loss)]
        assert [scores.accuracy, scores.brier, scores.log_loss] == pytest.approx(expected, abs=1e-9)


def test_the_last_level_is_the_leaves(ancestry, log_probs_BN, random):
    leaf_BL = log_probs_BN[:, ancestry.leaf_L]
    truth = random.choice(ancestry.leaf_L, size=len(leaf_BL))
    scores = level_scores(log_probs_BN, truth, ancestry, level=ancestry.depth)
    assert scores.accuracy == (ancestry.leaf_L[leaf_BL.argmax(axis=1)] == truth).mean()
    if len(ancestry.leaf_L) > 1:
        assert scores.log_loss == pytest.approx(log_loss(truth, np.exp(leaf_BL), labels=ancestry.leaf_L))


def test_any_true_meta_class_is_right_on_a_dag():
    ancestry = Ancestry.from_plan(compile_plan(DEEP_DAG))
    probs = np.full((2, len(DEEP_DAG)), 1e-6)
    probs[0, DEEP_DAG.index("pet")] = 0.9
    probs[1, DEEP_DAG.index("rock")] = 0.9
    beagle = DEEP_DAG.index("beagle")  # under animal and under pet
    assert level_scores(np.log(probs), [beagle, beagle], ancestry, level=1).accuracy == 0.5


def test_labels_above_a_level_are_left_out():
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    log_probs = np.log(np.full((2, len(TWO_LEVEL)), 0.5))
    digit, dot = TWO_LEVEL.index("digit"), TWO_LEVEL.index("dot")
    assert level_scores(log_probs, [digit, dot], ancestry, level=2).images == 1
    empty = level_scores(log_probs, [digit, 0], ancestry, level=2)
    assert empty.images == 0
    assert all(map(math.isnan, empty[2:]))


def test_calibration_error_equals_a_loop_over_bins(random):
    confidence = np.append(random.random(200), [0.0, 1.0, 1 / 15])
    right = random.random(203) < confidence
    slow = 0.0
    for low in np.arange(15) / 15:
        inside = [(c, r) for c, r in zip(confidence, right, strict=True) if low < c <= low + 1 / 15 or c == low == 0]
        if inside:
            sure, correct = np.mean(inside, axis=0)
            slow += len(inside) / 203 * abs(sure - correct)
    assert expected_calibration_error(confidence, right) == pytest.approx(slow)
    assert math.isnan(expected_calibration_error([], []))


def test_a_probability_of_zero_keeps_the_loss_finite():
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    log_probs = np.full((1, len(TWO_LEVEL)), -np.inf)
    scores = level_scores(log_probs, [TWO_LEVEL.index("0")], ancestry, level=1)
    assert scores.log_loss == pytest.approx(-math.log(np.finfo(float).eps))
    assert scores.brier == 1.0


def test_bad_log_probabilities_are_refused(ancestry):
    with pytest.raises(DataError, match="expected log-probabilities of shape"):
        level_scores(np.zeros((1, ancestry.num_nodes + 1)), [1], ancestry, level=1)
    with pytest.raises(DataError, match="NaN among the log-probabilities"):
        level_scores(np.full((1, ancestry.num_nodes), np.nan), [ancestry.leaf_L[0]], ancestry, level=1)
