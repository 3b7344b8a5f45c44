from __future__ import annotations

import numpy as np
import pytest

from hierclf.errors import DataError
from hierclf.evaluation import flat_baseline
from hierclf.metrics import MEASURES
from tests.metrics import reference


def test_the_baseline_is_the_best_leaf_and_its_probability(case):
    metrics = flat_baseline(case.leaf_probs, case.labels, case.plan, threshold=-0.5, alpha=0.1)
    nodes, leaves = case.taxonomy.nodes, case.taxonomy.leaves
    best = [leaves[place] for place in case.leaf_probs.argmax(axis=1)]
    sure = case.leaf_probs.max(axis=1)
    decided = [leaf if score >= 0.5 else nodes[0] for leaf, score in zip(best, sure, strict=True)]
    known = [place for place, label in enumerate(case.labels) if label >= 0]
    truth = [nodes[case.labels[place]] for place in known]
    f1 = reference.hierarchical(case.taxonomy, [decided[place] for place in known], truth)[2]
    assert list(metrics) == list(MEASURES)
    assert metrics["hierarchical_f1"] == pytest.approx(f1)
    assert metrics["known_rejected"] == pytest.approx(np.mean(sure[known] < 0.5))
    assert metrics["unknown_accepted"] == pytest.approx(np.mean(sure[case.labels < 0] >= 0.5))
    at_leaf = [place for place in known if nodes[case.labels[place]] in leaves]
    right = [best[place] == nodes[case.labels[place]] for place in at_leaf]
    assert metrics["leaf_accuracy"] == pytest.approx(np.mean(right))


def test_a_probability_of_exactly_zero_or_one_is_fine(by_hand):
    probs = np.eye(6)[[0, 1, 2, 3, 4, 5, 0, 1, 2]]
    metrics = flat_baseline(probs, by_hand.labels, by_hand.plan, threshold=0.0, alpha=0.05)
    assert metrics["known_rejected"] == 0.0
    assert None not in metrics["level_log_loss"]


def test_unreadable_rows_are_left_out(by_hand):
    probs = by_hand.leaf_probs.copy()
    probs[-1] = np.nan
    metrics = flat_baseline(probs, by_hand.labels, by_hand.plan, threshold=0.0, alpha=0.05)
    assert (metrics["n_errors"], metrics["n_known"]) == (1, 6)


def test_a_wrong_shape_is_refused(by_hand):
    with pytest.raises(DataError, match=r"expected probabilities of shape \(9, 6\), got \(9, 5\)"):
        flat_baseline(by_hand.leaf_probs[:, :5], by_hand.labels, by_hand.plan, threshold=0.0, alpha=0.05)
