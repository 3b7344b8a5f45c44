from __future__ import annotations

import math

import numpy as np
import pytest

from hierclf.errors import DataError
from hierclf.evaluation import evaluate_reading
from hierclf.metrics import MEASURES
from tests.conftest import TWO_LEVEL
from tests.evaluation.conftest import build_case, usual_terms
from tests.metrics import reference


def judge(case, *, terms=None, **options):
    return evaluate_reading(
        case.reading,
        case.decisions,
        case.labels,
        case.plan,
        case.taxonomy,
        usual_terms(case.threshold, case.alpha) if terms is None else terms,
        **options,
    )


def test_the_example_worked_by_hand(by_hand):
    report = judge(by_hand)
    bits = np.log2(6)
    expected = {
        "n_known": 6,
        "n_other": 2,
        "n_errors": 1,
        "leaf_accuracy": 3 / 5,  # 0, 1 and b are right; the label "digit" is no leaf
        "severity": (1 + 2) / 2,  # 1 for 0 meet at digit, dot for a at the root
        "hierarchical_precision": (2 + 1 + 1 + 0 + 0 + 1) / (2 + 2 + 1 + 1 + 0 + 2),
        "hierarchical_recall": (2 + 1 + 1 + 0 + 0 + 1) / (2 + 2 + 2 + 2 + 2 + 1),
        "known_rejected": 1 / 6,
        "unknown_accepted": 1 / 2,
        "unknown_accepted_at_95_known": 1.0,  # keeping all six takes a threshold of 0.9
        "known_rejected_at_95_unknown": 1 / 6,
        "coverage": (4 * 1 + 1 / bits + 0) / 6,
        "risk": 2 / 6,
        "correct_or_ancestor": 4 / 6,
        "correct_when_accepted": 3 / 5,
        "auroc_other": (5 + 5) / 12,
        "oscr": (4 - 1 + 4 - 1) / 12,  # 0, 1, b and digit are right; b scores above both images of other
        "alpha": 0.05,
    }
    assert {name: report.metrics[name] for name in expected} == pytest.approx(expected)
    assert report.metrics["level_accuracy"] == pytest.approx([5 / 6, 3 / 5])
    assert report.promises[0].kept  # one of six is within the reach of chance
    np.testing.assert_allclose(report.known_scores, [0.1, 0.2, 0.3, 0.2, 0.9, 0.1])
    np.testing.assert_allclose(report.other_scores, [0.4, 0.8])


def test_every_measure_is_there_and_explained(case):
    assert list(judge(case).metrics) == list(MEASURES)


def test_decisions_are_counted_as_one_would_count_them(case):
    report = judge(case)
    nodes = case.taxonomy.nodes
    decided = [row.node for row in case.decisions]
    known = [(decided[i], nodes[label], case.decisions[i].status) for i, label in enumerate(case.labels) if label >= 0]
    precision, recall, f1 = reference.hierarchical(case.taxonomy, *zip(*[row[:2] for row in known], strict=True))
    metrics = report.metrics
    assert metrics["hierarchical_precision"] == pytest.approx(precision)
    assert metrics["hierarchical_recall"] == pytest.approx(recall)
    assert metrics["hierarchical_f1"] == pytest.approx(f1)
    right = [reference.information(case.taxonomy, guess, truth)[2] for guess, truth, _ in known]
    assert metrics["correct_or_ancestor"] == pytest.approx(np.mean(right))
    assert metrics["risk"] == pytest.approx(1 - np.mean(right))
    assert metrics["coverage"] == pytest.approx(np.mean([reference.covered(case.taxonomy, row[0]) for row in known]))
    assert metrics["known_rejected"] == pytest.approx(np.mean([status == "other" for *_, status in known]))


def test_unreadable_images_are_left_out_and_counted():
    case = build_case(TWO_LEVEL, unreadable=(3, 100))
    report = judge(case)
    keep = [place for place in range(120) if place not in (3, 100)]
    case.reading.names = [case.reading.names[place] for place in keep]
    case.reading.node_log_probs_BN = case.reading.node_log_probs_BN[keep]
    for name in ("unknown_score_B", "stop_log_probs_BN", "surprise_BG"):
        setattr(case.reading, name, getattr(case.reading, name)[keep])
    case.reading.errors = {}
    case.decisions, case.labels = case.decisions[keep], case.labels[keep]
    without = judge(case)
    assert report.metrics["n_errors"] == 2
    assert report.metrics | {"n_errors": 0} == without.metrics
    assert "2 images could not be read and were left out." in report.notes


@pytest.mark.parametrize(("known", "other"), [(0, 0), (0, 5), (5, 0), (1, 1)])
def test_what_was_not_given_is_not_measured(taxonomy, known, other):
    report = judge(build_case(taxonomy, known=known, other=other))
    assert (report.metrics["n_known"], report.metrics["n_other"]) == (known, other)
    assert (report.metrics["auroc_other"] is None) == (known * other == 0)
    assert (report.metrics["hierarchical_f1"] is None) == (known == 0)
    assert (report.metrics["unknown_accepted"] is None) == (other == 0)
    assert len(report.promises) == (known > 0)
    assert any("No images of other were given" in note for note in report.notes) == (other == 0)


def test_a_gate_that_never_turns_away_says_so(by_hand):
    by_hand.threshold = math.inf
    assert any("turns nothing away" in note for note in judge(by_hand).notes)


def test_notes_and_baseline_are_handed_on(by_hand):
    report = judge(by_hand, notes=["a flat taxonomy was assumed"], baseline={"leaf_accuracy": 0.5})
    assert report.notes[0] == "a flat taxonomy was assumed"
    assert report.baseline == {"leaf_accuracy": 0.5}


def test_columns_that_do_not_fit_are_refused(by_hand):
    by_hand.decisions = by_hand.decisions[:3]
    with pytest.raises(DataError, match="a decision for each of 9 images, got 3"):
        judge(by_hand)
    by_hand.labels = by_hand.labels[:3]
    with pytest.raises(DataError, match="a label for each of 9 images"):
        judge(by_hand)
    by_hand.labels = [99] * 9
    with pytest.raises(DataError, match="node ids below 9, or -1 for other; got 99"):
        judge(by_hand)
