from __future__ import annotations

import json
from math import inf

import numpy as np
import pytest
import torch

from hierclf.errors import BundleError, CalibrationError, UnknownName
from hierclf.gates import (
    Average,
    BothSides,
    Confident,
    Cross,
    ForEachClass,
    Statistic,
    Unbound,
    checked_keep,
    guarantees,
)
from hierclf.gates.guarantee import alpha_of, loaded_guarantee, lowered, stored_guarantee
from hierclf.promises import confident_rank


def statistic(scores, nodes=None, folds=None):
    score_B = torch.as_tensor(scores, dtype=torch.float64)
    node_B = torch.zeros(len(score_B), dtype=torch.int64) if nodes is None else torch.as_tensor(nodes)
    fold_BK = score_B.new_zeros(len(score_B), 0) if folds is None else torch.as_tensor(folds, dtype=torch.float64)
    return Statistic(score_B=score_B, node_B=node_B, fold_BK=fold_BK)


def made(name, generator, n=100, keep=0.9):
    """A promise of each kind on n normal scores."""
    scores = torch.randn(n, generator=generator, dtype=torch.float64)
    ascending = scores.sort().values
    kinds = {
        "average": lambda: Average(keep=keep, scores=ascending),
        "confident": lambda: Confident(keep=keep, scores=ascending, confidence=0.9),
        "per_class": lambda: ForEachClass(
            keep=keep,
            scores=scores,
            nodes=1 + torch.arange(n) % 2,
            pools=torch.tensor([0, 1, 2]),
            leaves=torch.tensor([1, 2]),
        ),
        "cross": lambda: Cross(keep=keep, scores=scores, folds=torch.arange(n) % 4),
        "two_sided": lambda: BothSides(keep=keep, scores=ascending, other=ascending + 3, other_accepted=0.2),
        "none": lambda: Unbound(keep=keep, scores=ascending),
    }
    return kinds[name]()


EVERY = pytest.mark.parametrize("name", list(guarantees.names))


def asked(name, generator, count=400):
    scores = 2 * torch.randn(count, generator=generator, dtype=torch.float64)
    folds = scores[:, None] + 0.1 * torch.randn(count, 4, generator=generator, dtype=torch.float64)
    return statistic(scores, 1 + torch.arange(count) % 2, folds if name == "cross" else None)


def slow_p_values(guarantee, new):
    """Calibration images that score at least as high, one by one, themselves included."""
    found = []
    for row in range(len(new)):
        old = [float(s) + 1e-5 * max(1.0, abs(float(s))) for s in guarantee.scores]
        score = float(new.score_B[row])
        if isinstance(guarantee, ForEachClass):
            old = [s for s, node in zip(old, guarantee.nodes, strict=True) if node == new.node_B[row]]
        if isinstance(guarantee, Cross):
            above = sum(s >= float(new.fold_BK[row, fold]) for s, fold in zip(old, guarantee.folds, strict=True))
        else:
            above = sum(s >= score for s in old)
        found.append((1 + above) / (1 + len(old)))
    return found


@EVERY
def test_p_values_are_counts(name, generator):
    guarantee, new = made(name, generator), asked(name, generator, 60)
    p_value_B = guarantee.p_value(new)
    assert p_value_B.dtype == torch.float64
    np.testing.assert_allclose(p_value_B, slow_p_values(guarantee, new), atol=1e-12)


@pytest.mark.parametrize("name", ["average", "confident", "two_sided", "none"])
def test_level_and_threshold_turn_away_the_same_images(name, generator):
    guarantee, new = made(name, generator), asked(name, generator)
    away_B = guarantee.p_value(new) <= guarantee.level
    assert torch.equal(away_B, new.score_B > guarantee.threshold)
    assert away_B.any() == (name != "none")


def test_nobody_above_the_threshold_for_each_class_is_let_in(generator):
    guarantee, new = made("per_class", generator), asked("per_class", generator)
    away_B = guarantee.p_value(new) <= guarantee.level
    assert away_B[new.score_B > guarantee.threshold].all()
    assert 0 < away_B.sum() < len(new)


@EVERY
def test_shares_are_the_decimals_that_were_written(name, generator):
    guarantee = made(name, generator, keep=0.95)
    assert guarantee.keep == 0.95
    assert guarantee.level <= 0.05
    assert alpha_of(guarantee.keep) == 0.05
    assert len(guarantee.scores) == 100


def test_a_confident_promise_turns_away_fewer(generator):
    scores = torch.randn(200, generator=generator, dtype=torch.float64).sort().values
    average, confident = Average(keep=0.95, scores=scores), Confident(keep=0.95, scores=scores)
    assert confident.threshold > average.threshold
    rank = confident_rank(200, 0.05, 0.05)
    assert confident.level == pytest.approx(rank / 201)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("average", "At most 10 % of known images are turned away on the whole way from the root to a leaf, by all 3"),
        ("confident", "With 90 % confidence, at most 10 % of known images are turned away by this very model"),
        ("per_class", "Of the known images that are taken for one class, at most 10 % are turned away, for each of 2"),
        ("cross", "As a rule about 10 % of known images are turned away; at most"),
        ("two_sided", "10 %"),
        ("none", "Nothing is promised: an image is turned away where it most likely belongs to none"),
    ],
)
def test_promises_in_words(name, words, generator):
    promise = made(name, generator).promise(3)
    assert promise.holds
    assert words in promise.sentence


@pytest.mark.parametrize("name", ["average", "confident", "per_class", "cross", "two_sided"])
def test_too_few_images_turn_nobody_away_and_it_is_said(name, generator):
    guarantee = made(name, generator, n=8, keep=0.99)
    far = statistic([1e9] * 3, [1] * 3, [[1e9] * 4] * 3)
    assert (guarantee.p_value(far) > guarantee.level).all()
    if name != "cross":
        assert guarantee.threshold == inf
    promise = guarantee.promise(2)
    assert not promise.holds
    assert "ever turn" in promise.sentence or "ever called other" in promise.sentence
    assert "8" in promise.sentence


def test_one_gate_is_called_one(generator):
    assert "whole way" not in made("average", generator).promise(1).sentence


@pytest.mark.parametrize("nudge", [-1e-6, 0.0, 1e-6])
@pytest.mark.parametrize("name", ["average", "confident", "two_sided", "none"])
def test_rounding_tells_no_calibration_image_from_itself(name, nudge, generator):
    guarantee = made(name, generator)
    rounded = guarantee.p_value(statistic(guarantee.scores + nudge))
    assert torch.equal(rounded, guarantee.p_value(statistic(guarantee.scores)))
    assert (rounded >= torch.arange(101, 1, -1).double() / 101).all()


def test_between_two_thresholds_it_is_uncertain(generator):
    guarantee = made("two_sided", generator)
    new = asked("two_sided", generator)
    lower, upper = guarantee.zones.lower, guarantee.zones.upper
    assert torch.equal(guarantee.uncertain(new), (new.score_B >= min(lower, upper)) & (new.score_B <= upper))
    assert guarantee.threshold == upper
    torch.testing.assert_close(lowered(torch.tensor([2.0, 1.0])), torch.tensor([1.0, 2.0]).double(), atol=1e-4, rtol=0)
    assert (lowered(torch.tensor([2.0, 1.0])) < torch.tensor([1.0, 2.0])).all()
    # an image of other is never held to be more ordinary than itself
    assert not (guarantee.other.double() < lowered(guarantee.other)).any()


# ------------------------------------------------------------------------------------------------------------ storing


@EVERY
def test_promises_survive_a_file(name, generator):
    guarantee, new = made(name, generator), asked(name, generator)
    settings, tensors = stored_guarantee(guarantee)
    assert settings["name"] == name
    again = loaded_guarantee(json.loads(json.dumps(settings)), tensors)
    assert type(again) is type(guarantee)
    assert torch.equal(again.p_value(new), guarantee.p_value(new))
    assert (again.level, again.threshold, again.keep) == (guarantee.level, guarantee.threshold, guarantee.keep)
    assert again.promise(2).sentence == guarantee.promise(2).sentence


@pytest.mark.parametrize(
    ("settings", "tensors", "error", "message"),
    [
        ({"name": "avrage"}, {}, UnknownName, "no promise named 'avrage'; did you mean 'average'"),
        ({"name": "confident"}, {}, BundleError, "the stored promise 'confident' is not whole; save the model anew"),
        ({"more": 1}, {}, BundleError, "the stored promise 'average' is not whole"),
        ({"keep": 1.5}, {}, CalibrationError, "keep .* above 0 and below 1, got 1.5"),
        ({}, {"scores": torch.zeros(2, 2)}, BundleError, "holds scores of the wrong shape, or NaN"),
        ({}, {"scores": torch.tensor([torch.nan])}, BundleError, "holds scores of the wrong shape, or NaN"),
        ({}, {"scores": torch.zeros(2), "x": torch.zeros(2)}, BundleError, "is not whole"),
    ],
)
def test_stored_promises_that_are_not_whole_are_refused(settings, tensors, error, message):
    whole = {"name": "average", "keep": 0.9}
    with pytest.raises(error, match=message):
        loaded_guarantee(whole | settings, {"scores": torch.zeros(3).double()} | tensors)


@pytest.mark.parametrize("keep", [0.0, 1.0, -0.1, float("nan")])
def test_shares_out_of_range_are_refused(keep):
    with pytest.raises(CalibrationError, match=r"expected keep .* above 0 and below 1, got"):
        checked_keep(keep)
    assert checked_keep(0.5) == 0.5


# --------------------------------------------------------------------------------------------------------- resampling


def away(guarantee, new):
    return float((guarantee.p_value(new) <= guarantee.level).double().mean())


def drawn(random, n):
    """Surprises of three gates on one route, and what images are taken for; the strangest step is the statistic."""
    steps = random.exponential(size=(n, 3))
    return torch.from_numpy(steps), torch.from_numpy(random.integers(1, 3, n))


@pytest.mark.parametrize("name", ["average", "confident", "per_class", "two_sided"])
def test_promises_hold_over_200_calibration_sets_and_gates_one_by_one_break_them(name):
    random, alpha, n = np.random.default_rng(0), 0.1, 60
    shares, apart, broken = [], [], 0
    for _ in range(200):
        old, old_node = drawn(random, n)
        new, new_node = drawn(random, 1000)
        scores = old.amax(1)
        if name == "per_class":
            guarantee = ForEachClass(
                keep=0.9, scores=scores, nodes=old_node, pools=torch.arange(3), leaves=torch.tensor([1, 2])
            )
        elif name == "two_sided":
            guarantee = BothSides(keep=0.9, scores=scores.sort().values, other=scores.sort().values + 2)
        else:
            guarantee = guarantees[name](keep=0.9, scores=scores.sort().values)
        share = away(guarantee, Statistic(score_B=new.amax(1), node_B=new_node, fold_BK=new[:, :0]))
        shares.append(share)
        broken += share > alpha
        apart.append(float((new > torch.from_numpy(np.quantile(old, 1 - alpha, axis=0))).any(1).double().mean()))
    error = np.std(shares, ddof=1) / len(shares) ** 0.5
    assert np.mean(shares) <= alpha + 2 * error
    assert np.mean(shares) >= 0.02
    assert np.mean(apart) > 2 * alpha  # three gates with a quantile each
    if name == "confident":
        assert broken / 200 <= 0.05 + 2 * (0.05 * 0.95 / 200) ** 0.5
    else:
        assert broken / 200 > 0.2  # on average says nothing about the one at hand
