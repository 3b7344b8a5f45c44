from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hierclf.errors import BundleError, CalibrationError, UnknownName
from hierclf.gates import PValueMap, combinations

finite = st.floats(-1e6, 1e6, allow_nan=False)


def test_bulk_is_the_empirical_share():
    surprise = PValueMap.fit(torch.arange(1.0, 10.0))
    shares = [sum(one >= score for one in range(1, 10)) / 10 for score in range(1, 9)]
    torch.testing.assert_close(surprise(torch.arange(1.0, 9.0)), -torch.tensor(shares, dtype=torch.float64).log())


def test_between_scores_it_is_interpolated():
    surprise = PValueMap.fit(torch.tensor([0.0, 1.0, 2.0]))
    middle = surprise(torch.tensor([0.5])).item()
    assert middle == pytest.approx((-math.log(3 / 4) - math.log(2 / 4)) / 2)


def test_tail_is_exponential_where_the_scores_are(generator):
    scores = torch.empty(5000, dtype=torch.float64).exponential_(generator=generator)
    surprise = PValueMap.fit(scores)
    far = torch.tensor([1.0, 3.0, 6.0, 12.0, 30.0], dtype=torch.float64)
    torch.testing.assert_close(surprise(far), far, rtol=0.1, atol=0.05)  # -log p of an exponential is the score itself


def test_tail_keeps_extreme_images_apart_where_the_empirical_share_ties():
    surprise = PValueMap.fit(torch.linspace(0, 1, 50))
    assert (surprise(torch.tensor([1.0, 1.5, 2.0, 1e4, 1e8])).diff() > 0).all()


@settings(max_examples=150, deadline=None)
@given(st.lists(finite, min_size=1, max_size=40), st.lists(finite, min_size=2, max_size=20))
def test_maps_are_monotone_finite_and_not_negative(scores, new):
    surprise = PValueMap.fit(torch.tensor(scores, dtype=torch.float64)).checked()
    values = surprise(torch.tensor(sorted(new), dtype=torch.float64))
    assert values.isfinite().all()
    assert (values >= 0).all()
    assert (values.diff() >= -1e-9).all()


def test_constant_scores_give_a_constant():
    surprise = PValueMap.fit(torch.full((20,), -1.0))
    assert surprise(torch.full((3,), -1.0)).unique().numel() == 1
    assert surprise(torch.tensor([-1.0])).item() < 0.06


@pytest.mark.parametrize("scores", [torch.empty(0), torch.tensor([1.0, torch.inf]), torch.tensor([torch.nan])])
def test_maps_need_finite_scores(scores):
    with pytest.raises(CalibrationError, match=r"at least one score, all finite|without NaN"):
        PValueMap.fit(scores)


def test_stored_maps_are_checked():
    good = PValueMap.fit(torch.arange(30.0))
    with pytest.raises(BundleError, match="does not ascend"):
        PValueMap(good.knots.flip(0), good.surprise, good.scale).checked()
    with pytest.raises(BundleError, match="empty, not finite or of the wrong shape"):
        PValueMap(good.knots[1:], good.surprise, good.scale).checked()
    with pytest.raises(BundleError, match="empty, not finite or of the wrong shape"):
        PValueMap(good.knots, good.surprise, good.scale * 0).checked()


def test_combinations_equal_those_of_scipy(generator):
    p_BG = torch.rand(20, 3, generator=generator, dtype=torch.float64)
    surprise_BG = -p_BG.log()
    for row, fisher, mean, largest in zip(
        p_BG.tolist(), *(combinations[name](surprise_BG).tolist() for name in ("fisher", "mean", "max")), strict=True
    ):
        assert fisher == pytest.approx(stats.combine_pvalues(row, method="fisher").statistic / 2)
        assert mean == pytest.approx(-math.log(sum(row) / 3))
        assert largest == pytest.approx(-math.log(stats.combine_pvalues(row, method="tippett").statistic))


def test_combinations_do_not_tie_where_probabilities_underflow():
    surprise_BG = torch.tensor([[2000.0, 3000.0], [2001.0, 3000.0]], dtype=torch.float64)
    for name in ("fisher", "mean"):
        first, second = combinations[name](surprise_BG).tolist()
        assert first < second < math.inf


def test_a_misspelt_combination_is_corrected():
    with pytest.raises(UnknownName, match="no combination named 'fischer'; did you mean 'fisher'"):
        combinations["fischer"]
