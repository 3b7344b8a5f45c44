from __future__ import annotations

import numpy as np
import pytest

from hierclf.errors import ConfigError, DataError
from hierclf.training import divide


def parts_of(label_n, **options):
    settings = {"keep": 0.95, "calibration_share": 0.15, "seed": 0} | options
    return divide(np.asarray(label_n), **settings)


@pytest.mark.parametrize("count", [2, 3, 5, 17, 100, 5000])
def test_every_image_is_in_one_part(count):
    parts = parts_of(np.arange(count) % 3)
    together = np.concatenate([parts.fit, parts.tune, parts.calibration])
    assert sorted(together.tolist()) == list(range(count))
    assert len(parts.fit) >= 1
    assert len(parts.tune) >= 1


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (200, (122, 40, 38)),  # 38 = twice the 19 that a promise of 95 % needs
        (1000, (750, 100, 150)),  # the usual shares
        (40_000, (34_000, 4000, 2000)),  # more to calibrate on would buy nothing
        (60, (29, 12, 19)),  # the least that gives a gate
        (48, (19, 10, 19)),
        (47, (24, 9, 14)),  # a gate would take more than may be spared
        (20, (10, 4, 6)),  # as much as may be spared
    ],
)
def test_sizes(count, sizes):
    parts = parts_of(np.zeros(count, dtype=int))
    assert (len(parts.fit), len(parts.tune), len(parts.calibration)) == sizes


def test_a_stricter_promise_takes_more_images():
    label_n = np.zeros(1000, dtype=int)
    assert len(parts_of(label_n, keep=0.99).calibration) == 198
    assert len(parts_of(label_n, calibration_share=0.4).calibration) == 400


def test_a_share_that_leaves_too_little_to_learn_from_is_refused():
    with pytest.raises(ConfigError, match=r"calibration_share=0.75 leaves less than 20 % of the 1000 .* at most 0.7$"):
        parts_of(np.zeros(1000, dtype=int), calibration_share=0.75)
    assert len(parts_of(np.zeros(1000, dtype=int), calibration_share=0.7).fit) == 200


def test_classes_are_shared_out_in_proportion():
    label_n = np.repeat([1, 2, 3], [600, 300, 100])
    parts = parts_of(label_n)
    for places in (parts.fit, parts.tune, parts.calibration):
        np.testing.assert_allclose(np.bincount(label_n[places])[1:] / len(places), [0.6, 0.3, 0.1], atol=0.02)


def test_copies_stay_together():
    groups = np.arange(120) // 2
    parts = parts_of(np.zeros(120, dtype=int), groups=groups)
    for one, two in ((parts.fit, parts.tune), (parts.fit, parts.calibration), (parts.tune, parts.calibration)):
        assert not set(groups[one]) & set(groups[two])


def test_the_seed_decides():
    label_n = np.arange(100) % 4
    np.testing.assert_array_equal(parts_of(label_n).fit, parts_of(label_n).fit)
    assert not np.array_equal(parts_of(label_n).fit, parts_of(label_n, seed=1).fit)


@pytest.mark.parametrize(("count", "groups"), [(1, None), (5, np.zeros(5, dtype=int))])
def test_one_image_is_too_few_however_often_it_comes(count, groups):
    with pytest.raises(DataError, match="at least two different known images to learn from, got 1 sample"):
        parts_of(np.zeros(count, dtype=int), groups=groups)
