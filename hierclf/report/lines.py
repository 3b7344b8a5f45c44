"""Line charts: ROC, OSCR, operating and training curves as vector drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierclf.report.axes import Axis, Tick

MOST_POINTS = 1200
"""A curve keeps at most this many points; the drawing cannot show more."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One curve: its name in the legend, its style's number and its path in SVG's language."""

    name: str
    style: int
    path: str
    dots: tuple[tuple[float, float], ...] = ()  # drawn as well when the curve has few points


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point with a name, such as where the model works."""

    name: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """A drawing of curves that share two axes, with a sentence for those who cannot see it."""

    title: str
    reading: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]


def line_chart(
    curves: Sequence[tuple[str, Any, Any]],
    x: Axis,
    y: Axis,
    *,
    title: str,
    reading: str,
    marks: Sequence[tuple[str, float, float]] = (),
) -> LineChart | None:
    """Draw curves; points that are not finite are left out.

    Args:
        curves: name, x values and y values of each curve.
        x: scale of the x values.
        y: scale of the y values.
        title: what the chart shows.
        reading: one sentence that says what to see in it.
        marks: name, x and y of single points to single out.

    Returns:
        The drawing, or None when no curve has two finite points.
    """
    lines = tuple(
        Line(name=name, style=style, path=path, dots=dots)
        for style, (name, xs, ys) in enumerate(curves, start=1)
        for path, dots in (_trace(xs, ys, x, y),)
        if path
    )
    if not lines:
        return None
    return LineChart(
        title=title,
        reading=reading,
        x_label=x.label,
        y_label=y.label,
        x_ticks=x.ticks,
        y_ticks=y.ticks,
        lines=lines,
        marks=tuple(
            Mark(name=name, x=round(float(x.place(at)), 1), y=round(float(y.place(height)), 1))
            for name, at, height in marks
        ),
    )


def _trace(xs: Any, ys: Any, x: Axis, y: Axis) -> tuple[str, tuple[tuple[float, float], ...]]:
    points = np.stack([np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)], axis=1)
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 2:
        return "", ()
    drawn = np.round(np.stack([x.place(points[:, 0]), y.place(points[:, 1])], axis=1) * 2) / 2
    moved = np.concatenate([[True], (np.diff(drawn, axis=0) != 0).any(axis=1)])
    drawn = drawn[moved]
    if len(drawn) > MOST_POINTS:
        drawn = drawn[np.linspace(0, len(drawn) - 1, MOST_POINTS).round().astype(np.int64)]
    dots = tuple((float(at), float(height)) for at, height in drawn) if len(drawn) <= 12 else ()
    return "M" + "L".join(f"{at:g} {height:g}" for at, height in drawn), dots
