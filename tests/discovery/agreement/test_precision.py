from __future__ import annotations

import pytest

from hierclf.discovery.agreement import precision_recall


@pytest.mark.parametrize(("right", "found", "reference"), [(1, 2, 4), (3, 3, 3), (0, 2, 5)])
def test_f1_is_the_harmonic_mean(right, found, reference):
    scores = precision_recall(right=right, found=found, reference=reference)
    assert scores[:2] == (right / found, right / reference)
    harmonic = 2 / (1 / scores.precision + 1 / scores.recall) if right else 0.0
    assert scores.f1 == pytest.approx(harmonic)


def test_nothing_on_both_sides_agrees_and_on_one_side_does_not():
    assert precision_recall(right=0, found=0, reference=0) == (1, 1, 1)
    assert precision_recall(right=0, found=0, reference=2) == (0, 0, 0)
    assert precision_recall(right=0, found=2, reference=0) == (0, 0, 0)
