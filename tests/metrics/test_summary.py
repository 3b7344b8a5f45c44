from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from hierclf.metrics import (
    MEASURES,
    Outcome,
    auroc,
    best_leaves,
    known_novel_area,
    level_classes,
    level_scores,
    mistake_severity,
    oscr,
    risk,
    stop_curve,
    summarise,
    unknown_accepted_at_known,
)
from hierclf.metrics.summary import defined


@pytest.fixture
def outcome(ancestry, log_probs_BN, random):
    """Sixty images, the last twenty of other; about a tenth are turned away."""
    truth = np.append(random.integers(1, ancestry.num_nodes, 40), np.full(20, -1))
    score = random.normal(np.where(truth < 0, 1, 0), 1)
    accepted = score <= 1.2
    decided = np.where(accepted, random.integers(0, ancestry.num_nodes, 60), 0)
    return Outcome(
        truth_B=truth,
        node_log_probs_BN=log_probs_BN,
        unknown_score_B=score,
        decided_B=decided,
        status_B=np.where(accepted, "known", "other"),
        novel_B=np.zeros(60, dtype=bool),
        stop_log_probs_BN=np.log(random.dirichlet(np.ones(ancestry.num_nodes), 60)),
    )


def test_the_numbers_are_those_of_the_single_functions(outcome, ancestry):
    metrics = summarise(outcome, ancestry).metrics
    known = outcome.truth_B >= 0
    truth, log_probs = outcome.truth_B[known], outcome.node_log_probs_BN[known]
    known_scores, other_scores = outcome.unknown_score_B[known], outcome.unknown_score_B[~known]
    leaf = best_leaves(log_probs, ancestry)[:, 0]
    right = np.array([label in ancestry.ancestor_NK[best] for label, best in zip(truth, leaf, strict=True)])
    levels = [level_scores(log_probs, truth, ancestry, level=level) for level in range(1, ancestry.depth + 1)]
    assert (metrics["n_known"], metrics["n_other"]) == (40, 20)
    assert metrics["level_accuracy"] == [defined(level.accuracy) for level in levels]
    assert metrics["leaf_accuracy"] == pytest.approx(right[ancestry.height_N[truth] == 0].mean())
    assert metrics["severity"] == defined(mistake_severity(leaf[~right], truth[~right], ancestry))
    assert metrics["risk"] == risk(outcome.decided_B[known], truth, ancestry)
    assert metrics["oscr"] == oscr(known_scores, right, other_scores)
    assert metrics["auroc_other"] == auroc(known_scores, other_scores)
    assert metrics["unknown_accepted_at_95_known"] == unknown_accepted_at_known(known_scores, other_scores)


def test_the_order_of_the_images_changes_nothing(outcome, ancestry, random):
    order = random.permutation(60)
    shuffled = replace(
        outcome,
        **{field.name: getattr(outcome, field.name)[order] for field in fields(outcome) if field.name != "leaf_B"},
    )
    one, two = summarise(outcome, ancestry), summarise(shuffled, ancestry)
    for name, value in one.metrics.items():
        if value is not None:
            np.testing.assert_allclose(
                np.array(value, dtype=float), np.array(two.metrics[name], dtype=float), atol=1e-12, err_msg=name
            )
    for name, curve in one.curves.items():
        np.testing.assert_allclose(curve, two.curves[name], atol=1e-12)


def test_every_number_has_words(outcome, ancestry):
    added_by_the_evaluation = {"n_errors", "alpha", "known_rejected_standard_error"}
    added_by_the_evaluation |= {"drift_statistic", "drift_p_value", "drifted"}
    assert set(summarise(outcome, ancestry).metrics) | added_by_the_evaluation == set(MEASURES)


def test_what_is_undefined_is_none():
    assert defined(math.nan) is None
    assert defined(math.inf) is None
    assert defined([0.5, math.nan]) == [0.5, None]
    assert defined(3) == 3


def test_new_kinds_are_neither_known_nor_other(outcome, ancestry):
    inner = np.flatnonzero(ancestry.height_N > 0)
    new = np.arange(60) < 10
    seen = replace(outcome, truth_B=np.where(new, inner[-1], outcome.truth_B), novel_B=new)
    assert (seen.known_B.sum(), seen.other_B.sum(), seen.new_B.sum()) == (30, 20, 10)
    metrics = summarise(seen, ancestry).metrics
    assert [metrics[name] for name in ("n_known", "n_other", "n_novel")] == [30, 20, 10]
    assert metrics["auroc_novel"] == auroc(seen.unknown_score_B[10:40], seen.unknown_score_B[:10])
    assert metrics["auroc_other"] == auroc(seen.unknown_score_B[10:40], seen.unknown_score_B[40:])
    assert metrics["novel_accepted"] == seen.accepted_B[:10].mean()
    nobody = summarise(replace(outcome, novel_B=None, stop_log_probs_BN=None), ancestry).metrics
    assert [nobody[name] for name in ("n_novel", "novel_accepted", "auroc_novel", "known_novel_area")] == [
        0,
        *[None] * 3,
    ]


def test_every_status_is_turned_away_answered_or_uncertain(outcome):
    status = np.resize(["known", "ambiguous", "novel_child", "other", "uncertain"], 60)
    seen = replace(outcome, status_B=status)
    assert set(status[seen.rejected_B]) == {"novel_child", "other"}
    assert set(status[seen.accepted_B]) == {"known", "ambiguous"}
    assert set(status[seen.uncertain_B]) == {"uncertain"}


def test_the_known_novel_curve_is_that_of_the_stop_distribution(outcome, ancestry):
    summary = summarise(outcome, ancestry)
    curve = stop_curve(
        outcome.stop_log_probs_BN, np.maximum(outcome.truth_B, 0), np.array(outcome.truth_B) < 0, ancestry
    )
    np.testing.assert_array_equal(summary.curves["known_novel"], curve)
    assert summary.metrics["known_novel_area"] == known_novel_area(curve)


def test_a_routed_leaf_counts_instead_of_the_likeliest(outcome, ancestry, random):
    routed = random.choice(ancestry.leaf_L, 60)
    metrics = summarise(replace(outcome, leaf_B=routed), ancestry).metrics
    known = outcome.truth_B >= 0
    truth, leaf = outcome.truth_B[known], routed[known]
    above = [set(ancestry.ancestor_NK[node].tolist()) - {-1} for node in range(ancestry.num_nodes)]
    right = np.array([label in above[one] for label, one in zip(truth, leaf, strict=True)])
    at_leaf = ancestry.height_N[truth] == 0
    assert metrics["leaf_accuracy"] == pytest.approx(right[at_leaf].mean())
    assert metrics["severity"] == defined(mistake_severity(leaf[~right], truth[~right], ancestry))
    for level in range(1, ancestry.depth + 1):
        classes = set(level_classes(level, ancestry).tolist())
        shared = [
            bool(above[label] & above[one] & classes)
            for label, one in zip(truth, leaf, strict=True)
            if above[label] & classes
        ]
        expected = pytest.approx(np.mean(shared)) if shared else None
        assert metrics["level_accuracy"][level - 1] == expected
    likeliest = best_leaves(outcome.node_log_probs_BN, ancestry)[:, 0]
    one, two = (summarise(part, ancestry).metrics for part in (outcome, replace(outcome, leaf_B=likeliest)))
    assert one["leaf_accuracy"] == two["leaf_accuracy"]
    assert one["hierarchical_distance_at_5"] == two["hierarchical_distance_at_5"]
