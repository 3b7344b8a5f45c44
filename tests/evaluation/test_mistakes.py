from __future__ import annotations

from dataclasses import replace

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


def test_a_class_declared_novel_below_its_parent_is_a_mistake(by_hand):
    rows = list(by_hand.decisions)
    rows[2] = replace(rows[2], status="novel_child")  # a known "1" called an unknown digit
    by_hand.decisions = Decisions(rows)
    assert ("1", "digit", "novel_child") in [(m.truth, m.decided, m.status) for m in judge(by_hand).mistakes]


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
