import re

import numpy as np
import pytest

from hierclf.report.axes import BOTTOM, LEFT, RIGHT
from hierclf.report.histogram import BINS, gate_histogram


def heights(path):
    """Read the bars' tops back from the drawing, in its units above the ground."""
    return np.array([BOTTOM - float(top) for top in re.findall(r"V([\d.]+)H", path)])


def test_each_groups_bars_add_up_whatever_its_size():
    source = np.random.default_rng(0)
    chart = gate_histogram(source.random(100), source.random(10_000), 0.9)
    known, other = (heights(group.path) for group in chart.groups)
    assert len(known) == BINS
    assert known.sum() == pytest.approx(other.sum(), rel=0.02)


def test_the_reading_counts_what_is_turned_away():
    chart = gate_histogram([0, 1, 2, 3], [2, 3, 4, 5, 6], 2.5)
    assert chart.reading == (
        "25.0\u202f% of the known images and 80.0\u202f% of the other images lie to the right of the threshold and are"
        " turned away."
    )
    assert LEFT < chart.threshold < RIGHT


@pytest.mark.parametrize("threshold", [None, float("inf"), float("nan")])
def test_without_a_threshold_nothing_is_turned_away(threshold):
    chart = gate_histogram([0, 1], None, threshold)
    assert chart.threshold is None
    assert "nothing is turned away" in chart.reading


def test_no_scores_no_chart():
    assert gate_histogram([], None, 0.5) is None
    assert gate_histogram([np.nan, np.inf], [], 0.5) is None


def test_other_alone_is_drawn():
    assert [group.name for group in gate_histogram(None, [1.0, 2.0], 0.0).groups] == ["other images (2)"]


def test_scores_far_away_do_not_squeeze_the_known_ones():
    source = np.random.default_rng(0)
    chart = gate_histogram(source.normal(size=500), np.full(40, 1e6), 2.0)
    assert "40 other images with larger scores" in chart.beyond
    assert (heights(chart.groups[0].path) > 0).sum() > 5


def test_equal_scores_and_uneven_bars():
    assert gate_histogram([3.0, 3.0], [3.0], 3.0) is not None
    uneven = gate_histogram([0.0] * 10_000 + list(np.linspace(0, 1, 200)), None, 0.9)
    assert "logarithmic" in uneven.y_label


def test_images_of_new_kinds_are_a_third_group():
    chart = gate_histogram([0, 1, 2, 3], [4, 5], 2.5, novel=[2.0, 3.0])
    assert [(group.name, group.style) for group in chart.groups] == [
        ("known images (4)", 1),
        ("other images (2)", 2),
        ("images of new kinds (2)", 3),
    ]
    shares = "25.0% of the known images, 100.0% of the other images and 50.0% of the images of new kinds lie"
    assert chart.reading.replace("\u202f", "").startswith(shares)
    far = gate_histogram(np.linspace(0, 1, 500), None, 0.5, novel=[1e6])
    assert "1 image of new kinds with larger scores" in far.beyond


def test_where_something_else_decides_that_is_said():
    chart = gate_histogram([0, 1], [2], None, reading="The folds decide.")
    assert (chart.reading, chart.threshold) == ("The folds decide.", None)
