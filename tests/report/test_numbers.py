import numpy as np
import pytest

from hierclf.report.numbers import count, decimal, defined, percent, percent_within, plural


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), "0.5", True, [0.5]])
def test_what_is_no_finite_number_is_undefined(nothing):
    assert defined(nothing) is None
    assert percent(nothing) == count(nothing) == decimal(nothing) == "–"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0\u202f%"), (1.0, "100.0\u202f%"), (0.0004, "<\u202f0.1\u202f%"), (np.float32(0.25), "25.0\u202f%")],
)
def test_percent(share, text):
    assert percent(share) == text


def test_a_standard_error_is_in_percentage_points():
    assert percent_within(0.0442, 0.0059) == "4.4 ± 0.6\u202f%"
    assert percent_within(0.0442, None) == "4.4\u202f%"
    assert percent_within(None, 0.01) == "–"


def test_decimals_of_any_size():
    assert [decimal(value) for value in (0, -1.5, 1234.5, 3e-9)] == ["0.000", "-1.500", "1,234.500", "3e-09"]


def test_plural():
    assert [plural(number, "image") for number in (0, 1, 2000)] == ["0 images", "1 image", "2,000 images"]
