from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hierclf.errors import CalibrationError
from hierclf.promises import TwoSided, acceptance_threshold, other_p_values
from hierclf.promises.two_sided import KNOWN, OTHER, UNCERTAIN

few_values = st.lists(st.integers(-3, 3).map(float), max_size=45)
shares = st.integers(1, 99).map(lambda hundredths: hundredths / 100)


def vector(values):
    return torch.tensor(values, dtype=torch.float64)


@settings(max_examples=200, deadline=None)
@given(few_values, few_values, shares, shares)
def test_zones_are_two_conformal_tests_counted_by_hand(known, other, alpha, beta):
    gate = TwoSided.calibrated(vector(known), vector(other), alpha=alpha, beta=beta)
    scores = [-9.0, *np.arange(-3, 3.5, 0.5).tolist(), 9.0]
    for score, zone in zip(scores, gate.zones(vector(scores)).tolist(), strict=True):
        fits_known = Fraction(1 + sum(one >= score for one in known), len(known) + 1) > Fraction(str(alpha))
        fits_other = Fraction(1 + sum(one <= score for one in other), len(other) + 1) > Fraction(str(beta))
        if not fits_known:
            assert zone == OTHER  # also where it fits neither
        else:
            assert zone == (UNCERTAIN if fits_other else KNOWN)


@settings(max_examples=200, deadline=None)
@given(few_values, shares)
def test_an_image_is_below_the_threshold_if_and_only_if_it_does_not_fit_other(other, beta):
    scores = vector([-9.0, *np.arange(-3, 3.5, 0.5).tolist(), 9.0])
    below = scores < acceptance_threshold(vector(other), beta)
    assert torch.equal(other_p_values(vector(other), scores) <= beta, below)


def test_crossing_thresholds_leave_nobody_uncertain():
    gate = TwoSided.calibrated(torch.arange(100.0), torch.arange(1000.0, 1100.0), alpha=0.05, beta=0.05)
    assert gate.crossing
    assert (gate.upper, gate.lower) == (95.0, 1004.0)
    assert gate.zones(vector([95.0, 95.1, 500.0, 1004.0])).tolist() == [KNOWN, OTHER, OTHER, OTHER]
    assert "no image is left uncertain" in gate.sentence


@pytest.mark.parametrize("distance", [1.0, 8.0], ids=["overlapping", "crossing"])
def test_in_200_draws_both_promises_hold_and_plain_quantiles_break_them(generator, distance):
    draws, n, alpha = 200, 30, 0.05
    known = torch.randn(draws, n, generator=generator, dtype=torch.float64)
    other = torch.randn(draws, n, generator=generator, dtype=torch.float64) + distance
    turned_away, let_in, plainly_away, plainly_in = [], [], [], []
    for known_n, other_n in zip(known, other, strict=True):
        gate = TwoSided.calibrated(known_n, other_n, alpha=alpha, beta=alpha)
        assert gate.crossing == (distance == 8.0)
        fresh = torch.randn(2000, generator=generator, dtype=torch.float64)
        turned_away.append(float((gate.zones(fresh) == OTHER).double().mean()))
        let_in.append(float((gate.zones(fresh + distance) == KNOWN).double().mean()))
        plainly_away.append(float((fresh > np.quantile(known_n, 1 - alpha)).double().mean()))
        plainly_in.append(float((fresh + distance < np.quantile(other_n, alpha)).double().mean()))
    for found in (turned_away, let_in):
        assert np.mean(found) <= alpha + 2 * np.std(found) / math.sqrt(draws)
    for found in (plainly_away, plainly_in):
        assert np.mean(found) > alpha + 4 * np.std(found) / math.sqrt(draws)


def test_with_too_few_images_the_answer_that_lacks_them_is_never_given():
    gate = TwoSided.calibrated(torch.arange(18.0), torch.arange(18.0), alpha=0.05, beta=0.05)
    assert not gate.holds
    assert gate.zones(vector([-1e9, 1e9])).tolist() == [UNCERTAIN, UNCERTAIN]
    assert "No image is ever called other: that takes at least 19 known images, and there are 18" in gate.sentence
    assert "no image is ever called known: that takes at least 19 images of other, and there are 18" in gate.sentence
    assert TwoSided.calibrated(torch.arange(19.0), torch.arange(19.0), alpha=0.05, beta=0.05).holds


def test_what_cannot_be_is_refused():
    with pytest.raises(CalibrationError, match="images of other to call known above 0 and below 1, got beta = 0"):
        TwoSided.calibrated(torch.zeros(5), torch.zeros(5), alpha=0.5, beta=0.0)
    with pytest.raises(CalibrationError, match="got alpha = 2"):
        TwoSided.calibrated(torch.zeros(5), torch.zeros(5), alpha=2.0, beta=0.5)
    gate = TwoSided.calibrated(torch.zeros(5), torch.zeros(5), alpha=0.5, beta=0.5)
    with pytest.raises(CalibrationError, match="scores without NaN, got 1 NaN"):
        gate.zones(vector([float("nan")]))
