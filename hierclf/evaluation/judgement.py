"""From what a model saw and decided to a report, as a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hierclf.dag import DagPlan
from hierclf.errors import DataError
from hierclf.evaluation.evidence import Decided, Reading, label_nodes
from hierclf.evaluation.mistakes import worst_mistakes
from hierclf.evaluation.promise import gate_promises, with_promise
from hierclf.evaluation.report import Report
from hierclf.evaluation.routes import confusion_counts, node_reports
from hierclf.metrics import Ancestry, Metric, Outcome, summarise
from hierclf.metrics.ancestry import Ints
from hierclf.taxonomy import Taxonomy


def evaluate_reading(
    reading: Reading,
    decisions: Decided,
    label_n: npt.ArrayLike,
    plan: DagPlan,
    taxonomy: Taxonomy,
    *,
    threshold: float,
    alpha: float,
    calibration_images: int | None = None,
    baseline: dict[str, Metric] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """Judge decisions about images whose truth is known.

    Args:
        reading: what the model saw, n images; those in ``reading.errors`` are left out and counted.
        decisions: what was decided, as columns of length n.
        label_n: node ids, -1 for images of other, shape ``(n,)``; a label may be an internal node.
        plan: the compiled taxonomy.
        taxonomy: the taxonomy itself.
        threshold: the unknown score above which the gate turns an image away.
        alpha: the share of known images that may be turned away.
        calibration_images: how many images the gate was calibrated on, for the standard error of the promise.
        baseline: what `flat_baseline` said about the same images.
        notes: sentences to hand on to the reader.

    Raises:
        DataError: columns of different lengths, or a label that is no node.
    """
    labels_n = label_nodes(label_n, plan, len(reading.names))
    if len(decisions.status) != len(labels_n):
        raise DataError(f"expected a decision for each of {len(labels_n)} images, got {len(decisions.status)}")
    ancestry = Ancestry.from_plan(plan)
    status_n = np.asarray(decisions.status, dtype=object).astype(str)
    read_n = status_n != ""
    read_n[list(reading.errors)] = False
    place_B = np.flatnonzero(read_n)
    status_B = status_n[place_B]
    outcome = Outcome(
        truth_B=labels_n[place_B],
        node_log_probs_BN=np.ascontiguousarray(reading.node_log_probs_BN, dtype=np.float64)[place_B],
        unknown_score_B=np.asarray(reading.unknown_score_B, dtype=np.float64)[place_B],
        decided_B=_decided_nodes(decisions, status_B, place_B, taxonomy),
        accepted_B=status_B != "other",
    )
    promises = gate_promises(outcome, alpha, calibration_images)
    summary = summarise(outcome, ancestry)
    return Report(
        taxonomy=taxonomy,
        metrics=with_promise(summary.metrics, promises, alpha, errors=len(labels_n) - len(place_B)),
        nodes=node_reports(outcome, ancestry, taxonomy),
        confusion=confusion_counts(outcome, ancestry),
        known_scores=outcome.unknown_score_B[outcome.known_B],
        other_scores=outcome.unknown_score_B[~outcome.known_B],
        threshold=float(threshold),
        alpha=float(alpha),
        curves={name: (curve.x_T, curve.y_T) for name, curve in summary.curves.items()},
        promises=promises,
        mistakes=worst_mistakes(outcome, status_B, place_B, reading, decisions, ancestry, taxonomy),
        baseline=baseline,
        notes=(*notes, *_own_notes(outcome, threshold, errors=len(labels_n) - len(place_B))),
    )


def _decided_nodes(decisions: Decided, status_B: npt.NDArray[np.str_], place_B: Ints, taxonomy: Taxonomy) -> Ints:
    names = np.asarray(decisions.node, dtype=object)[place_B]
    nodes = [0 if status == "other" else taxonomy.index(name) for name, status in zip(names, status_B, strict=True)]
    return np.array(nodes, dtype=np.int64)


def _own_notes(outcome: Outcome, threshold: float, *, errors: int) -> list[str]:
    notes = []
    known, other = int(outcome.known_B.sum()), int((~outcome.known_B).sum())
    if other == 0:
        notes.append("No images of other were given, so how many of them would be accepted was not measured.")
    else:
        notes.append("The shares for other hold for images like these; no method can promise them for another kind.")
    if known == 0:
        notes.append("No known images were given, so neither accuracy nor the promise was measured.")
    if math.isinf(threshold) and threshold > 0:
        notes.append("The gate turns nothing away: too few calibration images for the promise.")
    if errors:
        notes.append(f"{errors} images could not be read and were left out.")
    return notes
