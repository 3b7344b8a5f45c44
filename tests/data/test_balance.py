from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierclf.data.balance import BALANCES, class_balance
from hierclf.errors import ConfigError, DataError

LABELS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=40)


def balance(labels, how, **options):
    return class_balance(labels, how, generator=np.random.default_rng(0), **options)


@given(LABELS)
def test_weights_make_every_class_count_the_same(labels):
    got = balance(labels, "weights")
    assert got.index.tolist() == list(range(len(labels)))
    assert got.weight.mean() == pytest.approx(1)
    totals = [got.weight[np.array(labels) == label].sum() for label in set(labels)]
    np.testing.assert_allclose(totals, totals[0])


@given(LABELS, st.floats(0, 0.9999))
def test_effective_number_is_the_sum_of_a_geometric_series(labels, beta):
    weights = np.array([1 / sum(beta**power for power in range(labels.count(label))) for label in labels])
    np.testing.assert_allclose(balance(labels, "effective", beta=beta).weight, weights / weights.mean(), rtol=1e-6)


@given(LABELS)
def test_oversampling_keeps_every_image_and_repeats_them_evenly(labels):
    got = balance(labels, "oversample")
    times = Counter(got.index.tolist())
    largest = max(Counter(labels).values())
    assert set(times) == set(range(len(labels)))
    for label in set(labels):
        of_class = [times[place] for place, word in enumerate(labels) if word == label]
        assert sum(of_class) == largest
        assert max(of_class) - min(of_class) <= 1
    assert got.weight.tolist() == [1.0] * len(got.index)


@given(LABELS)
def test_undersampling_leaves_out_and_never_repeats(labels):
    got = balance(labels, "undersample")
    assert len(set(got.index.tolist())) == len(got.index)
    smallest = min(Counter(labels).values())
    assert Counter(labels[place] for place in got.index) == dict.fromkeys(labels, smallest)


def test_none_changes_nothing():
    got = balance([5, 5, -1], "none")
    assert (got.index.tolist(), got.weight.tolist()) == ([0, 1, 2], [1.0, 1.0, 1.0])


@pytest.mark.parametrize("how", BALANCES)
def test_no_image_and_one_to_ten_thousand(how):
    assert len(balance([], how).index) == 0
    got = balance([0] * 10_000 + [1], how)
    assert np.isfinite(got.weight).all()
    assert len(got.index) == {"oversample": 20_000, "balanced_batches": 10_002, "undersample": 2}.get(how, 10_001)


def test_chance_comes_from_the_generator():
    labels = [0] * 50 + [1] * 5
    one, two = (class_balance(labels, "undersample", generator=np.random.default_rng(seed)).index for seed in (0, 1))
    assert not np.array_equal(one, two)
    assert np.array_equal(one, balance(labels, "undersample").index)


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="did you mean 'oversample'"):
        balance([0], "oversampel")
    with pytest.raises(ConfigError, match="beta of at least 0 and below 1, got 1"):
        balance([0], "effective", beta=1)
    with pytest.raises(DataError, match=r"got \(1, 1\)"):
        balance([[0]], "weights")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 16])
def test_every_batch_holds_every_class_equally_often(size):
    labels = ["a"] * 11 + ["b"] * 2 + ["c"] * 7
    balance = class_balance(labels, "balanced_batches", generator=np.random.default_rng(0))
    order = [labels[place] for place in balance.index]
    assert len(order) == 21
    for start in range(len(order) - size + 1):  # wherever a batch begins
        counts = [order[start : start + size].count(name) for name in "abc"]
        assert max(counts) - min(counts) <= 1


def test_balanced_batches_repeat_small_classes_evenly_and_show_a_part_of_large_ones():
    labels = ["a"] * 11 + ["b"] * 2 + ["c"] * 7
    balance = class_balance(labels, "balanced_batches", generator=np.random.default_rng(0))
    times = np.bincount(balance.index, minlength=20)
    assert sorted(times[:11]) == [0] * 4 + [1] * 7
    assert sorted(times[11:13]) == [3, 4]
    assert times[13:].tolist() == [1] * 7
    assert (balance.weight == 1).all()
    again = class_balance(labels, "balanced_batches", generator=np.random.default_rng(0))
    other = class_balance(labels, "balanced_batches", generator=np.random.default_rng(1))
    assert (again.index == balance.index).all()
    assert (other.index != balance.index).any()
