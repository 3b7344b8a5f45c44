"""The numbers of an evaluation as lines of a table: ours, the baseline's, and which of the two is better.

What each number means comes from the metrics' own glossary, so that a report and a terminal say the same words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hierclf.metrics import MEASURES, Measure
from hierclf.report.numbers import UNDEFINED, count, decimal, defined, percent

RECOGNISING = (
    "leaf_accuracy",
    "level_accuracy",
    "severity",
    "hierarchical_distance_at_1",
    "hierarchical_distance_at_5",
    "hierarchical_precision",
    "hierarchical_recall",
    "hierarchical_f1",
    "coverage",
    "correct_or_ancestor",
    "correct_when_accepted",
)
REJECTING = (
    "known_rejected",
    "known_called_novel",
    "unknown_accepted",
    "unknown_accepted_at_95_known",
    "known_rejected_at_95_unknown",
    "auroc_other",
    "aupr_other",
    "oscr",
)
PLACING = (
    "novel_at_its_node",
    "novel_accepted",
    "auroc_novel",
    "known_novel_area",
    "balanced_accuracy",
    "balanced_accuracy_novel",
    "balanced_accuracy_mix",
    "balanced_distance_known",
    "balanced_distance_novel",
    "balanced_distance_mix",
)
"""What images of new kinds are needed for; without any, some of these are among the further numbers."""
TOLD_ELSEWHERE = (
    *("n_known", "n_other", "n_novel", "alpha", "known_rejected_standard_error"),
    *("drift_statistic", "drift_p_value", "drifted"),
)
LEVEL_WORDS = "known images whose most probable node of this level is right; level 1 is just under the root"


@dataclass(frozen=True, kw_only=True)
class MeasureRow:
    """A line of the table; ``winner`` is ``"ours"``, ``"baseline"`` or empty."""

    title: str
    words: str
    ours: str
    baseline: str
    winner: str
    better: str


def measure_rows(
    names: tuple[str, ...], ours: Mapping[str, Any], baseline: Mapping[str, Any] | None
) -> tuple[MeasureRow, ...]:
    """The lines for those metrics that either side knows; accuracy per level takes one line per level."""
    baseline = baseline or {}
    rows: list[MeasureRow] = []
    for name in names:
        mine, theirs = ours.get(name), baseline.get(name)
        if name == "level_accuracy":
            rows += _level_rows(list(mine or ()), list(theirs or ()))
        elif defined(mine) is not None or defined(theirs) is not None:
            rows.append(_row(MEASURES[name], mine, theirs))
    return tuple(rows)


def further_rows(
    ours: Mapping[str, Any],
    baseline: Mapping[str, Any] | None,
    shown: Collection[str] = (*RECOGNISING, *REJECTING),
) -> tuple[MeasureRow, ...]:
    """All metrics that no table shows, so that nothing is hidden; one that the glossary lacks goes by its own name."""
    told = {*shown, *TOLD_ELSEWHERE}
    return tuple(
        _row(MEASURES.get(name, Measure(name, "number", "")), value, (baseline or {}).get(name))
        for name, value in ours.items()
        if name not in told and write_value(value, "number").strip(f"{UNDEFINED}, ")
    )


def write_value(value: Any, unit: str) -> str:
    """A number, or each of several, in the form of its unit: ``share``, ``count``, ``number`` or ``verdict``.

    >>> write_value([0.5, None], "share"), write_value(1200, "count")
    ('50.0\\u202f%, –', '1,200')
    """
    if isinstance(value, (list, tuple)):
        return ", ".join(write_value(one, unit) for one in value)
    if unit == "verdict" and value is not None:
        return "yes" if value else "no"
    if unit == "count":
        return count(value)
    return percent(value) if unit == "share" else decimal(value)


def _level_rows(ours: list[Any], baseline: list[Any]) -> list[MeasureRow]:
    levels = range(max(len(ours), len(baseline)))
    return [
        _row(
            Measure(f"Accuracy at level {level + 1}", "share", LEVEL_WORDS, "higher"),
            *(values[level] if level < len(values) else None for values in (ours, baseline)),
        )
        for level in levels
    ]


def _row(measure: Measure, ours: Any, baseline: Any) -> MeasureRow:
    mine, theirs = write_value(ours, measure.unit), write_value(baseline, measure.unit)
    one, other = defined(ours), defined(baseline)
    winner = ""
    if measure.better and one is not None and other is not None and mine != theirs:
        winner = "ours" if (one > other) == (measure.better == "higher") else "baseline"
    words = f"{measure.words[0].upper()}{measure.words[1:]}." if measure.words else ""
    return MeasureRow(
        title=measure.title, words=words, ours=mine, baseline=theirs, winner=winner, better=measure.better
    )
