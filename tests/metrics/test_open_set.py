from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from hierclf.errors import ConfigError, DataError
from hierclf.metrics import (
    aupr_known,
    aupr_other,
    auroc,
    correct_at_unknown_accepted,
    known_novel_area,
    known_novel_curve,
    known_rejected_at_unknown,
    novel_accuracy_at_known,
    oscr,
    oscr_curve,
    roc_curve,
    unknown_accepted_at_known,
)
from hierclf.metrics.information import area
from tests.metrics import reference


@pytest.fixture(params=["distinct", "tied", "constant"])
def scores(request, random):
    """Scores of 70 known and 40 other images, and whether the classifier is right about the known."""
    known, other = random.normal(0, 1, 70), random.normal(1, 1, 40)
    if request.param == "tied":
        known, other = known.round(0), other.round(0)
    if request.param == "constant":
        known, other = np.zeros(70), np.zeros(40)
    return known, random.random(70) < 0.8, other


def test_ranking_metrics_equal_scikit_learn(scores):
    known, _, other = scores
    is_other, both = np.repeat([0, 1], [len(known), len(other)]), np.concatenate([known, other])
    assert auroc(known, other) == pytest.approx(roc_auc_score(is_other, both))
    assert auroc(known, other) == pytest.approx(reference.chance_above(known, other))
    assert area(*roc_curve(known, other)) == pytest.approx(auroc(known, other))
    assert aupr_other(known, other) == pytest.approx(average_precision_score(is_other, both))
    assert aupr_known(known, other) == pytest.approx(average_precision_score(1 - is_other, -both))


def test_shares_equal_those_of_pytorch_ood(random):
    """Its positive class is other; it reads its thresholds off a curve, so scores are distinct and shares exact."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_ood.metrics import OODMetrics
    known, other = random.normal(0, 1, 200), random.normal(1, 1, 100)
    both = OODMetrics()
    both.update(
        torch.from_numpy(np.concatenate([known, other])), torch.from_numpy(np.repeat([0, -1], [len(known), len(other)]))
    )
    theirs = {name: float(value) for name, value in both.compute().items()}
    assert theirs["AUROC"] == pytest.approx(auroc(known, other), abs=1e-6)
    assert theirs["FPR95TPR"] == pytest.approx(known_rejected_at_unknown(known, other), abs=1e-6)
    # its areas join the points by straight lines, which are a little too low or too high under precision and recall
    assert theirs["AUPR-OUT"] == pytest.approx(aupr_other(known, other), abs=5e-3)
    assert theirs["AUPR-IN"] == pytest.approx(aupr_known(known, other), abs=5e-3)


def test_the_threshold_is_the_smallest_that_keeps_the_known(scores):
    known, _, other = scores
    fitting = [threshold for threshold in known if reference.accepted(known, threshold) >= 0.95]
    assert unknown_accepted_at_known(known, other) == reference.accepted(other, min(fitting))


def test_the_threshold_is_the_largest_that_turns_the_other_away(scores):
    known, _, other = scores
    candidates = np.concatenate([np.nextafter(other, -np.inf), other])
    fitting = [threshold for threshold in candidates if 1 - reference.accepted(other, threshold) >= 0.95 - 1e-12]
    assert known_rejected_at_unknown(known, other) == pytest.approx(1 - reference.accepted(known, max(fitting)))


def test_thresholds_by_hand():
    known = np.arange(1, 21)  # 95 % of 20 are 19, so the threshold is 19
    assert unknown_accepted_at_known(known, [18.5, 19, 19.5, 30]) == 0.5
    assert known_rejected_at_unknown([1, 2, 3, 4], [3, 5, 6, 7], reject=0.75) == 0.0
    assert known_rejected_at_unknown([1, 2, 3, 4], [3, 5, 6, 7], reject=1.0) == 0.5
    many = np.arange(100)
    assert unknown_accepted_at_known(many, many, keep=0.29) == 0.29  # 0.29 * 100 is just below 29


def test_oscr_counts_pairs(scores):
    known, right, other = scores
    assert oscr(known, right, other) == pytest.approx(reference.chance_right_and_below(known, right, other))
    x, y = oscr_curve(known, right, other)
    assert (x[0], y[0]) == (0, 0)
    assert (x[-1], y[-1]) == (1, right.mean())
    for threshold, *point in zip(np.unique(np.concatenate([known, other])), x[1:], y[1:], strict=True):
        expected = reference.accepted(other, threshold), np.mean(right & (known <= threshold))
        assert point == pytest.approx(expected)


def test_oscr_with_every_answer_right_is_the_auroc(scores):
    known, _, other = scores
    assert oscr(known, np.ones(len(known), dtype=bool), other) == pytest.approx(auroc(known, other))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 1.0])
def test_correct_at_unknown_accepted_lets_no_more_pass(scores, share):
    known, right, other = scores
    confident = sorted((-score for score in other), reverse=True)
    place = math.floor(share * len(other) + 1e-9)
    limit = confident[place] if place < len(confident) else -math.inf
    assert sum(-score > limit for score in other) <= share * len(other)
    expected = np.mean([r and -score > limit for score, r in zip(known, right, strict=True)])
    assert correct_at_unknown_accepted(known, right, other, share=share) == pytest.approx(expected)


def test_too_few_images_of_other_leave_it_undefined():
    assert math.isnan(correct_at_unknown_accepted([0.0], [True], [1.0] * 9, share=0.1))
    assert correct_at_unknown_accepted([0.0], [True], [1.0] * 10, share=0.1) == 1.0
    assert correct_at_unknown_accepted([math.inf], [True], [1.0] * 10, share=1.0) == 1.0


def test_a_growing_bias_trades_known_for_novel(random):
    known, novel = random.normal(1, 1, 30).round(1), random.normal(-1, 1, 20).round(1)
    known_right, novel_right = random.random(30) < 0.8, random.random(20) < 0.7
    curve = known_novel_curve(known, known_right, novel, novel_right)
    biases = [-math.inf, *np.nextafter(np.unique(np.concatenate([known, novel])), np.inf)]
    slow = [(np.mean(known_right & (known >= bias)), np.mean(novel_right & (novel < bias))) for bias in biases]
    np.testing.assert_allclose(np.transpose(curve), slow)
    assert known_novel_area(curve) == pytest.approx(area(*np.transpose(slow)))
    accuracy = curve.x_T[5]
    reaching = curve.y_T[np.flatnonzero(curve.x_T == accuracy)[-1]]
    assert novel_accuracy_at_known(curve, accuracy=accuracy) == reaching


def test_novel_accuracy_lies_on_the_line_between_two_points():
    curve = known_novel_curve([0.0, 1.0], [True, True], [0.0, 2.0], [True, True])
    # (1, 0) -> bias above 0: (1/2, 1/2) -> above 1: (0, 1/2) -> above 2: (0, 1)
    assert novel_accuracy_at_known(curve) == 0.5
    assert novel_accuracy_at_known(curve, accuracy=0.75) == 0.25
    assert math.isnan(novel_accuracy_at_known(known_novel_curve([0.0], [False], [0.0], [True])))
    assert known_novel_area(curve) == pytest.approx(0.5 * (0 + 0.5) / 2 + 0.5 * 0.5)


@pytest.mark.parametrize(("known", "other"), [([], []), ([0.5], []), ([], [0.5])])
def test_without_either_kind_nothing_is_defined(known, other):
    right = [True] * len(known)
    assert math.isnan(auroc(known, other))
    assert math.isnan(unknown_accepted_at_known(known, other))
    assert math.isnan(known_rejected_at_unknown(known, other))
    assert math.isnan(oscr(known, right, other))
    assert math.isnan(known_novel_area(known_novel_curve(known, right, other, [True] * len(other))))
    assert len(roc_curve(known, other).x_T) == len(oscr_curve(known, right, other).x_T) == 0
    assert math.isnan(aupr_other(known, []))
    assert math.isnan(aupr_known([], other))


def test_infinite_scores_are_welcome_and_nan_is_not():
    assert auroc([-math.inf, 0.0], [math.inf]) == 1.0
    assert oscr([-math.inf, 0.0], [True, False], [math.inf]) == 0.5
    with pytest.raises(DataError, match="score 1 is NaN"):
        auroc([0.0, math.nan], [1.0])
    with pytest.raises(DataError, match="one row of numbers"):
        auroc([[0.0]], [1.0])
    with pytest.raises(DataError, match="one verdict for each of 2 scores"):
        oscr([0.0, 1.0], [True], [1.0])
    with pytest.raises(ConfigError, match="keep is a share above 0 and at most 1, got 95"):
        unknown_accepted_at_known([0.0], [1.0], keep=95)
