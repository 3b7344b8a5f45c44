from __future__ import annotations

import math

import numpy as np
import pytest

from hierclf.dag import compile_plan
from hierclf.metrics import Ancestry, coverage, hierarchical_aurc, operating_curve, risk
from tests.conftest import CHAIN, STAR
from tests.metrics import reference


def test_coverage_equals_a_walk(taxonomy, ancestry):
    expected = [reference.covered(taxonomy, node) for node in taxonomy.nodes]
    np.testing.assert_allclose(coverage(range(len(taxonomy)), ancestry), expected, atol=1e-12)


def test_a_single_leaf_leaves_no_question_below_the_root():
    assert coverage([0, 1, 3], Ancestry.from_plan(compile_plan(CHAIN))).tolist() == [0, 1, 1]


def test_turning_away_costs_coverage_and_no_risk():
    ancestry = Ancestry.from_plan(compile_plan(STAR))
    assert risk([0, 1, 2], [1, 1, 1], ancestry) == pytest.approx(1 / 3)
    assert math.isnan(risk([], [], ancestry))


def test_area_under_risk_and_coverage_by_hand():
    # Two images of x: one sure and right, one unsure and wrong. Points: (1, 1/2), (1/2, 0), (0, 0).
    ancestry = Ancestry.from_plan(compile_plan(STAR))
    log_probs = np.log([[1.0, 0.9, 0.05, 0.05], [1.0, 0.2, 0.6, 0.2]])
    assert hierarchical_aurc(operating_curve(log_probs, [1, 1], ancestry)) == pytest.approx(0.5 * 0.5 / 2)


def test_area_and_detail_equal_a_climb_at_every_threshold(taxonomy, ancestry, log_probs_BN, random):
    truth = random.integers(0, len(taxonomy), size=len(log_probs_BN))
    points, detail = [], []
    for threshold in [-math.inf, *np.unique(log_probs_BN), 1.0]:
        covered, correct, recall = [], [], []
        for row, label in zip(log_probs_BN, truth, strict=True):
            probabilities = dict(zip(taxonomy.nodes, row, strict=True))
            node = reference.climb(taxonomy, probabilities, threshold)
            covered.append(reference.covered(taxonomy, node))
            _, held, on_route, _ = reference.information(taxonomy, node, taxonomy.nodes[label])
            correct.append(on_route)
            recall.append(held)
        points.append((np.mean(covered), 1 - np.mean(correct)))
        detail += [np.mean(recall)] if np.mean(correct) >= 0.9 - 1e-12 else []
    (x, y), curve = np.transpose(points), operating_curve(log_probs_BN, truth, ancestry)
    assert hierarchical_aurc(curve) == pytest.approx(np.sum((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2), abs=1e-9)
    assert curve.recall_at_correct(0.9) == pytest.approx(max(detail), abs=1e-9)
