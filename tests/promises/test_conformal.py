from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hierclf.errors import CalibrationError
from hierclf.promises import conformal_threshold, minimum_calibration_size, p_values
from hierclf.promises.conformal import largest_turned_away, raised

few_values = st.lists(st.integers(-3, 3).map(float), max_size=45)
shares = st.integers(1, 99).map(lambda percent: float(Decimal(percent) / 100))


def slow_p_value(calibration, score):
    return Fraction(1 + sum(one >= score for one in calibration), len(calibration) + 1)


def vector(values):
    return torch.tensor(values, dtype=torch.float64)


@settings(max_examples=200, deadline=None)
@given(few_values, few_values)
def test_p_values_equal_counting(calibration, scores):
    expected = [float(slow_p_value(calibration, score)) for score in scores]
    assert p_values(vector(calibration), vector(scores)).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(few_values, shares)
def test_an_image_is_above_the_threshold_if_and_only_if_its_p_value_is_at_most_alpha(calibration, alpha):
    threshold = conformal_threshold(vector(calibration), alpha)
    scores = [-9.0, *np.arange(-3, 3.5, 0.5).tolist(), 9.0]
    p_value = p_values(vector(calibration), vector(scores))
    for score, found in zip(scores, p_value.tolist(), strict=True):
        turned_away = slow_p_value(calibration, score) <= Fraction(str(alpha))
        assert (score > threshold) == turned_away
        assert (found <= alpha) == turned_away


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=40), shares)
def test_of_exchangeable_images_at_most_a_share_alpha_is_turned_away(scores, alpha):
    """Let each of n + 1 images be the new one in turn: this is the promise itself, exactly and with ties."""
    turned_away = 0
    for place, score in enumerate(scores):
        others = scores[:place] + scores[place + 1 :]
        turned_away += score > conformal_threshold(vector(others), alpha)
    assert turned_away <= largest_turned_away(len(scores) - 1, alpha) <= Fraction(str(alpha)) * len(scores)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.1, 0.3, 1 / 3, 0.5, 0.9])
def test_the_smallest_calibration_set_is_the_first_that_can_turn_somebody_away(alpha):
    least = minimum_calibration_size(alpha)
    assert conformal_threshold(torch.arange(float(least)), alpha) < float("inf")
    if least > 0:
        assert conformal_threshold(torch.arange(float(least - 1)), alpha) == float("inf")


def test_ranks_do_not_slip_through_rounding():
    assert (10) * (1 - 0.7) > 3  # so a plain ceil would give rank 4
    assert conformal_threshold(torch.arange(1.0, 10.0), 0.7) == 3


def test_a_plain_quantile_would_break_the_promise():
    """What the field does, at n = 30: over many calibration sets it turns away more than it says, and ours does not."""
    generator = torch.Generator().manual_seed(0)
    calibration = torch.rand(4000, 30, generator=generator, dtype=torch.float64)
    # the share of uniform scores above a threshold is one minus the threshold
    ours = np.array([1 - conformal_threshold(row, 0.05) for row in calibration])
    naive = 1 - np.quantile(calibration.numpy(), 0.95, axis=1)
    assert ours.mean() <= 0.05 + 2 * ours.std() / len(ours) ** 0.5
    assert naive.mean() > 0.05 + 10 * naive.std() / len(naive) ** 0.5
    assert naive.mean() == pytest.approx(0.077, abs=0.003)


def test_without_calibration_images_nobody_is_turned_away():
    assert conformal_threshold(torch.empty(0), 0.5) == float("inf")
    assert p_values(torch.empty(0), vector([3.0, 1e9])).tolist() == [1.0, 1.0]


def test_infinite_scores_have_their_rank():
    assert p_values(vector([0.0, float("inf")]), vector([float("inf"), 1.0, -float("inf")])).tolist() == pytest.approx(
        [2 / 3, 2 / 3, 1]
    )


def test_raised_scores_keep_their_order_and_their_infinities():
    scores = vector([-float("inf"), -1e9, -2.0, 0.0, 0.5, 2.0, 1e9, float("inf")])
    found = raised(scores, 1e-3)
    assert found.tolist() == pytest.approx([-float("inf"), -999e6, -1.998, 1e-3, 0.501, 2.002, 1001e6, float("inf")])
    assert torch.equal(found, found.sort().values)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_shares_out_of_range_are_refused(alpha):
    with pytest.raises(CalibrationError, match="above 0 and below 1, got alpha ="):
        conformal_threshold(torch.zeros(5), alpha)
    with pytest.raises(CalibrationError, match="above 0 and below 1"):
        minimum_calibration_size(alpha)


def test_nan_is_refused():
    with pytest.raises(CalibrationError, match="calibration scores without NaN, got 1 NaN of 2"):
        conformal_threshold(vector([1.0, float("nan")]), 0.5)
    with pytest.raises(CalibrationError, match="scores without NaN, got 1 NaN"):
        p_values(vector([1.0]), vector([float("nan")]))
    with pytest.raises(CalibrationError, match=r"shape \(n,\), got \(2, 1\)"):
        p_values(torch.zeros(2, 1), vector([1.0]))


def test_a_column_of_a_table_is_as_good_as_a_vector(generator):
    table = torch.randn(20, 3, generator=generator)
    assert torch.equal(p_values(table[:, 0], table[:, 1]), p_values(table[:, 0].clone(), table[:, 1].clone()))
