"""The gates at the nodes, drawn: how well each was expected to notice newcomers, how well it did, and what it saw."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierclf.report.numbers import decimal, defined, percent

if TYPE_CHECKING:
    from hierclf.evaluation import GateReport

MOST_GATES = 60
"""A report lists at most so many gates by name; the rest are counted."""

SMALL_WIDTH, SMALL_HEIGHT, SMALL_BINS = 150, 34, 25
"""Of the small histogram in a gate's row."""


@dataclass(frozen=True, kw_only=True)
class SmallBars:
    """The outline of one group's bars in a gate's small histogram."""

    style: int
    path: str


@dataclass(frozen=True, kw_only=True)
class GateRow:
    """A gate as a line of the table; numbers that are not there are dashes."""

    node: str
    scores: str
    expected: str
    measured: str
    known: int
    known_here: str
    novel: int
    novel_here: str
    accepted: str
    bars: tuple[SmallBars, ...]
    hint: str


def gate_rows(gates: tuple[GateReport, ...]) -> tuple[GateRow, ...]:
    """The table of the gates, the root first, at most `MOST_GATES` of them: those with unknown images come first."""
    listed = sorted(range(len(gates)), key=lambda place: (not gates[place].novel, place))[:MOST_GATES]
    return tuple(_row(gates[place]) for place in sorted(listed))


def within(value: Any, error: Any) -> str:
    """A number with its standard error, ``0.912 ± 0.013``; without one, the number alone.

    >>> within(0.9125, 0.0131), within(0.9, float("nan")), within(float("nan"), 0.1)
    ('0.912 ± 0.013', '0.900', '–')
    """
    if defined(value) is None or defined(error) is None:
        return decimal(value)
    return f"{decimal(value)} ± {decimal(error)}"


def small_bars(known: Any, novel: Any) -> tuple[SmallBars, ...]:
    """Histograms of surprise on one scale, each group's highest bar as high as the drawing; nothing without any image.

    Args:
        known: surprise of known images, any shape.
        novel: the same of unknown ones; may be empty.
    """
    groups = [(style, np.asarray(values, dtype=np.float64).ravel()) for style, values in ((1, known), (2, novel))]
    groups = [(style, values) for style, values in groups if len(values)]
    if not groups:
        return ()
    high = max(float(np.quantile(values, 0.99)) for _, values in groups)
    low = min(float(values.min()) for _, values in groups)
    edges = np.linspace(low, high if high > low else low + 1, SMALL_BINS + 1)
    shares = [np.histogram(np.clip(values, low, edges[-1]), edges)[0] / len(values) for _, values in groups]
    across = np.round(np.linspace(0, SMALL_WIDTH, SMALL_BINS + 1), 1)
    drawn = []
    for (style, _), share in zip(groups, shares, strict=True):
        heights = np.round(SMALL_HEIGHT * (1 - share / share.max()), 1)
        steps = "".join(f"V{heights[place]:g}H{across[place + 1]:g}" for place in range(SMALL_BINS))
        drawn.append(SmallBars(style=style, path=f"M0 {SMALL_HEIGHT}{steps}V{SMALL_HEIGHT}Z"))
    return tuple(drawn)


def _row(gate: GateReport) -> GateRow:
    expected = within(gate.expected, gate.expected_error)
    forgotten = "1 child" if gate.forgotten == 1 else f"{gate.forgotten} children"
    told = [
        f"expected from {forgotten} forgotten in turn" if gate.forgotten else "",
        f"measured on {gate.novel} unknown and {gate.known} known images" if math.isfinite(gate.auroc) else "",
    ]
    return GateRow(
        node=gate.node,
        scores=" + ".join(gate.scores),
        expected=expected,
        measured=decimal(gate.auroc),
        known=gate.known,
        known_here=percent(gate.known_here),
        novel=gate.novel,
        novel_here=percent(gate.novel_here),
        accepted=percent(gate.novel_accepted),
        bars=small_bars(gate.known_surprise, gate.novel_surprise),
        hint="; ".join(part for part in told if part),
    )
