from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import CalibrationError
from hierclf.promises import (
    PerClass,
    PerClassPromise,
    conformal_threshold,
    p_values,
    pool_classes,
)
from hierclf.taxonomy import Taxonomy

ALPHA = 0.1
FAMILY = Taxonomy(
    root="r", edges=(("r", "u"), ("r", "v"), ("u", "big"), ("u", "small"), ("v", "wide"), ("v", "narrow"))
)
BIG, SMALL, WIDE, NARROW = (FAMILY.index(node) for node in ("big", "small", "wide", "narrow"))


def some_groups(generator, n=60, nodes=9):
    """Six groups of nine nodes, the last without images; scores with ties."""
    pool_N = torch.tensor([0, 1, 1, 1, 4, 5, 5, 7, 8])
    node_n = torch.randint(0, nodes - 1, (n,), generator=generator)
    return pool_N, torch.randint(-3, 4, (n,), generator=generator).double(), node_n


def test_p_values_equal_counting_within_the_group(generator):
    pool_N, scores_n, node_n = some_groups(generator)
    gate = PerClass.calibrated(scores_n, node_n, pool_N)
    scores_B = torch.randint(-8, 9, (200,), generator=generator).double() / 2
    node_B = torch.randint(0, 9, (200,), generator=generator)
    for score, node, found in zip(scores_B, node_B, gate.p_values(scores_B, node_B).tolist(), strict=True):
        group = scores_n[pool_N[node_n] == pool_N[node]]
        assert found == float(Fraction(1 + int((group >= score).sum()), len(group) + 1))
        assert gate.count_N[node] == len(group)


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3, 1 / 3, 0.7, 0.123456789])
def test_thresholds_equal_one_conformal_threshold_per_group(generator, alpha):
    pool_N, scores_n, node_n = some_groups(generator)
    found = PerClass.calibrated(scores_n, node_n, pool_N).thresholds(alpha)
    expected = [conformal_threshold(scores_n[pool_N[node_n] == name], alpha) for name in pool_N]
    assert found.tolist() == expected


def test_one_group_of_everything_is_the_plain_p_value(generator):
    scores_n, scores_B = torch.randn(50, generator=generator), torch.randn(20, generator=generator)
    gate = PerClass.calibrated(scores_n, torch.arange(50) % 4, torch.zeros(4, dtype=torch.int64))
    assert torch.equal(gate.p_values(scores_B, torch.arange(20) % 4), p_values(scores_n, scores_B))


def test_hypotheses_are_p_values_one_class_at_a_time(generator):
    pool_N, scores_n, node_n = some_groups(generator)
    gate = PerClass.calibrated(scores_n, node_n, pool_N)
    scores_BH, node_H = torch.randn(30, 3, generator=generator), torch.tensor([2, 8, 4])
    found = gate.hypothesis_p_values(scores_BH, node_H)
    assert found.shape == (30, 3)
    for place, node in enumerate(node_H):
        assert torch.equal(found[:, place], gate.p_values(scores_BH[:, place], node.expand(30)))


def test_without_images_nobody_is_turned_away():
    gate = PerClass.calibrated(torch.empty(0), torch.empty(0, dtype=torch.int64), torch.tensor([0, 1]))
    assert gate.thresholds(0.5).tolist() == [float("inf")] * 2
    assert gate.p_values(torch.tensor([1e9]), torch.tensor([1])).tolist() == [1.0]


# ------------------------------------------------------------------------------------------------------ 200 draws

# Four classes with scores of their own: where they lie and how far they spread. What an image is taken for is wrong in
# a fifth of the cases, and then the image looks strange.
SHARES = torch.tensor([0.46, 0.04, 0.3, 0.2], dtype=torch.float64)
CENTRE = torch.tensor([0.0, 3.0, 2.0, -2.0], dtype=torch.float64)
SPREAD = torch.tensor([1.0, 1.0, 2.0, 0.5], dtype=torch.float64)
NODES = torch.tensor([BIG, SMALL, WIDE, NARROW])


def images(number, generator):
    """Scores, what the images are, what they are taken for."""
    is_n = torch.multinomial(SHARES, number, replacement=True, generator=generator)
    strange_n = torch.rand(number, generator=generator) < 0.2
    taken_n = torch.where(strange_n, torch.randint(0, 4, (number,), generator=generator), is_n)
    noise_n = torch.randn(number, generator=generator, dtype=torch.float64)
    scores_n = CENTRE[is_n] + SPREAD[is_n] * noise_n + 2.0 * (taken_n != is_n)
    return scores_n, NODES[is_n], NODES[taken_n]


def mean_and_error(counts):
    """The share turned away over all draws, and its standard error: pairs (turned away, all) per draw."""
    counts = torch.tensor(counts, dtype=torch.float64)
    share = counts[:, 0].sum() / counts[:, 1].sum()
    residual = counts[:, 0] - share * counts[:, 1]
    return float(share), float(residual.std() * len(counts) ** 0.5 / counts[:, 1].sum())


def count(away_B, among_B):
    return int((away_B & among_B).sum()), int(among_B.sum())


def test_in_200_draws_each_predicted_class_keeps_its_promise_and_one_threshold_for_all_breaks_it(generator):
    pool_N = pool_classes(images(400, generator)[2], compile_plan(FAMILY).path_NK, 60)
    assert len(pool_N[NODES].unique()) == 3, "one class is too small for a threshold of its own"
    per_class, one_for_all = {}, {}
    for _ in range(200):
        scores_n, _, taken_n = images(400, generator)
        scores_B, _, taken_B = images(1000, generator)
        gate = PerClass.calibrated(scores_n, taken_n, pool_N)
        away_B = gate.p_values(scores_B, taken_B) <= ALPHA
        assert torch.equal(away_B, scores_B > gate.thresholds(ALPHA)[taken_B])
        for name in pool_N[NODES].unique().tolist():
            among_B = pool_N[taken_B] == name
            per_class.setdefault(name, []).append(count(away_B, among_B))
            plain_B = scores_B > conformal_threshold(scores_n, ALPHA)
            one_for_all.setdefault(name, []).append(count(plain_B, among_B))
    for name in per_class:
        share, error = mean_and_error(per_class[name])
        assert 0.7 * ALPHA < share <= ALPHA + 2 * error
    share, error = max(mean_and_error(counts) for counts in one_for_all.values())
    assert share > ALPHA + 20 * error


def test_in_200_draws_overlapping_pools_would_break_the_promise(generator):
    """A small class that is calibrated by all images under its parent, beside a big sibling with its own threshold."""
    ours, overlapping = [], []
    groups = torch.arange(len(FAMILY.nodes))
    groups[[BIG, SMALL]] = FAMILY.index("u")
    for _ in range(200):
        scores_n, is_n, _ = images(400, generator)
        scores_B, is_B, _ = images(1000, generator)
        under_u = (is_B == BIG) | (is_B == SMALL)
        gate = PerClass.calibrated(scores_n, is_n, groups)
        ours.append(count(gate.p_values(scores_B, is_B) <= ALPHA, under_u))
        threshold_big = conformal_threshold(scores_n[is_n == BIG], ALPHA)
        threshold_all = conformal_threshold(scores_n[(is_n == BIG) | (is_n == SMALL)], ALPHA)
        away_B = torch.where(is_B == BIG, scores_B > threshold_big, scores_B > threshold_all)
        overlapping.append(count(away_B, under_u))
    share, error = mean_and_error(ours)
    assert share <= ALPHA + 2 * error
    share, error = mean_and_error(overlapping)
    assert share > ALPHA + 5 * error


def test_in_200_draws_all_hypotheses_keep_the_promise_per_true_class_and_the_predicted_one_alone_breaks_it(generator):
    """The score as a class is the distance to its centre; each class is calibrated by the images that are of it."""
    every, predicted = {}, {}
    centres_H = torch.tensor([0.0, 4.0, 10.0, 14.0], dtype=torch.float64)
    spread_H = torch.tensor([1.0, 3.0, 1.0, 3.0], dtype=torch.float64)

    def draw(number):
        is_n = torch.multinomial(SHARES, number, replacement=True, generator=generator)
        at_n = centres_H[is_n] + spread_H[is_n] * torch.randn(number, generator=generator, dtype=torch.float64)
        return (at_n[:, None] - centres_H).abs(), is_n

    for _ in range(200):
        scores_nH, is_n = draw(400)
        scores_BH, is_B = draw(1000)
        gate = PerClass.calibrated(scores_nH.gather(1, is_n[:, None])[:, 0], is_n, torch.arange(4))
        p_value_BH = gate.hypothesis_p_values(scores_BH, torch.arange(4))
        nearest_B = scores_BH.argmin(1)
        p_value_B = p_value_BH.gather(1, nearest_B[:, None])[:, 0]
        for label in range(4):
            every.setdefault(label, []).append(count((p_value_BH <= ALPHA).all(1), is_B == label))
            predicted.setdefault(label, []).append(count(p_value_B <= ALPHA, is_B == label))
    for counts in every.values():
        share, error = mean_and_error(counts)
        assert share <= ALPHA + 2 * error
    share, error = max(mean_and_error(counts) for counts in predicted.values())
    assert share > ALPHA + 5 * error


# ---------------------------------------------------------------------------------------------------------- words


def test_the_promise_counts_classes(generator):
    pool_N = torch.tensor([0, 1, 1, 3, 4])
    node_n = torch.tensor([1] * 10 + [2] * 10 + [3] * 20 + [4] * 3)
    gate = PerClass.calibrated(torch.randn(43, generator=generator), node_n, pool_N)
    promise = gate.promise(0.05, torch.tensor([1, 2, 3, 4]))
    assert (promise.alone, promise.pooled, promise.silent, promise.n) == (1, 2, 1, 43)
    assert promise.holds
    assert "For 1 class no image is ever turned away" in promise.sentence
    assert "are of one class" in gate.promise(0.05, torch.tensor([3]), given="of").sentence
    few = gate.promise(0.01, torch.tensor([1, 2, 3, 4]))
    assert not few.holds
    assert "at least 99 calibration images, and there are 43 in all" in few.sentence


def test_words_never_promise_that_unknown_images_are_noticed():
    assert "cannot be promised" in PerClassPromise(alpha=0.05, n=80, alone=1, pooled=3, silent=0).sentence


def test_what_does_not_fit_is_refused():
    pool_N = torch.tensor([0, 1])
    with pytest.raises(CalibrationError, match=r"shapes \(n,\), got \(3,\) and \(2,\)"):
        PerClass.calibrated(torch.zeros(3), torch.zeros(2, dtype=torch.int64), pool_N)
    with pytest.raises(CalibrationError, match="node ids from 0 to 1, got 0 to 2"):
        PerClass.calibrated(torch.zeros(2), torch.tensor([0, 2]), pool_N)
    with pytest.raises(CalibrationError, match="without NaN, got 1 NaN"):
        PerClass.calibrated(torch.tensor([float("nan")]), torch.tensor([0]), pool_N)
    gate = PerClass.calibrated(torch.zeros(2), torch.tensor([0, 1]), pool_N)
    with pytest.raises(CalibrationError, match="got -1 to 0"):
        gate.p_values(torch.zeros(2), torch.tensor([-1, 0]))
    with pytest.raises(CalibrationError, match="got alpha = 0"):
        gate.thresholds(0.0)
