import numpy as np
import pytest

from hierclf.report.axes import BOTTOM, LEFT, RIGHT, TOP, Axis, decades, round_numbers


def test_an_axis_runs_from_end_to_end_and_y_upwards():
    x, y = Axis(label="x", low=2, high=4), Axis(label="y", low=0, high=10, upright=True)
    np.testing.assert_allclose(x.place([2, 3, 4]), [LEFT, (LEFT + RIGHT) / 2, RIGHT])
    np.testing.assert_allclose(y.place([0, 10]), [BOTTOM, TOP])


def test_values_beyond_the_ends_lie_at_the_ends():
    np.testing.assert_allclose(Axis(label="x", low=0, high=1).place([-5, 5]), [LEFT, RIGHT])


def test_equal_factors_take_equal_room_on_a_logarithmic_axis():
    places = Axis(label="x", low=0.01, high=100, logarithmic=True).place([0.01, 0.1, 1, 10, 100])
    np.testing.assert_allclose(np.diff(places), (RIGHT - LEFT) / 4)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1e9, 1e9), (3.1, 3.2), (0, 1e-12), (-7, -2), (0.8, 1)])
def test_ticks_are_few_and_inside(low, high):
    ticks = round_numbers(low, high)
    assert 2 <= len(ticks) <= 6
    assert low - 1e-9 * (high - low) <= ticks[0]
    assert ticks[-1] <= high + 1e-9 * (high - low)


def test_shares_are_written_as_percentages():
    assert [tick.text for tick in Axis(label="x", low=0, high=1, share=True).ticks][:2] == ["0\u202f%", "20\u202f%"]


def test_many_decades_are_thinned():
    assert len(decades(1e-30, 1)) <= 8
