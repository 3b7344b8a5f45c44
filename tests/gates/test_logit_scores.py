"""The scores that are plain functions of the logits: msp, max_logit, energy and gen."""

from __future__ import annotations

import math
import warnings
from decimal import Decimal, localcontext

import pytest
import torch

from hierclf.gates import energy_score, gen_score, max_logit_score, msp_score


@pytest.fixture
def logits_BC(generator):
    return 5 * torch.randn(40, 7, generator=generator, dtype=torch.float64)


def softmax(row):
    total = sum(math.exp(value) for value in row)
    return [math.exp(value) / total for value in row]


@pytest.mark.parametrize(
    ("score", "slow"),
    [
        (msp_score, lambda row: -max(softmax(row))),
        (max_logit_score, lambda row: -max(row)),
        (energy_score, lambda row: -math.log(sum(math.exp(value) for value in row))),
        (gen_score, lambda row: sum(p**0.1 * (1 - p) ** 0.1 for p in softmax(row))),
        (
            lambda logits_BC: gen_score(logits_BC, gamma=0.5, largest=3),
            lambda row: sum((p * (1 - p)) ** 0.5 for p in sorted(softmax(row))[-3:]),
        ),
        (
            lambda logits_BC: energy_score(logits_BC, temperature=2.0),
            lambda row: -2 * math.log(sum(math.exp(value / 2) for value in row)),
        ),
    ],
    ids=["msp", "max_logit", "energy", "gen", "gen with options", "energy with options"],
)
def test_scores_equal_their_formulas(score, slow, logits_BC):
    expected = torch.tensor([slow(row) for row in logits_BC.tolist()], dtype=torch.float64)
    torch.testing.assert_close(score(logits_BC), expected)


def exactly(logits, *, gamma=0.1, largest=100):
    """All four scores of one image, in decimals of 60 digits."""
    with localcontext() as context:
        context.prec = 60
        ordered = sorted(map(Decimal, logits), reverse=True)
        terms = [(value - ordered[0]).exp() for value in ordered]
        total, power = sum(terms), Decimal(gamma)
        p = [term / total for term in terms[:largest]]
        best_left = sum(terms[1:]) / total  # 1 - p of the best
        both = [p[0] * best_left, *(one * (1 - one) for one in p[1:])]
        return {
            max_logit_score: float(-ordered[0]),
            msp_score: float(-p[0]),
            energy_score: float(-(ordered[0] + total.ln())),
            gen_score: float(sum((power * one.ln()).exp() for one in both if one > 0)),
        }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [0.1, 3.0, 30.0, "100 apart", "tied"])
@pytest.mark.parametrize("classes", [1, 2, 130])
def test_scores_are_exact_in_either_precision(dtype, spread, classes, generator):
    logits_BC = torch.randn(12, classes, generator=generator)
    if spread == "100 apart":
        logits_BC = 100 * logits_BC.sign()
        logits_BC[:, 0] = 100
        logits_BC[:6, 1:] = -torch.linspace(-20, 100, 6)[:, None].expand(6, classes - 1)
    elif spread == "tied":
        logits_BC = logits_BC.round()
    else:
        logits_BC *= spread
    logits_BC = logits_BC.to(dtype)
    expected = [exactly(row) for row in logits_BC.tolist()]
    for score in (max_logit_score, msp_score, energy_score, gen_score):
        slow_B = torch.tensor([row[score] for row in expected], dtype=torch.float64)
        torch.testing.assert_close(score(logits_BC).double(), slow_B, rtol=3e-6, atol=3e-6)


def test_float32_still_tells_near_certain_images_apart():
    gap_B = torch.tensor([18.0, 20.0, 25.0, 30.0])
    scores_B = msp_score(torch.stack([gap_B, torch.zeros(4), torch.zeros(4)], dim=1))
    torch.testing.assert_close(1 + scores_B, 2 * torch.exp(-gap_B.double()), rtol=1e-3, atol=0)


def test_scores_equal_those_of_pytorch_ood(logits_BC):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_ood.detector import GEN, EnergyBased, MaxLogit, MaxSoftmax
    mild_BC = logits_BC / 5  # theirs cuts probabilities off at 1e-7
    torch.testing.assert_close(msp_score(mild_BC), MaxSoftmax(None).predict_logits(mild_BC))
    torch.testing.assert_close(max_logit_score(mild_BC), MaxLogit(None).predict_logits(mild_BC))
    torch.testing.assert_close(energy_score(mild_BC), EnergyBased(None).predict_logits(mild_BC))
    torch.testing.assert_close(gen_score(mild_BC) / 7, GEN(None).predict_logits(mild_BC))  # theirs is a mean


def test_one_class_says_nothing_but_is_defined():
    logits_B1 = torch.tensor([[-3.0], [800.0]])
    assert msp_score(logits_B1).tolist() == [-1, -1]
    assert gen_score(logits_B1).tolist() == [0, 0]
    assert max_logit_score(logits_B1).tolist() == energy_score(logits_B1).tolist() == [3, -800]


def test_huge_logits_stay_finite():
    logits_BC = torch.tensor([[1e30, -1e30, 0.0], [1e30, 1e30, 1e30]], dtype=torch.float64)
    for score in (msp_score, max_logit_score, energy_score, gen_score):
        assert score(logits_BC).isfinite().all()


def test_near_certain_images_are_still_told_apart():
    gap_B = torch.tensor([20.0, 25.0, 30.0], dtype=torch.float64)
    scores_B = gen_score(torch.stack([gap_B, torch.zeros(3, dtype=torch.float64)], dim=1))
    assert (scores_B.diff() < 0).all()
    # p (1 - p) is about exp(-gap), once for each of the two classes
    torch.testing.assert_close(scores_B, 2 * torch.exp(-0.1 * gap_B), rtol=1e-2, atol=0)
