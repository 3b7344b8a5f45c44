"""The gate's histogram: how unknown known and other images look, and where the line is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hierclf.report.axes import BOTTOM, Axis, Tick
from hierclf.report.numbers import count, percent, plural

BINS = 60
UNEVEN = 40.0
"""When the highest bar is this many times the typical one, heights are drawn on a logarithmic scale."""

ROOM = 5.0
"""Room on each side for scores of other images, in spans of the known ones."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """One group of images: its name in the legend, its style's number and the outline of its bars."""

    name: str
    style: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """A drawing of score histograms with the threshold as a line."""

    reading: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    groups: tuple[Group, ...]
    threshold: float | None  # its place on the drawing
    beyond: str  # a sentence about scores outside the drawing, or empty


def gate_histogram(
    known: Any, other: Any, threshold: float | None, *, novel: Any = None, reading: str = ""
) -> Histogram | None:
    """Draw how the unknown scores of known and of unknown images are spread.

    Each group's bars add up to 100 %, so that groups of different size compare. The drawing is as wide as the known
    scores and the threshold need; scores beyond it are counted in the outermost bars, and the drawing says so.

    Args:
        known: unknown scores of known images, any shape; values that are not finite are left out.
        other: the same of images that are none of the classes; may be empty or None.
        threshold: scores above it are turned away; None or infinite draws no line.
        novel: scores of images of new kinds; may be empty or None.
        reading: what to say where something else than the threshold decides.

    Returns:
        The drawing, or None when there is no finite score.
    """
    groups = [
        ("known images", 1, _finite(known)),
        ("other images", 2, _finite(other)),
        ("images of new kinds", 3, _finite(novel)),
    ]
    groups = [group for group in groups if len(group[2])]
    if not groups:
        return None
    line = threshold if threshold is not None and np.isfinite(threshold) else None
    low, high = _range(groups[0][2], np.concatenate([scores for _, _, scores in groups]), line)
    edges = np.linspace(low, high, BINS + 1)
    shares = [np.histogram(np.clip(scores, low, high), edges)[0] / len(scores) for _, _, scores in groups]
    heights = np.concatenate(shares)
    typical, top = float(np.median(heights[heights > 0])), float(heights.max())
    logarithmic = top > UNEVEN * typical
    floor = min(0.5 / max(len(scores) for _, _, scores in groups), top / 10) if logarithmic else 0.0
    x = Axis(label="unknown score (further right looks more unknown)", low=low, high=high)
    y = Axis(
        label="share of the group" + (", logarithmic" if logarithmic else ""),
        low=floor,
        high=top * 1.05,
        upright=True,
        share=True,
        logarithmic=logarithmic,
    )
    return Histogram(
        reading=reading or _reading(groups, line),
        x_label=x.label,
        y_label=y.label,
        x_ticks=x.ticks,
        y_ticks=y.ticks,
        groups=tuple(
            Group(name=f"{name} ({count(len(scores))})", style=style, path=_bars(share, edges, x, y))
            for (name, style, scores), share in zip(groups, shares, strict=True)
        ),
        threshold=None if line is None else round(float(x.place(line)), 1),
        beyond=_beyond(groups, low, high),
    )


def _finite(scores: Any) -> np.ndarray:
    flat = np.asarray([] if scores is None else scores, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]


def _range(known: np.ndarray, all_scores: np.ndarray, line: float | None) -> tuple[float, float]:
    low, high = np.quantile(known, [0.005, 0.995])
    if line is not None:
        low, high = min(low, line), max(high, line)
    room = ROOM * max(high - low, 1e-9 * max(abs(low), abs(high), 1.0))
    low, high = max(all_scores.min(), low - room), min(all_scores.max(), high + room)
    if line is not None:
        low, high = min(low, line), max(high, line)
    if high <= low:
        low, high = low - 0.5 * max(abs(low), 1.0), high + 0.5 * max(abs(high), 1.0)
    return float(low), float(high)


def _bars(share: np.ndarray, edges: np.ndarray, x: Axis, y: Axis) -> str:
    lefts, tops = np.round(x.place(edges), 1), np.round(y.place(share), 1)
    steps = "".join(f"V{tops[i]:g}H{lefts[i + 1]:g}" for i in range(len(share)))
    return f"M{lefts[0]:g} {BOTTOM}{steps}V{BOTTOM}Z"


def _reading(groups: list[tuple[str, int, np.ndarray]], line: float | None) -> str:
    if line is None:
        return "No threshold is set: nothing is turned away."
    parts = [f"{percent(float(np.mean(scores > line)))} of the {name}" for name, _, scores in groups]
    told = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
    return f"{told} lie to the right of the threshold and are turned away."


def _beyond(groups: list[tuple[str, int, np.ndarray]], low: float, high: float) -> str:
    parts = [
        f"{plural(number, name.replace('images', 'image', 1), name)} with {side} scores"
        for name, _, scores in groups
        for side, number in (("larger", int((scores > high).sum())), ("smaller", int((scores < low).sum())))
        if number
    ]
    return f"The outermost bars include {', '.join(parts)}." if parts else ""
