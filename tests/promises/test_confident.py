from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
import torch

from hierclf.errors import CalibrationError
from hierclf.promises import (
    ConfidentPromise,
    confident_level,
    confident_rank,
    confident_threshold,
    conformal_threshold,
    minimum_confident_size,
    p_values,
)


def slow_rank(n, alpha, delta):
    alpha, delta = Fraction(str(alpha)), Fraction(str(delta))
    at_most, rank = Fraction(0), 0
    for m in range(1, n + 1):
        at_most += comb(n, m - 1) * alpha ** (m - 1) * (1 - alpha) ** (n - m + 1)
        if at_most <= delta:
            rank = m
    return rank


@pytest.mark.parametrize(("n", "rank"), [(100, 2), (200, 5), (500, 17), (1000, 39)])
def test_the_published_ranks(n, rank):
    assert confident_rank(n, 0.05, 0.05) == rank


@pytest.mark.parametrize("delta", [0.01, 0.05, 0.5, 0.9])
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5, 0.7])
def test_ranks_equal_a_sum_of_fractions(alpha, delta):
    for n in (0, 1, 2, 7, 40, 90):
        assert confident_rank(n, alpha, delta) == slow_rank(n, alpha, delta)


def test_the_rank_counts_where_the_chance_is_exactly_the_allowed_one():
    assert confident_rank(1, 0.5, 0.5) == 1  # P(Bin(1, 1/2) <= 0) is 1/2


@pytest.mark.parametrize(("alpha", "delta"), [(0.05, 0.05), (0.01, 0.05), (0.1, 0.01), (0.5, 0.5), (0.5, 0.25)])
def test_the_smallest_calibration_set_is_the_first_that_can_turn_somebody_away(alpha, delta):
    least = minimum_confident_size(alpha, delta)
    assert confident_threshold(torch.arange(float(least)), alpha, delta) < float("inf")
    assert confident_threshold(torch.arange(float(least - 1)), alpha, delta) == float("inf")
    assert not ConfidentPromise(alpha=alpha, delta=delta, n=least - 1).holds
    assert ConfidentPromise(alpha=alpha, delta=delta, n=least).holds


@pytest.mark.parametrize("n", [58, 100, 137, 1000])
def test_the_level_turns_away_the_same_images_with_and_without_ties(n, generator):
    for calibration in (torch.randperm(n, generator=generator), torch.randint(0, 40, (n,), generator=generator)):
        scores = torch.arange(-1.0, n + 1.0, 0.5)
        above = scores > confident_threshold(calibration, 0.1)
        assert torch.equal(p_values(calibration, scores) <= confident_level(n, 0.1), above)


def test_in_200_draws_the_average_promise_fails_half_the_time_and_the_confident_one_hardly_ever(generator):
    calibration = torch.rand(200, 200, generator=generator, dtype=torch.float64)
    # the share of uniform scores above a threshold is one minus the threshold
    ours = torch.tensor([1 - confident_threshold(row, 0.05) > 0.05 for row in calibration]).double()
    plain = torch.tensor([1 - conformal_threshold(row, 0.05) > 0.05 for row in calibration]).double()
    allowed = 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5
    assert ours.mean() <= allowed
    assert plain.mean() > 4 * allowed


def test_words_are_true_also_without_enough_images():
    few = ConfidentPromise(alpha=0.01, delta=0.1, n=150).sentence
    assert "No image is ever turned away: keeping 99 % of known images with 90 % confidence takes at least 230" in few
    assert "there are 150" in few
    assert "cannot be promised" in ConfidentPromise(alpha=0.01, delta=0.1, n=500).sentence


def test_shares_out_of_range_are_refused():
    with pytest.raises(CalibrationError, match=r"known images to turn away above 0 and below 1, got alpha = 1\.5"):
        confident_rank(10, 1.5)
    with pytest.raises(CalibrationError, match="an unlucky calibration set above 0 and below 1, got delta = 0"):
        confident_rank(10, 0.5, 0.0)
    with pytest.raises(CalibrationError, match="got delta = 1"):
        minimum_confident_size(0.5, 1.0)
