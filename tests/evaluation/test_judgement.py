from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hierclf.decisions import Decisions
from hierclf.errors import DataError
from hierclf.evaluation import evaluate_reading
from hierclf.metrics import MEASURES
from tests.conftest import TWO_LEVEL
from tests.evaluation.conftest import build_case, scrambled, usual_terms
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


AWAY, ANSWERED = ("other", "novel_child"), ("known", "ambiguous")


def test_turned_away_uncertain_and_answered_are_counted_as_one_would_count_them(taxonomy):
    case = scrambled(taxonomy)
    metrics = judge(case, novel_n=case.novel).metrics
    status = np.array([row.status for row in case.decisions])
    new, label = case.novel, np.array(case.labels)
    known, other = status[(label >= 0) & ~new], status[label < 0]
    assert [metrics[name] for name in ("n_known", "n_other", "n_novel")] == [len(known), len(other), new.sum()]
    expected = {
        "known_rejected": np.isin(known, AWAY).mean(),
        "known_called_novel": (known == "novel_child").mean(),
        "uncertain_known": (known == "uncertain").mean(),
        "unknown_accepted": np.isin(other, ANSWERED).mean(),
        "uncertain_other": (other == "uncertain").mean(),
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)


def test_new_kinds_have_their_node_as_target_and_other_the_root():
    case = scrambled(TWO_LEVEL)
    report = judge(case, terms=usual_terms(case.threshold, case.alpha, knows_novelty=True), novel_n=case.novel)
    nodes, root = case.taxonomy.nodes, case.taxonomy.root
    hops = {True: {}, False: {}}  # by target, for known and for unknown images
    at_node, accepted = [], []
    for label, new, row in zip(case.labels, case.novel, case.decisions, strict=True):
        decided = root if row.status in ("other", "uncertain") else row.node
        target = root if label < 0 else nodes[label]
        distance = reference.hops_between(case.taxonomy, decided, target)
        hops[label < 0 or bool(new)].setdefault(target, []).append((distance, decided == target))
        if new:
            at_node.append(row.status == "novel_child" and row.node == target)
            accepted.append(row.status in ANSWERED)
    known, novel = (np.mean([np.mean(values, axis=0) for values in hops[kind].values()], axis=0) for kind in (0, 1))
    expected = {
        "balanced_distance_known": known[0],
        "balanced_distance_novel": novel[0],
        "balanced_distance_mix": (known[0] + novel[0]) / 2,
        "balanced_accuracy": known[1],
        "balanced_accuracy_novel": novel[1],
        "balanced_accuracy_mix": (known[1] + novel[1]) / 2,
        "novel_at_its_node": np.mean(at_node),
        "novel_accepted": np.mean(accepted),
    }
    assert {name: report.metrics[name] for name in expected} == pytest.approx(expected)
    assert 0 < report.metrics["known_novel_area"] < 1
    assert len(report.novel_scores) == case.novel.sum()
    assert len(report.other_scores) == sum(label < 0 for label in case.labels)


def test_a_perfect_stop_distribution_has_the_whole_area():
    case = scrambled(TWO_LEVEL)
    stops = np.full((len(case.labels), 9), 1e-9)
    for place, label in enumerate(case.labels):
        target = max(label, 0)
        if label > 0 and not case.novel[place] and case.taxonomy.children(case.taxonomy.nodes[label]):
            target = case.taxonomy.index(case.taxonomy.leaves_below(case.taxonomy.nodes[label])[0])
        stops[place, target] = 1
    case.reading.stop_log_probs_BN = np.log(stops)
    terms = usual_terms(case.threshold, case.alpha, knows_novelty=True)
    assert judge(case, terms=terms, novel_n=case.novel).metrics["known_novel_area"] == pytest.approx(1)
    assert judge(case, novel_n=case.novel).metrics["known_novel_area"] is None  # no account of novelty


def test_uncertain_images_are_told_of(taxonomy):
    case = scrambled(taxonomy)
    count = sum(row.status == "uncertain" for row in case.decisions)
    assert any(note.startswith(f"{count} images were left uncertain") for note in judge(case).notes)


def test_p_values_are_drawn_from_corner_to_corner(by_hand):
    x, y = judge(by_hand).curves["p_values"]
    np.testing.assert_array_equal(x, [0, 0.5, 1])  # the six known images have p = 0.5 each
    np.testing.assert_array_equal(y, [0, 1, 1])


def test_what_is_new_below_no_meta_class_is_refused(by_hand):
    new = np.arange(9) == 0
    with pytest.raises(DataError, match=r"new below a meta-class only; got 0 \(new below the root is other\)"):
        judge(by_hand, novel_n=new)
    with pytest.raises(DataError, match="whether it is new below its label, got int64 of shape"):
        judge(by_hand, novel_n=new.astype(np.int64))
    by_hand.labels[0] = -1
    with pytest.raises(DataError, match="got other"):
        judge(by_hand, novel_n=new)


def test_where_the_rule_routes_its_leaf_counts_and_elsewhere_the_likeliest(by_hand):
    routed = [replace(row, leaf="a" if row.leaf else "") for row in by_hand.decisions]
    by_hand.decisions = Decisions(routed)
    assert judge(by_hand).metrics["leaf_accuracy"] == pytest.approx(3 / 5), "M alone is asked"
    report = judge(by_hand, terms=usual_terms(by_hand.threshold, by_hand.alpha, routed=True))
    assert report.metrics["leaf_accuracy"] == pytest.approx(1 / 5), "of 0, 0, 1, a and b the a alone"
    assert report.metrics["level_accuracy"] == pytest.approx([2 / 6, 1 / 5]), "b is a letter as well"
    assert report.metrics["auroc_other"] == judge(by_hand).metrics["auroc_other"]
