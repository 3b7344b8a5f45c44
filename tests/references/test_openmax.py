from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from hierclf.errors import ConfigError
from hierclf.references import OpenMax
from hierclf.references.openmax import Tails, fit_tails, openmax, ranks_within
from tests.conftest import TWO_LEVEL
from tests.references.synthetic import around


def slow_openmax(values, means, weibulls, alpha):
    """One softmax, one image: lists of floats; weibulls are (shape, scale, shift)."""
    order = sorted(range(len(values)), key=lambda place: -values[place])
    kept, unknown = list(values), 0.0
    for rank, place in enumerate(order[:alpha], start=1):
        distance = math.dist(values, means[place])
        shape, scale, shift = weibulls[place]
        extreme = stats.weibull_min.cdf(distance + shift, shape, scale=scale)
        omega = 1 - (alpha + 1 - rank) / alpha * extreme
        kept[place] = omega * values[place]
        unknown += (1 - omega) * values[place]
    total = sum(math.exp(value) for value in [*kept, unknown])
    return [math.exp(value) / total for value in kept], math.exp(unknown) / total


@pytest.mark.parametrize("ranks", [1, 2, 10])
def test_each_group_is_the_slow_formula(generator, ranks):
    group_K = torch.tensor([0, 0, 0, 1, 1, 2])
    tails = Tails(
        mean_KK=torch.randn(6, 6, generator=generator, dtype=torch.float64) * (group_K[:, None] == group_K),
        shape_K=torch.rand(6, generator=generator, dtype=torch.float64) + 0.5,
        scale_K=torch.rand(6, generator=generator, dtype=torch.float64) + 1.0,
        shift_K=torch.rand(6, generator=generator, dtype=torch.float64),
    )
    logits_BK = 2 * torch.randn(5, 6, generator=generator, dtype=torch.float64)
    class_BK, unknown_BG = openmax(logits_BK, group_K, tails, ranks)
    for row, (class_K, unknown_G) in enumerate(zip(class_BK.exp(), unknown_BG.exp(), strict=True)):
        for group, size in enumerate((3, 2)):
            places = (group_K == group).nonzero()[:, 0].tolist()
            known, unknown = slow_openmax(
                [float(logits_BK[row, place]) for place in places],
                [tails.mean_KK[place, places].tolist() for place in places],
                [
                    tuple(float(part[place]) for part in (tails.shape_K, tails.scale_K, tails.shift_K))
                    for place in places
                ],
                min(ranks, size),
            )
            torch.testing.assert_close(class_K[places], torch.tensor(known, dtype=torch.float64))
            assert float(unknown_G[group]) == pytest.approx(unknown)
        assert (float(class_K[5]), float(unknown_G[2])) == (1.0, 0.0)  # one class: never unknown


def test_a_far_logit_vector_gives_its_weight_to_unknown_by_hand():
    tails = Tails(
        mean_KK=torch.tensor([[2.0, 0.0], [0.0, 2.0]]).double(),
        shape_K=torch.ones(2).double(),
        scale_K=torch.tensor([1.0, torch.inf]).double(),
        shift_K=torch.zeros(2).double(),
    )
    class_BK, unknown_BG = openmax(torch.tensor([[2.0, 0.0], [5.0, 0.0]]).double(), torch.tensor([0, 0]), tails, 1)
    assert class_BK[0].exp().tolist() == pytest.approx([math.e**2 / (math.e**2 + 2), *[1 / (math.e**2 + 2)]])
    lost = 5 * (1 - math.exp(-3.0))  # distance 3, W = 1 - exp(-3)
    total = math.exp(5 - lost) + 1 + math.exp(lost)
    assert float(unknown_BG[1, 0].exp()) == pytest.approx(math.exp(lost) / total)


def test_tails_are_the_mean_and_the_largest_distances_of_what_is_right(generator):
    own_nK = torch.nn.functional.one_hot(torch.arange(60) % 3, 3).bool()
    logits_nK = 1.5 * own_nK + torch.randn(60, 3, generator=generator, dtype=torch.float64)
    tails = fit_tails(logits_nK, torch.zeros(3, dtype=torch.int64), own_nK, tail=5)
    for place in range(3):
        right = [row for row in range(60) if row % 3 == place and int(logits_nK[row].argmax()) == place]
        mean = sum(logits_nK[row] for row in right) / len(right)
        torch.testing.assert_close(tails.mean_KK[place], mean)
        largest = sorted(float((logits_nK[row] - mean).norm()) for row in right)[-5:]
        shape, _, scale = stats.weibull_min.fit([one - largest[0] + 1 for one in largest], floc=0)
        assert (float(tails.shape_K[place]), float(tails.scale_K[place])) == pytest.approx((shape, scale), rel=1e-3)
        assert float(tails.shift_K[place]) == pytest.approx(1 - largest[0])


def test_a_class_without_images_is_never_discounted():
    logits_nK = torch.tensor([[3.0, 0.0], [4.0, 0.0], [3.5, 0.5]], dtype=torch.float64)
    own_nK = torch.tensor([[True, False]] * 3)
    tails = fit_tails(logits_nK, torch.zeros(2, dtype=torch.int64), own_nK, tail=3)
    extreme_BK = tails.extreme(torch.tensor([[0.0, 900.0]], dtype=torch.float64), torch.zeros(2, dtype=torch.int64))
    assert extreme_BK.tolist() == [[pytest.approx(1.0), 0.0]]


def test_ranks_are_those_of_sorting_each_group(generator):
    group_K = torch.tensor([0, 0, 1, 2, 2, 2, 2])
    values_BK = torch.randn(8, 7, generator=generator)
    for values, ranks in zip(values_BK.tolist(), ranks_within(values_BK, group_K).tolist(), strict=True):
        for place in range(7):
            larger = [
                v for v, g in zip(values, group_K.tolist(), strict=True) if g == group_K[place] and v > values[place]
            ]
            assert ranks[place] == len(larger)


def test_the_flat_one_knows_novelty_at_the_root_alone():
    plan, train, held_out = around(TWO_LEVEL)
    method = OpenMax(flat=True, tails=(5,), ranks=(2,)).fit(
        *train, plan, held_out=held_out, generator=torch.Generator()
    )
    stops_BN = method(held_out[0])
    inner = [plan.nodes.index(node) for node in ("digit", "letter")]
    assert stops_BN[:, inner].isneginf().all()
    assert stops_BN[:, 0].isfinite().all()


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"tails of at least 2 and ranks of at least 1, got tails=\(1,\)"):
        OpenMax(tails=(1,))
