"""The charts of a report: which curves are drawn, on which axes, and what to see in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hierclf.report.axes import Axis
from hierclf.report.lines import LineChart, line_chart
from hierclf.report.numbers import defined, percent

_CURVES = {
    "roc": (
        "Noticing other (ROC)",
        "Up and to the left is better: more of the other images noticed for fewer known images turned away.",
        "known images turned away",
        "other images noticed",
    ),
    "oscr": (
        "Right and let in (OSCR)",
        "Up and to the left is better; the right end is the accuracy on the known without any gate.",
        "other images let in",
        "known images let in and right",
    ),
    "known_novel": (
        "Known against novel",
        "As novelty is made likelier, known images are lost and unknown ones find their place; up and to the right is"
        " better.",
        "known images at their class",
        "unknown images at their node",
    ),
    "operating": (
        "Detail against correctness",
        "Stopping earlier gives less detail and fewer mistakes; up and to the right is better.",
        "detail given",
        "answers that are right",
    ),
}


def curve_charts(curves: Mapping[str, tuple[Any, Any]], metrics: Mapping[str, Any]) -> tuple[LineChart, ...]:
    """The charts for those curves that are there: ``"roc"``, ``"oscr"``, ``"known_novel"`` and ``"operating"``."""
    charts = []
    for name, (title, reading, x_label, y_label) in _CURVES.items():
        if name not in curves:
            continue
        xs, ys = (np.asarray(values, dtype=np.float64) for values in curves[name])
        lowest = _round_down(ys) if name == "operating" else 0.0
        chart = line_chart(
            [("this model", xs, ys)],
            Axis(label=x_label, low=0.0, high=1.0, share=True),
            Axis(label=y_label, low=lowest, high=1.0, upright=True, share=True),
            title=title,
            reading=reading,
            marks=_working_point(name, metrics),
        )
        if chart is not None:
            charts.append(chart)
    return tuple(charts)


def drift_chart(curve: tuple[Any, Any], reading: str) -> LineChart | None:
    """How the p-values of known images are spread, against the diagonal along which they would lie as calibrated.

    Args:
        curve: p-values in ascending order, and the share of known images with a p-value of at most that.
        reading: the finding in words.
    """
    diagonal = np.linspace(0.0, 1.0, 21)
    return line_chart(
        [("these known images", *curve), ("as calibrated", diagonal, diagonal)],
        Axis(label="p-value of the gate (small looks strange)", low=0.0, high=1.0),
        Axis(label="share of the known images with at most this p-value", low=0.0, high=1.0, upright=True, share=True),
        title="How strange the known images look",
        reading=reading,
    )


def training_charts(history: Sequence[Mapping[str, Any]]) -> tuple[LineChart, ...]:
    """Losses in one chart and shares (accuracies and the like) in another, over the epochs.

    Args:
        history: one mapping per epoch. ``"epoch"`` places it; a number whose name ends in ``loss`` is a loss; one
            whose name speaks of an accuracy, AUROC or F1 is a share. Others are not drawn.
    """
    names = list(dict.fromkeys(name for row in history for name in row if name != "epoch"))
    losses = [name for name in names if name.endswith("loss")]
    shares = [name for name in names if any(word in name for word in ("accuracy", "auroc", "f1"))]
    epochs = [_number(row.get("epoch", place)) for place, row in enumerate(history, start=1)]
    charts = (
        _history_chart(history, epochs, losses, "Loss", "Lower is better; a gap between the curves is overfitting."),
        _history_chart(history, epochs, shares, "Quality", "Higher is better.", share=True),
    )
    return tuple(chart for chart in charts if chart is not None)


def _history_chart(
    history: Sequence[Mapping[str, Any]],
    epochs: list[float],
    names: list[str],
    title: str,
    reading: str,
    *,
    share: bool = False,
) -> LineChart | None:
    curves = [(name.replace("_", " "), epochs, [_number(row.get(name)) for row in history]) for name in names[:6]]
    heights = np.array([ys for _, _, ys in curves], dtype=np.float64).ravel()
    heights = heights[np.isfinite(heights)]
    places = np.array(epochs)[np.isfinite(epochs)]
    if not len(heights) or not len(places) or places.min() == places.max():
        return None
    low = _round_down(heights) if share else min(0.0, float(heights.min()))
    high = 1.0 if share and heights.max() <= 1 else float(heights.max()) * 1.05
    return line_chart(
        curves,
        Axis(label="epoch", low=float(places.min()), high=float(places.max())),
        Axis(label=title.lower(), low=low, high=max(high, low + 1e-9), upright=True, share=share),
        title=title,
        reading=reading,
    )


def _working_point(name: str, metrics: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    rejected, accepted = defined(metrics.get("known_rejected")), defined(metrics.get("unknown_accepted"))
    coverage, right = defined(metrics.get("coverage")), defined(metrics.get("correct_or_ancestor"))
    if name == "roc" and rejected is not None and accepted is not None:
        return [(f"works here: {percent(1 - accepted)} noticed", rejected, 1 - accepted)]
    if name == "operating" and coverage is not None and right is not None:
        return [(f"works here: {percent(right)} right", coverage, right)]
    return []


def _round_down(shares: np.ndarray) -> float:
    """The tenth below the smallest share, at most 0.9, so that the curve fills its frame."""
    finite = shares[np.isfinite(shares)]
    return float(np.clip(np.floor(10 * finite.min()) / 10, 0.0, 0.9)) if len(finite) else 0.0


def _number(value: Any) -> float:
    number = defined(value)
    return float("nan") if number is None else number
