from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hierclf.decisions import Decisions
from hierclf.evaluation.mistakes import MOST_MISTAKES
from tests.conftest import TWO_LEVEL
from tests.evaluation.conftest import build_case
from tests.evaluation.test_judgement import judge


def test_the_worst_come_first_by_hand(by_hand):
    told = [(mistake.truth, mistake.decided, mistake.severity, mistake.index) for mistake in judge(by_hand).mistakes]
    assert told == [("a", "dot", 2, 3), ("other", "a", 2, 6), ("0", "1", 1, 1)]
    worst = judge(by_hand).mistakes[0]
    assert (worst.image, worst.status, worst.probability, worst.reason) == ("3.png", "known", 0.9, "reason 3")


def test_what_is_called_novel_in_the_wrong_place_is_a_mistake_after_the_wrong_answers(by_hand):
    rows = list(by_hand.decisions)
    rows[2] = replace(rows[2], status="novel_child")  # a known "1" called an unknown digit: the price of the promise
    rows[3] = replace(rows[3], status="novel_child", node="digit")  # a known "a" called an unknown digit
    rows[7] = replace(rows[7], status="novel_child", node="digit")  # an image of other called an unknown digit
    by_hand.decisions = Decisions(rows)
    told = [(mistake.truth, mistake.decided, mistake.status, mistake.index) for mistake in judge(by_hand).mistakes]
    assert told == [
        ("other", "a", "known", 6),
        ("0", "1", "known", 1),
        ("a", "digit", "novel_child", 3),
        ("other", "digit", "novel_child", 7),
    ]


@pytest.mark.parametrize(
    ("status", "node", "listed"),
    [
        ("known", "0", True),
        ("ambiguous", "digit", True),
        ("ambiguous", "character", True),  # it says: one of the known ones
        ("novel_child", "digit", False),
        ("novel_child", "letter", True),
        ("other", "character", False),
        ("uncertain", "0", False),
    ],
)
def test_what_counts_as_wrong_about_an_image_that_is_new_below_a_node(by_hand, status, node, listed):
    rows = list(by_hand.decisions)
    rows[0] = replace(rows[0], status=status, node=node)
    by_hand.decisions, by_hand.labels[0] = Decisions(rows), by_hand.taxonomy.index("digit")
    mistakes = judge(by_hand, novel_n=np.arange(9) == 0).mistakes
    assert [mistake.truth for mistake in mistakes if mistake.index == 0] == ["new under digit"] * listed


def test_no_more_are_listed_than_one_would_look_at():
    mistakes = judge(build_case(TWO_LEVEL, known=300, other=100)).mistakes
    assert len(mistakes) == MOST_MISTAKES
    keys = [(-mistake.severity, -mistake.probability) for mistake in mistakes]
    assert keys == sorted(keys)


def test_the_index_points_into_the_evaluated_set_also_after_unreadable_images(taxonomy):
    case = build_case(taxonomy, unreadable=(0, 1, 2))
    for mistake in judge(case).mistakes:
        assert mistake.image == f"{mistake.index}.png"
        assert mistake.decided == case.decisions[mistake.index].node
        label = case.labels[mistake.index]
        assert mistake.truth == (taxonomy.nodes[label] if label >= 0 else "other")
        assert mistake.probability == pytest.approx(case.decisions[mistake.index].probability)
