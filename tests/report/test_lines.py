import numpy as np

from hierclf.report.axes import BOTTOM, LEFT, RIGHT, TOP, Axis
from hierclf.report.lines import MOST_POINTS, line_chart

X, Y = Axis(label="x", low=0, high=1), Axis(label="y", low=0, high=1, upright=True)


def draw(xs, ys):
    return line_chart([("curve", xs, ys)], X, Y, title="A curve", reading="It rises.")


def test_a_diagonal_runs_from_corner_to_corner():
    chart = draw([0, 1], [0, 1])
    assert chart.lines[0].path == f"M{LEFT} {BOTTOM}L{RIGHT} {TOP}"
    assert chart.lines[0].dots == ((LEFT, BOTTOM), (RIGHT, TOP))


def test_points_that_are_not_finite_are_left_out():
    assert draw([0, 0.5, 1], [0, np.nan, 1]).lines == draw([0, 1], [0, 1]).lines


def test_a_curve_without_two_points_is_no_chart():
    assert draw([], []) is None
    assert draw([0.5], [0.5]) is None
    assert draw([0, 1], [np.nan, np.inf]) is None


def test_a_million_points_make_a_short_path_with_both_ends():
    xs = np.linspace(0, 1, 1_000_000)
    path = draw(xs, np.sin(90 * xs) / 2 + 0.5).lines[0].path
    assert path.count("L") < MOST_POINTS
    assert path.startswith(f"M{LEFT} ")
    assert path.rsplit("L", 1)[1].startswith(f"{RIGHT} ")
