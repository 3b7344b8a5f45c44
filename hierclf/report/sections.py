"""What stands in a report: an evaluation and the facts of its run, turned into what the page shows.

Every section is optional. A section without anything to show becomes a sentence that says why, never an empty chart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierclf.errors import HierclfError
from hierclf.report.confusion import NO_LEAF, Confusion, HeatMap, family_order, heat_map, top_confusions
from hierclf.report.context import RunContext
from hierclf.report.figures import curve_charts, drift_chart, training_charts
from hierclf.report.gates import MOST_GATES, GateRow, gate_rows
from hierclf.report.histogram import Histogram, gate_histogram
from hierclf.report.lines import LineChart
from hierclf.report.measures import (
    PLACING,
    RECOGNISING,
    REJECTING,
    MeasureRow,
    further_rows,
    measure_rows,
)
from hierclf.report.numbers import defined, percent, percent_within, plural
from hierclf.report.thumbnails import data_uri
from hierclf.report.tree import Tree, taxonomy_tree
from hierclf.taxonomy import Taxonomy

if TYPE_CHECKING:
    from PIL import Image

    from hierclf.evaluation import Mistake, Promise, Report

MOST_SKIPPED = 100
"""Skipped files that a report lists by name; the rest are counted."""

UNDRAWN = {
    "per_class": "each class, or group of rare ones, has a threshold of its own",
    "cross": "the folds of the calibration decide together",
    "none": "the likeliest place in the taxonomy decides",
}
"""Promises for which it is not one threshold of the score that decides, and what does."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One of the numbers at the top: the number, what it is, and what to make of it."""

    label: str
    value: str
    remark: str
    verdict: str = ""  # "kept" | "broken" | ""


@dataclass(frozen=True, kw_only=True)
class PromiseRow:
    """One promise with its measurement; places along the track are percentages of its width."""

    name: str
    promised: str
    measured: str
    images: int
    kept: bool
    promised_at: float
    measured_at: float
    low_at: float
    high_at: float


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A mistake with its thumbnail, or with the reason why there is none."""

    source: str
    missing: str
    mistake: Mistake
    answer: str
    status: str


@dataclass(frozen=True, kw_only=True)
class Sections:
    """All that the page shows, ready to print."""

    evaluated: bool
    lead: tuple[str, ...]
    cards: tuple[Card, ...]
    promises: tuple[PromiseRow, ...]
    promised: str
    sentence: str
    stops: str
    tables: tuple[tuple[str, tuple[MeasureRow, ...]], ...]
    further: tuple[MeasureRow, ...]
    baseline: bool
    tree: Tree | None
    gate: Histogram | None
    gates: tuple[GateRow, ...]
    more_gates: int
    newcomers: bool
    drift: LineChart | None
    drifted: bool | None
    drift_sentence: str
    curves: tuple[LineChart, ...]
    training: tuple[LineChart, ...]
    heat_map: HeatMap | None
    confusions: tuple[Confusion, ...]
    num_leaves: int
    tested_leaves: bool
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]
    counts: tuple[tuple[str, int, float], ...]
    skipped: tuple[tuple[str, str], ...]
    more_skipped: int
    made: tuple[tuple[str, str], ...]


def sections(
    report: Report | None, context: RunContext, images: Callable[[int], Image.Image] | None = None
) -> Sections:
    """Turn an evaluation and the facts of its run into what the page shows.

    Args:
        report: the evaluation, or None right after training.
        context: facts of the run.
        images: gives the image that a mistake's ``index`` stands for; None shows mistakes without pictures.
    """
    metrics: Mapping[str, Any] = report.metrics if report is not None else context.metrics
    baseline = report.baseline if report is not None else None
    taxonomy = report.taxonomy if report is not None else context.taxonomy
    confusion = np.asarray(report.confusion) if report is not None else np.zeros((0, len(NO_LEAF)), dtype=np.int64)
    leaves = taxonomy.leaves if taxonomy is not None else ()
    known, other, threshold = (
        (report.known_scores, report.other_scores, report.threshold)
        if report is not None
        else (context.known_scores, context.other_scores, context.threshold)
    )
    alpha = report.alpha if report is not None else context.alpha
    stops = _stops_early(confusion)
    gates = report.gates if report is not None else ()
    drift = report.drift if report is not None else None
    names = _tables(metrics)
    return Sections(
        evaluated=report is not None,
        lead=_lead(metrics, taxonomy, context, report),
        cards=_cards(metrics, alpha, stops, tested=bool(report and report.promises)) if metrics else (),
        promises=tuple(_promise_row(promise) for promise in report.promises) if report is not None else (),
        promised=_promised(alpha, defined(threshold)),
        sentence=report.promised if report is not None else "",
        stops=percent(stops) if stops else "",
        tables=tuple((title, rows) for title, told in names if (rows := measure_rows(told, metrics, baseline))),
        further=further_rows(metrics, baseline, [name for _, told in names for name in told]),
        baseline=baseline is not None,
        tree=taxonomy_tree(taxonomy, report.nodes if report is not None else (), context.counts)
        if taxonomy is not None
        else None,
        gate=gate_histogram(
            known,
            other,
            defined(threshold) if report is None or report.promise not in UNDRAWN else None,
            novel=report.novel_scores if report is not None else None,
            reading=_beyond_the_threshold(report) if report is not None else "",
        ),
        gates=gate_rows(gates),
        more_gates=max(len(gates) - MOST_GATES, 0),
        newcomers=any(gate.novel for gate in gates),
        drift=_drift(report) if report is not None else None,
        drifted=drift.drifted if drift is not None else None,
        drift_sentence=report.drift_sentence if report is not None else "",
        curves=curve_charts(report.curves, metrics) if report is not None else (),
        training=training_charts(context.history),
        heat_map=heat_map(confusion, leaves, family_order(taxonomy))
        if taxonomy is not None and len(confusion)
        else None,
        confusions=top_confusions(confusion, leaves, 12 if len(leaves) <= 60 else 40) if len(confusion) else (),
        num_leaves=len(leaves),
        tested_leaves=bool(confusion.sum()),
        pictures=tuple(_picture(mistake, images) for mistake in report.mistakes) if report is not None else (),
        notes=(*context.assumptions, *(report.notes if report is not None else ())),
        counts=_counts(context.counts),
        skipped=tuple(context.skipped[:MOST_SKIPPED]),
        more_skipped=max(len(context.skipped) - MOST_SKIPPED, 0),
        made=tuple(context.made.items()),
    )


def _lead(
    metrics: Mapping[str, Any], taxonomy: Taxonomy | None, context: RunContext, report: Report | None
) -> tuple[str, ...]:
    sentences = []
    if taxonomy is not None:
        groups = len(taxonomy.internal_nodes) - 1
        under = f" under {plural(groups, 'meta-class', 'meta-classes')}" if groups else ""
        says = " and says “other” when an image shows none of them."
        if report is not None and len(report.gates) > 1:
            says = (
                ", says “other” when an image shows none of them, and “new” when it is an unknown kind of a meta-class."
            )
        sentences.append(f"This model recognises {plural(len(taxonomy.leaves), 'class', 'classes')}{under}{says}")
    known, other, novel = (defined(metrics.get(name)) for name in ("n_known", "n_other", "n_novel"))
    if report is not None and known is not None:
        parts = [f"{plural(round(known), 'image')} of known classes"]
        parts += [f"{plural(round(novel), 'image')} of new kinds"] if novel else []
        parts += [f"{plural(round(other), 'image')} of other"] if other else []
        told = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
        sentences.append(f"It was tested on {told}" + ("." if other else "; no images of other were given."))
    elif report is None:
        trained = sum(context.counts.values())
        sentences.append(
            (f"It learned from {plural(trained, 'image')}; " if trained else "")
            + "what follows was measured on images set aside during training. An evaluation on new images comes next."
        )
    return tuple(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _cards(metrics: Mapping[str, Any], alpha: float | None, stops: float | None, *, tested: bool) -> tuple[Card, ...]:
    accepted, rejected = defined(metrics.get("unknown_accepted")), defined(metrics.get("known_rejected"))
    uncertain, placed = defined(metrics.get("uncertain_other")) or 0.0, defined(metrics.get("novel_at_its_node"))
    error, alpha = defined(metrics.get("known_rejected_standard_error")), defined(alpha)
    kept = None if rejected is None or alpha is None or not tested else rejected <= alpha + 2 * (error or 0.0)
    promise = "nothing was promised" if alpha is None else f"promised: at most {percent(alpha)}"
    cards = (
        Card(
            label="Right class",
            value=percent(metrics.get("leaf_accuracy")),
            remark="of the known images, when it must name a class",
        ),
        Card(
            label="Other noticed",
            value=percent(None if accepted is None else 1 - accepted - uncertain),
            remark="not measured: no images of other were given"
            if accepted is None
            else "of these other images; for other kinds nobody can promise a number",
        ),
        Card(
            label="Known turned away",
            value=percent_within(rejected, error),
            remark=promise if kept is None else f"{promise}; {'kept' if kept else 'not kept on these images'}",
            verdict="" if kept is None else ("kept" if kept else "broken"),
        ),
        Card(
            label="Stops early",
            value=percent(stops),
            remark=_stopping(metrics) if stops is not None else "not measured",
        ),
    )
    if placed is None:
        return cards
    remark = "of the images of new kinds are called novel, below the right node"
    return (*cards[:2], Card(label="New kinds placed", value=percent(placed), remark=remark), *cards[2:])


def _stopping(metrics: Mapping[str, Any]) -> str:
    uncertain = defined(metrics.get("uncertain_known"))
    further = f"; {percent(uncertain)} are left uncertain" if uncertain else ""
    return f"of the known images are answered with a meta-class because the class is unsure{further}"


def _promised(alpha: float | None, threshold: float | None) -> str:
    """The gate's promise in words; nothing without a gate, or when it turns nobody away."""
    if not alpha or threshold is None or not math.isfinite(threshold):
        return ""
    return f"At most {percent(alpha)} of known images are to be turned away."


def _stops_early(confusion: np.ndarray) -> float | None:
    total, column = int(confusion.sum()), list(NO_LEAF).index("ambiguous") - len(NO_LEAF)
    return float(confusion[:, column].sum() / total) if total else None


def _promise_row(promise: Promise) -> PromiseRow:
    error = defined(promise.standard_error) or 0.0
    measured = defined(promise.measured)
    centre = measured or 0.0
    longest = max(2 * promise.promised, (centre + 2 * error) * 1.15, 1e-9)

    def at(share: float) -> float:
        return round(100 * min(max(share / longest, 0.0), 1.0), 2)

    return PromiseRow(
        name=promise.name,
        promised=percent(promise.promised),
        measured=percent_within(measured, promise.standard_error),
        images=promise.images,
        kept=promise.kept,
        promised_at=at(promise.promised),
        measured_at=at(centre),
        low_at=at(centre - 2 * error),
        high_at=at(centre + 2 * error),
    )


def _tables(metrics: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The tables with the names of their metrics; one about new kinds only where images of new kinds were given."""
    tables = (("Recognising", RECOGNISING), ("Turning away", REJECTING))
    return (*tables, ("Placing what is new", PLACING)) if metrics.get("n_novel") else tables


def _beyond_the_threshold(report: Report) -> str:
    """What to say about the histogram where it is not one threshold that decides; else nothing."""
    decider = UNDRAWN.get(report.promise)
    if decider is None:
        return ""
    rejected = percent(report.metrics.get("known_rejected"))
    return f"No single threshold is drawn: {decider}. {rejected} of the known images were turned away."


def _drift(report: Report) -> LineChart | None:
    if "p_values" not in report.curves:
        return None
    reading = (
        "Under the promise the curve runs along the diagonal, chance aside, or below it; far above it, known images "
        "look stranger than the calibration images, far below it more ordinary."
    )
    return drift_chart(report.curves["p_values"], reading)


def _picture(mistake: Mistake, images: Callable[[int], Image.Image] | None) -> Picture:
    source, missing = "", "no picture"
    if images is not None:
        try:
            source, missing = data_uri(images(mistake.index)), ""
        except (HierclfError, OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError for broken PNGs
            missing = f"cannot be shown: {error}"
    return Picture(
        source=source,
        missing=missing,
        mistake=mistake,
        answer=f"new under {mistake.decided}" if mistake.status == "novel_child" else mistake.decided,
        status=NO_LEAF.get(mistake.status, mistake.status),
    )


def _counts(counts: Mapping[str, int]) -> tuple[tuple[str, int, float], ...]:
    largest = max((*counts.values(), 1))
    return tuple((name, number, round(100 * number / largest, 1)) for name, number in counts.items())
