from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.decisions import climb
from hierclf.errors import DataError
from hierclf.metrics import Ancestry, information_scores, operating_curve
from hierclf.metrics.information import area
from tests.conftest import TWO_LEVEL
from tests.metrics import reference


def test_scores_equal_a_walk(taxonomy, ancestry, random):
    decided, truth = random.integers(0, len(taxonomy), size=(2, 80))
    slow = [
        reference.information(taxonomy, taxonomy.nodes[one], taxonomy.nodes[two])
        for one, two in zip(decided, truth, strict=True)
    ]
    for fast, expected in zip(information_scores(decided, truth, ancestry), zip(*slow, strict=True), strict=True):
        np.testing.assert_allclose(fast, expected, atol=1e-12)


def walked_curve(taxonomy, log_probs_BN, truth, log_threshold):
    """The mean metrics when every image climbs at one threshold."""
    rows = []
    for log_probs, label in zip(log_probs_BN, truth, strict=True):
        probabilities = dict(zip(taxonomy.nodes, log_probs, strict=True))
        node = reference.climb(taxonomy, probabilities, log_threshold)
        rows.append((*reference.information(taxonomy, node, taxonomy.nodes[label]), reference.covered(taxonomy, node)))
    return np.mean(np.array(rows, dtype=float), axis=0)


def test_the_whole_curve_equals_a_climb_at_every_threshold(taxonomy, ancestry, log_probs_BN, random):
    truth = random.integers(0, len(taxonomy), size=len(log_probs_BN))
    curve = operating_curve(log_probs_BN, truth, ancestry)
    assert (np.diff(curve.log_threshold_T[1:]) > 0).all()
    between_T = np.append(curve.log_threshold_T[1:], 1.0)  # point t holds up to and with the next threshold
    columns = (curve.precision_T, curve.recall_T, curve.correct_T, curve.exact_T, curve.coverage_T)
    for t in np.unique(np.linspace(0, len(between_T) - 1, 25).round().astype(int)):
        expected = walked_curve(taxonomy, log_probs_BN, truth, between_T[t])
        np.testing.assert_allclose([column[t] for column in columns], expected, atol=1e-9)


def test_the_curve_climbs_as_the_rule_of_decisions_does(plan, ancestry, log_probs_BN, random):
    truth = random.integers(0, ancestry.num_nodes, size=len(log_probs_BN))
    curve = operating_curve(log_probs_BN, truth, ancestry)
    for threshold in (0.0, 0.31, 0.55, 0.83):
        decided = climb(torch.from_numpy(log_probs_BN), plan, threshold).numpy()
        log_threshold = math.log(threshold) if threshold else -math.inf
        t = max(np.searchsorted(curve.log_threshold_T, log_threshold, side="left") - 1, 0)
        assert curve.coverage_T[t] == pytest.approx(ancestry.coverage_N[decided].mean())


def test_the_ends_are_always_a_leaf_and_always_the_root(ancestry, log_probs_BN):
    truth = np.full(len(log_probs_BN), ancestry.leaf_L[0])
    curve = operating_curve(log_probs_BN, truth, ancestry)
    leaf = ancestry.leaf_L[log_probs_BN[:, ancestry.leaf_L].argmax(axis=1)]
    assert curve.exact_T[0] == pytest.approx((leaf == truth).mean())
    assert curve.coverage_T[0] == pytest.approx(1.0)
    assert curve.coverage_T[-1] == pytest.approx(0.0, abs=1e-12)
    assert [curve.correct_T[-1], curve.precision_T[-1]] == pytest.approx([1.0, 1.0])


def test_areas_by_hand():
    # One image of "0", whose best leaf is "1": M(1) = 0.5, M(digit) = 0.8. Three operating points.
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    probs = dict(zip(TWO_LEVEL.nodes, [0.0] * len(TWO_LEVEL), strict=True))
    probs |= {"character": 1.0, "digit": 0.8, "1": 0.5, "0": 0.3, "dot": 0.2}
    with np.errstate(divide="ignore"):
        log_probs = np.log([[probs[node] for node in TWO_LEVEL.nodes]])
    curve = operating_curve(log_probs, [TWO_LEVEL.index("0")], ancestry)
    np.testing.assert_allclose(np.exp(curve.log_threshold_T), [0, 0.5, 0.8])
    shared = np.log2(6 / 3) / np.log2(6)  # bits of "digit" over bits of "0"
    np.testing.assert_allclose(curve.recall_T, [shared, shared, 0], atol=1e-12)
    np.testing.assert_allclose(curve.precision_T, [shared, 1, 1])
    np.testing.assert_allclose(curve.correct_T, [0, 1, 1], atol=1e-12)
    assert curve.average_precision == pytest.approx(shared)
    assert curve.average_correct == pytest.approx(shared)
    assert curve.recall_at_correct(0.95) == pytest.approx(shared)


def test_a_perfect_model_has_full_areas(ancestry, taxonomy):
    truth = ancestry.leaf_L
    log_probs = np.where(
        (ancestry.ancestor_NK[truth][:, :, None] == np.arange(len(taxonomy))).any(axis=1), 0.0, -np.inf
    )
    curve = operating_curve(log_probs, truth, ancestry)
    has_bits = len(taxonomy.leaves) > 1
    assert curve.average_precision == pytest.approx(float(has_bits))
    assert curve.recall_at_correct(0.95) == pytest.approx(1.0)


def test_no_images_give_no_points(ancestry):
    curve = operating_curve(np.empty((0, ancestry.num_nodes)), [], ancestry)
    assert len(curve.recall_T) == len(curve.log_threshold_T) == 0
    assert math.isnan(curve.average_precision)
    assert math.isnan(curve.recall_at_correct(0.9))


def test_bad_log_probabilities_are_refused(ancestry):
    with pytest.raises(DataError, match="image 1 has NaN"):
        operating_curve(np.array([[0.0], [np.nan]]).repeat(ancestry.num_nodes, axis=1), [0, 0], ancestry)
    with pytest.raises(DataError, match="expected log-probabilities of shape"):
        operating_curve(np.zeros((2, ancestry.num_nodes + 1)), [0, 0], ancestry)
    with pytest.raises(DataError, match="for each of 1 truths"):
        operating_curve(np.zeros((2, ancestry.num_nodes)), [0], ancestry)


def test_area_does_not_mind_the_direction():
    x, y = np.array([0.0, 0.5, 1.0]), np.array([1.0, 1.0, 0.0])
    assert area(x, y) == area(x[::-1], y[::-1]) == 0.75
