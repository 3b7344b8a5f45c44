"""The report of an evaluation: numbers, curves, promises and mistakes, and how to write them down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hierclf.evaluation.drift import drift_sentence
from hierclf.evaluation.gates import GateReport
from hierclf.evaluation.mistakes import Mistake
from hierclf.evaluation.promise import Promise
from hierclf.evaluation.routes import NO_LEAF, NodeReport
from hierclf.metrics import MEASURES, Metric
from hierclf.metrics.ancestry import Floats, Ints
from hierclf.promises import Drift
from hierclf.taxonomy import Taxonomy

POINTS_SHOWN = 256  # of a curve, in JSON


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """Everything that an evaluation found.

    Args:
        taxonomy: what may be recognised.
        metrics: numbers by name, None where undefined; `hierclf.metrics.MEASURES` explains each.
        nodes: one row per node, the root first.
        confusion: counts, shape ``(L, L + 4)``: true leaf against decided leaf, then the statuses of images that are
            not decided at a leaf (`hierclf.evaluation.routes.NO_LEAF`); images whose label is a leaf only.
        known_scores: unknown scores of the known images.
        other_scores: unknown scores of the images of other.
        threshold: scores above it are turned away; infinite when a score alone turns nothing away.
        alpha: the share of known images that may be turned away; None where nothing is promised.
        curves: pairs (x, y) of arrays: those of `hierclf.metrics.Summary`, and ``"p_values"``, the share of known
            images (y) with a p-value of at most x.
        promises: each promise against what was measured.
        mistakes: the worst first.
        baseline: the same metrics of the flat baseline, or None when it was not run.
        notes: what was assumed or could not be measured, in sentences.
        gates: one row per gate, the root's first; none without a gate.
        novel_scores: unknown scores of images of new kinds.
        drift: known images against calibration images, or None when that was not tested.
        promise: name of the promise of the gates, see `hierclf.gates.guarantee`; empty without a gate.
        promised: the same in a sentence.
    """

    taxonomy: Taxonomy
    metrics: dict[str, Metric]
    nodes: tuple[NodeReport, ...]
    confusion: Ints
    known_scores: Floats
    other_scores: Floats
    threshold: float
    alpha: float | None
    curves: dict[str, tuple[Floats, Floats]]
    promises: tuple[Promise, ...]
    mistakes: tuple[Mistake, ...]
    baseline: dict[str, Metric] | None = None
    notes: tuple[str, ...] = ()
    gates: tuple[GateReport, ...] = ()
    novel_scores: Floats = field(default_factory=lambda: np.empty(0))
    drift: Drift | None = None
    promise: str = ""
    promised: str = ""

    @property
    def drift_sentence(self) -> str:
        """What the test for drift found, in words; empty where it was not made."""
        return drift_sentence(self.drift) if self.drift is not None else ""

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON: the metrics at the top, the rest below them; never NaN or Infinity.

        Scores are left out, curves thinned to at most 256 points, and the confusion counts listed as
        ``[true leaf, column, count]``, the columns being the leaves and the statuses that name no leaf.
        """
        rows, columns = np.nonzero(self.confusion)
        leaves = list(self.taxonomy.leaves)
        written: dict[str, Any] = _plain(
            {
                **self.metrics,
                "threshold": self.threshold,
                "promise": self.promise,
                "promised": self.promised,
                "promises": [vars(promise) for promise in self.promises],
                "baseline": self.baseline,
                "nodes": [vars(node) for node in self.nodes],
                "gates": [gate.to_dict() for gate in self.gates],
                "drift": None if self.drift is None else vars(self.drift) | {"drifted": self.drift.drifted},
                "confusion": {
                    "columns": [*leaves, *NO_LEAF],
                    "counts": [[*cell, self.confusion[cell]] for cell in zip(rows, columns, strict=True)],
                },
                "curves": {name: [_thin(axis) for axis in curve] for name, curve in self.curves.items()},
                "mistakes": [vars(mistake) for mistake in self.mistakes],
                "notes": list(self.notes),
            }
        )
        return written

    def to_markdown(self) -> str:
        """The metrics as a table with a column in plain words, then the promises and the notes."""
        names = [name for name in MEASURES if _told(self.metrics.get(name))]
        heads = ["measure", "value", *(["flat baseline"] if self.baseline else []), "in plain words"]
        lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
        for name in names:
            measure = MEASURES[name]
            values = [_written(self.metrics[name], measure.unit)]
            if self.baseline:
                values.append(_written(self.baseline.get(name), measure.unit))
            arrow = {"higher": " ↑", "lower": " ↓", "": ""}[measure.better]
            lines.append(f"| {measure.title}{arrow} | {' | '.join(values)} | {measure.words} |")
        lines += ["", "↑ higher is better, ↓ lower is better, – not measured."]
        for promise in self.promises:
            verdict = "kept" if promise.kept else "**not kept**"
            lines += [
                "",
                f"Promise: {promise.name}. Measured on {promise.images} images: {_written(promise.measured, 'share')} "
                f"± {_written(promise.standard_error, 'share')}: {verdict}.",
            ]
        if len(self.gates) > 1 or any(gate.novel for gate in self.gates):
            lines += ["", *_gate_table(self.gates)]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


def _gate_table(gates: tuple[GateReport, ...]) -> list[str]:
    """Expected and measured power of each gate, as lines of Markdown."""
    lines = [
        "| gate | expected AUROC | measured AUROC | known turned away here | novel | turned away here | accepted |",
        f"|{'---|' * 7}",
    ]
    for gate in gates:
        shares = [_written(share, "share") for share in (gate.known_here, gate.novel_here, gate.novel_accepted)]
        error = f" ± {gate.expected_error:.3f}" if math.isfinite(gate.expected_error) else ""
        cells = [gate.node, _written(gate.expected, "number") + error, _written(gate.auroc, "number"), shares[0]]
        lines.append(f"| {' | '.join([*cells, str(gate.novel), *shares[1:]])} |")
    return lines


def _plain(value: Any) -> Any:
    """The same with Python's own types, and None for every number that JSON cannot hold."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _thin(values_T: Floats) -> Floats:
    """At most `POINTS_SHOWN` of a curve's points, evenly spread, both ends among them."""
    if len(values_T) <= POINTS_SHOWN:
        return values_T
    thinned: Floats = values_T[np.linspace(0, len(values_T) - 1, POINTS_SHOWN).round().astype(np.int64)]
    return thinned


def _told(value: Metric) -> bool:
    return value is not None and value != [None] * len(value) if isinstance(value, list) else value is not None


def _written(value: Metric, unit: str) -> str:
    if isinstance(value, list):
        return ", ".join(_written(number, unit) for number in value)
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "verdict":
        return "yes" if value else "no"
    return {"share": f"{100 * value:.1f} %", "count": f"{value:.0f}", "number": f"{value:.3f}"}[unit]
