"""Precision, recall and F1 of things found, from three counts, with one rule for what is missing.

- precision: the share of what was found that the reference has;
- recall: the share of what the reference has that was found;
- F1: their harmonic mean, ``2 right / (found + reference)``.

Where neither side has anything (two stars), they agree fully: all three are 1. Where one side alone has nothing, all
three are 0: a taxonomy without a single meta-class earns no precision for having claimed nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class PrecisionRecall(NamedTuple):
    """How much of what was found is right, and how much of what is right was found; each from 0 to 1."""

    precision: float
    recall: float
    f1: float


def precision_recall(*, right: float, found: float, reference: float) -> PrecisionRecall:
    """The three shares of ``right`` things among ``found`` and ``reference`` ones.

    >>> precision_recall(right=2, found=4, reference=3)
    PrecisionRecall(precision=0.5, recall=0.66..., f1=0.57...)
    >>> precision_recall(right=0, found=0, reference=0).f1, precision_recall(right=0, found=0, reference=3).precision
    (1.0, 0.0)
    """
    if found == reference == 0:
        return PrecisionRecall(1.0, 1.0, 1.0)
    if found == 0 or reference == 0:
        return PrecisionRecall(0.0, 0.0, 0.0)
    return PrecisionRecall(right / found, right / reference, 2 * right / (found + reference))
