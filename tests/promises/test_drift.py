from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats

from hierclf.errors import CalibrationError, ConfigError
from hierclf.promises import drift as drift_module
from hierclf.promises import p_values, score_drift


def slow_distances(old, new):
    """Largest distances of the two shares at or below a score: (new below old, old below new)."""
    gaps = [
        Fraction(sum(x <= at for x in new), len(new)) - Fraction(sum(x <= at for x in old), len(old))
        for at in {*old, *new}
    ]
    return max(0, -min(gaps)), max(0, max(gaps))


def slow_p_value(old, new, direction):
    """Every split of the pooled scores, one by one."""

    def distance(old, new):
        up, down = slow_distances(old, new)
        return {"any": max(up, down), "more unknown": up, "less unknown": down}[direction]

    pooled, reached = [*old, *new], distance(old, new)
    found = [
        distance([x for i, x in enumerate(pooled) if i not in chosen], [pooled[i] for i in chosen]) >= reached
        for chosen in combinations(range(len(pooled)), len(new))
    ]
    return reached, sum(found) / len(found)


@pytest.mark.parametrize("direction", ["any", "more unknown", "less unknown"])
@pytest.mark.parametrize(("n", "m"), [(5, 3), (3, 5), (1, 6), (4, 4)])
def test_p_values_equal_counting_all_splits_also_with_ties(generator, n, m, direction):
    for highest in (2, 4, 1000):
        scores = torch.randint(0, highest, (n + m,), generator=generator).double()
        found = score_drift(scores[:n], scores[n:], direction=direction)
        reached, p_value = slow_p_value(scores[:n].tolist(), scores[n:].tolist(), direction)
        assert found.statistic == pytest.approx(float(reached))
        assert found.p_value == pytest.approx(p_value)


@pytest.mark.parametrize(
    ("direction", "alternative"), [("any", "two-sided"), ("more unknown", "less"), ("less unknown", "greater")]
)
@pytest.mark.parametrize(("n", "m", "shift"), [(60, 45, 0.3), (30, 90, -0.4), (200, 200, 0.1), (100, 100, 3.0)])
def test_without_ties_p_values_equal_those_of_scipy(generator, n, m, shift, direction, alternative):
    old = torch.randn(n, generator=generator, dtype=torch.float64)
    new = torch.randn(m, generator=generator, dtype=torch.float64) + shift
    found = score_drift(old, new, direction=direction)
    expected = stats.ks_2samp(new.numpy(), old.numpy(), alternative=alternative, method="exact")
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-30)


def test_very_many_images_use_the_large_sample_distribution(generator, monkeypatch):
    old, new = torch.randn(2, 400, generator=generator, dtype=torch.float64)
    exact = score_drift(old, new + 0.08)
    monkeypatch.setattr(drift_module, "EXACT_STEPS", 0)
    near = score_drift(old, new + 0.08)
    assert near.p_value != exact.p_value
    assert near.p_value == pytest.approx(exact.p_value, rel=0.1)


def test_in_200_draws_alarms_are_as_rare_as_said_and_a_test_of_uniform_p_values_raises_too_many(generator):
    draws, level = 200, 0.05
    old = torch.randn(draws, 60, generator=generator, dtype=torch.float64)
    new = torch.randn(draws, 60, generator=generator, dtype=torch.float64)
    ours = np.array([score_drift(o, n).p_value for o, n in zip(old, new, strict=True)])
    plain = np.array([stats.kstest(p_values(o, n).numpy(), "uniform").pvalue for o, n in zip(old, new, strict=True)])
    for share in (level, 0.1, 0.25, 0.5):
        allowed = share + 2 * (share * (1 - share) / draws) ** 0.5
        assert (ours <= share).mean() <= allowed
    assert (plain <= level).mean() > level + 4 * (level * (1 - level) / draws) ** 0.5


def test_a_shift_is_noticed_in_its_direction_only(generator):
    old = torch.randn(100, 80, generator=generator, dtype=torch.float64)
    new = torch.randn(100, 60, generator=generator, dtype=torch.float64) + 1.0
    pairs = list(zip(old, new, strict=True))
    assert np.mean([score_drift(o, n).drifted for o, n in pairs]) > 0.95
    assert np.mean([score_drift(o, n, direction="more unknown").drifted for o, n in pairs]) > 0.95
    assert np.mean([score_drift(o, n, direction="less unknown").drifted for o, n in pairs]) == 0
    assert all(score_drift(o, n).towards == "more unknown" for o, n in pairs)
    assert all(score_drift(o, o - 1.0).towards == "less unknown" for o, _ in pairs)


def test_unknown_images_drift_upwards_but_never_set_off_the_other_alarm(generator):
    old = torch.randn(200, 60, generator=generator, dtype=torch.float64)
    known = torch.randn(200, 40, generator=generator, dtype=torch.float64)
    mixed = torch.cat([known, known[:, :20] + 10], dim=1)
    found = [score_drift(o, m).drifted for o, m in zip(old, mixed, strict=True)]
    away = [score_drift(o, m, direction="less unknown").drifted for o, m in zip(old, mixed, strict=True)]
    assert np.mean(found) > 0.5
    assert np.mean(away) <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5


def test_the_same_scores_do_not_drift():
    drift = score_drift(torch.ones(30), torch.ones(7))
    assert (drift.statistic, drift.p_value, drift.drifted) == (0.0, 1.0, False)


def test_words_say_what_it_may_be():
    old = torch.arange(50.0)
    up = score_drift(old, old + 100).sentence
    assert "look more unknown" in up
    assert "Unknown images among them may also be the whole reason" in up
    assert "look less unknown" in score_drift(old, old - 100).sentence
    assert "no proof that they are alike" in score_drift(old, old).sentence
    assert "nothing can be said" in score_drift(old[:0], old).sentence
    assert "nothing can be said" in score_drift(old, old[:0]).sentence


def test_what_cannot_be_is_refused():
    with pytest.raises(CalibrationError, match="a false alarm above 0 and below 1, got level = 0"):
        score_drift(torch.zeros(3), torch.zeros(3), level=0.0)
    with pytest.raises(ConfigError, match=r"'more unknown', 'less unknown'\], got 'up'"):
        score_drift(torch.zeros(3), torch.zeros(3), direction="up")
    with pytest.raises(CalibrationError, match="without NaN"):
        score_drift(torch.zeros(3), torch.tensor([float("nan")]))
