from __future__ import annotations

import numpy as np
import pytest

from hierclf.data.pixels import as_uint8, check_picture_axes
from hierclf.errors import DataError


def test_uint8_is_not_copied():
    pixels = np.arange(6, dtype=np.uint8)
    assert np.shares_memory(as_uint8(pixels), pixels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_level_survives_a_trip_through_floats(dtype):
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(as_uint8((levels / 255).astype(dtype)), levels)


def test_booleans_are_black_and_white():
    assert as_uint8(np.array([False, True])).tolist() == [0, 255]


@pytest.mark.parametrize("bad", [[0.0, 1.01], [-0.1, 0.5], [np.nan, 0.5], [0.0, 255.0]])
def test_floats_outside_the_range_are_refused(bad):
    with pytest.raises(DataError, match=r"floats in 0\.\.1, got float64 from"):
        as_uint8(np.array(bad))


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.int8])
def test_other_integers_are_refused(dtype):
    with pytest.raises(DataError, match=f"got {np.dtype(dtype)}; convert them"):
        as_uint8(np.array([1, 2], dtype=dtype))


def test_no_pixels_at_all():
    assert as_uint8(np.empty((0, 3, 3))).shape == (0, 3, 3)


@pytest.mark.parametrize(
    ("shape", "first", "words"),
    [
        ((5, 8), False, "a leading axis"),
        ((5,), False, "at least one row"),
        ((5, 0, 4), False, "at least one row"),
        ((32, 30, 3), False, "a leading axis"),
        ((5, 3, 8, 9), False, r"transpose\(0, 2, 3, 1\)"),
        ((5, 8, 9, 3), True, r"permute\(0, 3, 1, 2\)"),
        ((5, 8, 9, 4), False, "must be 1 or 3"),
    ],
)
def test_axes_that_are_no_pictures(shape, first, words):
    with pytest.raises(DataError, match=words):
        check_picture_axes(shape, channels_first=first, expected="images")


@pytest.mark.parametrize(
    ("shape", "first"),
    [((5, 8, 9), False), ((5, 8, 9, 1), False), ((5, 8, 9, 3), False), ((5, 3, 8, 9), True), ((3, 8, 9), True)],
)
def test_axes_of_pictures(shape, first):
    check_picture_axes(shape, channels_first=first, expected="images")
