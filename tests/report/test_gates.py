import re

import numpy as np
import pytest

from hierclf.evaluation import NO_LEAF as STATUSES
from hierclf.evaluation import GateReport
from hierclf.report import confusion
from hierclf.report.gates import MOST_GATES, SMALL_BINS, SMALL_HEIGHT, gate_rows, small_bars


def gate(node="digit", **changes):
    fields = {
        "expected": 0.9125,
        "expected_error": 0.0131,
        "forgotten": 10,
        "scores": ("knn", "gen"),
        "known": 300,
        "known_here": 0.043,
        "novel": 20,
        "novel_here": 0.65,
        "novel_accepted": 0.25,
        "auroc": 0.881,
        "known_surprise": np.arange(30.0),
        "novel_surprise": np.arange(20.0, 40),
    }
    return GateReport(node=node, level=1, **fields | changes)


def test_a_row_tells_what_was_expected_and_what_was_measured():
    (row,) = gate_rows((gate(),))
    assert (row.expected, row.measured, row.scores) == ("0.912 ± 0.013", "0.881", "knn + gen")
    assert (row.known_here, row.novel_here, row.accepted) == ("4.3\u202f%", "65.0\u202f%", "25.0\u202f%")
    assert row.hint == "expected from 10 children forgotten in turn; measured on 20 unknown and 300 known images"


def test_a_gate_about_which_nothing_is_known_is_a_row_of_dashes():
    (row,) = gate_rows((GateReport(node="root", level=0),))
    assert {row.expected, row.measured, row.known_here, row.novel_here, row.accepted} == {"–"}
    assert (row.bars, row.hint) == ((), "")


def test_gates_with_unknown_images_are_listed_first_when_there_are_too_many():
    gates = [gate(str(place), novel=int(place == 99)) for place in range(100)]
    rows = gate_rows(tuple(gates))
    assert [row.node for row in rows] == [*map(str, range(MOST_GATES - 1)), "99"]


@pytest.mark.parametrize("novel", [[], [5.0] * 7, [100.0, 200.0]])
def test_bars_are_drawn_on_one_scale_and_each_group_fills_the_height(novel):
    bars = small_bars([0.0, 0.1, 0.2, 0.2, 3.0], novel)
    assert [group.style for group in bars] == [1, 2][: len(bars)]
    for group in bars:
        tops = [float(top) for top in re.findall(r"V([\d.]+)H", group.path)]
        assert len(tops) == SMALL_BINS
        assert min(tops) == 0
        assert max(tops) <= SMALL_HEIGHT


def test_the_report_knows_the_same_statuses_as_the_evaluation():
    assert tuple(confusion.NO_LEAF) == STATUSES
