from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierclf.data.splits import part_sizes, stratified_split
from hierclf.errors import ConfigError, DataError

SHARES = st.lists(st.integers(0, 10), min_size=1, max_size=4).filter(sum).map(lambda w: tuple(x / sum(w) for x in w))
LABELS = st.lists(st.integers(-1, 5), max_size=80).map(lambda labels: np.array(labels, dtype=np.int64))


def split(labels, shares, seed=0, groups=None):
    return stratified_split(labels, shares, generator=np.random.default_rng(seed), groups=groups)


@given(LABELS, SHARES, st.integers(0, 99))
def test_parts_are_disjoint_complete_and_in_proportion(labels, shares, seed):
    parts = split(labels, shares, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    moved = 0
    for label in np.unique(labels):
        count = int((labels == label).sum())
        got = [int((labels[part] == label).sum()) for part in parts]
        if count >= 2:
            assert got[0] >= 1
        wanted = [count * size / len(labels) for size in part_sizes(len(labels), shares)]
        rescued = wanted[0] < 1 and got[0] == 1
        moved += rescued
        for have, want in zip(got[1:] if rescued else got, wanted[1:] if rescued else wanted, strict=True):
            # one for the rounding of each sweep, one for an image moved to the first part
            assert abs(have - want) < len(shares) + rescued
    for part, size in zip(parts, part_sizes(len(labels), shares), strict=True):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
        assert abs(len(part) - size) <= moved


def test_two_parts_are_within_one_image_of_proportion():
    labels = np.repeat(np.arange(30), np.arange(2, 32))
    train, test = split(labels, (0.7, 0.3))
    assert (len(train), len(test)) == part_sizes(len(labels), (0.7, 0.3))
    exact = np.bincount(labels) * len(train) / len(labels)
    assert (np.abs(np.bincount(labels[train]) - exact) < 1).all()


def test_every_image_has_the_same_chance_of_each_part():
    labels = np.array([0] * 7 + [1] * 2 + [2] * 11)
    hits = np.zeros((3, len(labels)))
    rounds = 4000
    for seed in range(rounds):
        for part, places in enumerate(split(labels, (0.6, 0.2, 0.2), seed)):
            hits[part, places] += 1
    chance = hits / rounds
    for part, share in enumerate((0.6, 0.2, 0.2)):
        assert np.abs(chance[part] - share).max() < 5 * np.sqrt(share * (1 - share) / rounds)


def test_the_same_seed_gives_the_same_parts_and_another_seed_others():
    labels = np.repeat([0, 1], 20)
    one, two, three = (split(labels, (0.5, 0.5), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], three[0])


@given(LABELS, st.integers(0, 99))
def test_copies_stay_together(labels, seed):
    groups = np.random.default_rng(seed).integers(0, 8, len(labels))
    parts = split(labels, (0.6, 0.2, 0.2), seed, groups)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    where = [set(groups[part].tolist()) for part in parts]
    assert sum(map(len, where)) == len(set().union(*where))


def test_groups_of_one_change_nothing():
    labels = np.repeat([0, 1, 2], 9)
    plain, grouped = split(labels, (0.5, 0.5)), split(labels, (0.5, 0.5), groups=np.arange(27))
    assert all(np.array_equal(a, b) for a, b in zip(plain, grouped, strict=True))


@given(st.integers(0, 500), SHARES)
def test_sizes_add_up_and_are_within_one(count, shares):
    sizes = part_sizes(count, shares)
    assert sum(sizes) == count
    assert all(abs(size - count * share) < 1 + 1e-6 for size, share in zip(sizes, shares, strict=True))


def test_labels_may_be_text_and_empty():
    assert [len(part) for part in split(np.array(["a", "b", "a", "b"]), (0.5, 0.5))] == [2, 2]
    assert [len(part) for part in split([], (0.5, 0.5))] == [0, 0]


@pytest.mark.parametrize("shares", [(0.5, 0.6), (1.5, -0.5), (), (float("nan"), 0.5)])
def test_shares_that_are_none(shares):
    with pytest.raises(ConfigError, match="shares of at least 0 that add up to 1"):
        split([0, 1], shares)


def test_labels_that_are_not_one_per_image():
    with pytest.raises(DataError, match=r"labels of shape \(n,\), got \(2, 1\)"):
        split([[0], [1]], (0.5, 0.5))
    with pytest.raises(DataError, match="got 2 labels and 1 groups"):
        split([0, 1], (0.5, 0.5), groups=[0])
