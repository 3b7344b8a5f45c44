from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from hierclf.errors import CalibrationError
from hierclf.promises import DiscoveryPromise, adjusted_p_values, discoveries, fewest_discoveries, p_values


def slow_discoveries(p_values, rate):
    ordered = sorted(p_values)
    largest = 0.0
    for rank, p_value in enumerate(ordered, start=1):
        if p_value <= rate * rank / len(ordered) + 1e-12:
            largest = p_value
    return [p_value <= largest for p_value in p_values]


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5])
def test_discoveries_equal_the_procedure_in_words(generator, rate):
    for _ in range(50):
        p_value_B = torch.randint(1, 41, (30,), generator=generator).double().pow(2) / 40**2
        assert discoveries(p_value_B, rate).tolist() == slow_discoveries(p_value_B.tolist(), rate)
        assert torch.equal(adjusted_p_values(p_value_B) <= rate * (1 + 1e-12), discoveries(p_value_B, rate))


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.3])
def test_rounding_does_not_lose_images_on_the_line(rate):
    """With k of B images at the smallest p-value there is, compared in fractions."""
    for n in (9, 19, 59, 99, 199):
        for batch in range(1, 40):
            for called in range(1, batch + 1):
                p_value_B = torch.ones(batch, dtype=torch.float64)
                p_value_B[:called] = 1 / (n + 1)
                expected = Fraction(batch, called * (n + 1)) <= Fraction(str(rate))
                assert bool(discoveries(p_value_B, rate)[0]) == expected


def test_an_empty_batch_has_no_discoveries():
    assert discoveries(torch.empty(0), 0.1).tolist() == []


def test_in_200_draws_few_alarms_are_false_and_a_plain_cut_has_mostly_false_ones(generator):
    rate, known, other = 0.1, 180, 20
    ours, plain = [], []
    for _ in range(200):
        calibration = torch.randn(300, generator=generator, dtype=torch.float64)
        scores = torch.randn(known + other, generator=generator, dtype=torch.float64)
        scores[known:] += 4
        p_value_B = p_values(calibration, scores)
        for called, shares in ((discoveries(p_value_B, rate), ours), (p_value_B <= rate, plain)):
            shares.append(float(called[:known].sum()) / max(int(called.sum()), 1))
    ours, plain = torch.tensor(ours), torch.tensor(plain)
    assert ours.mean() <= rate + 2 * ours.std() / 200**0.5
    assert ours.mean() > 0.03, "the test is not empty: some alarms are false"
    assert plain.mean() > rate + 20 * plain.std() / 200**0.5


@pytest.mark.parametrize(("n", "batch", "rate"), [(200, 1000, 0.1), (99, 37, 0.05), (19, 1, 0.05), (9999, 1000, 0.1)])
def test_the_fewest_discoveries_are_the_first_that_pass(n, batch, rate):
    fewest = fewest_discoveries(n, batch, rate)
    for called in (fewest - 1, fewest):
        p_value_B = torch.ones(batch, dtype=torch.float64)
        p_value_B[:called] = 1 / (n + 1)
        assert int(discoveries(p_value_B, rate).sum()) == (called if called == fewest else 0)


def test_words_are_true_also_without_enough_images():
    few = DiscoveryPromise(rate=0.05, n=18, batch=40)
    assert not few.holds
    assert "takes at least 19 calibration images, and there are 18" in few.sentence
    assert not discoveries(torch.full((40,), 1 / 19, dtype=torch.float64), 0.05).any()
    enough = DiscoveryPromise(rate=0.05, n=19, batch=40)
    assert enough.holds
    assert "of these 40 images, at least 40 must look stranger" in enough.sentence
    assert "of this one image, at least 1" in DiscoveryPromise(rate=0.05, n=19, batch=1).sentence
    assert "nothing is promised" in DiscoveryPromise(rate=0.05, n=19, batch=0).sentence


def test_what_is_no_p_value_is_refused():
    with pytest.raises(CalibrationError, match=r"above 0 and at most 1, got values from 0 to 0\.5"):
        discoveries(torch.tensor([0.0, 0.5]), 0.1)
    with pytest.raises(CalibrationError, match=r"got values from nan"):
        discoveries(torch.tensor([float("nan"), 0.5]), 0.1)
    with pytest.raises(CalibrationError, match=r"got shape \(1, 1\)"):
        discoveries(torch.tensor([[0.5]]), 0.1)
    with pytest.raises(CalibrationError, match="called other above 0 and below 1, got rate = 1"):
        discoveries(torch.tensor([0.5]), 1.0)
