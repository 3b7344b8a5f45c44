"""From what a model saw and decided to a report, as a pure function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hierclf.dag import DagPlan
from hierclf.errors import DataError
from hierclf.evaluation.drift import drift_metrics, drift_sentence, known_drift
from hierclf.evaluation.evidence import Decided, Reading, label_nodes, novel_images
from hierclf.evaluation.gates import gate_reports
from hierclf.evaluation.mistakes import worst_mistakes
from hierclf.evaluation.promise import gate_error, gate_promises, rule_promises, with_promise
from hierclf.evaluation.report import Report
from hierclf.evaluation.routes import confusion_counts, node_reports
from hierclf.evaluation.terms import Terms
from hierclf.metrics import Ancestry, Metric, Outcome, summarise
from hierclf.metrics.ancestry import Floats, Ints
from hierclf.promises import Drift
from hierclf.taxonomy import Taxonomy


def evaluate_reading(
    reading: Reading,
    decisions: Decided,
    label_n: npt.ArrayLike,
    plan: DagPlan,
    taxonomy: Taxonomy,
    terms: Terms,
    *,
    novel_n: npt.ArrayLike | None = None,
    fresh: bool = True,
    baseline: dict[str, Metric] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """Judge decisions about images whose truth is known.

    Args:
        reading: what the model saw, n images; those in ``reading.errors`` are left out and counted.
        decisions: what was decided, as columns of length n.
        label_n: node ids, -1 for images of other, shape ``(n,)``; a label may be an internal node. For an image of a
            class that the model does not know, the node that it is new below.
        plan: the compiled taxonomy.
        taxonomy: the taxonomy itself.
        terms: what was promised, and what was expected of the gates.
        novel_n: which images are new below the node of their label, bool, shape ``(n,)``.
        fresh: whether the known images are new to the gate; on its own calibration images no promise can be tested.
        baseline: what `flat_baseline` said about the same images.
        notes: sentences to hand on to the reader.

    Raises:
        DataError: columns of different lengths, or a label that is no node.
    """
    labels_n = label_nodes(label_n, plan, len(reading.names))
    new_n = novel_images(novel_n, labels_n, plan)
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
        node_log_probs_BN=_rows(reading.node_log_probs_BN, place_B),
        unknown_score_B=_rows(reading.unknown_score_B, place_B),
        decided_B=_decided_nodes(decisions, status_B, place_B, taxonomy),
        status_B=status_B,
        novel_B=new_n[place_B],
        stop_log_probs_BN=_rows(reading.stop_log_probs_BN, place_B) if terms.knows_novelty else None,
        leaf_B=_routed_leaves(decisions, place_B, taxonomy) if terms.routed else None,
    )
    errors = len(labels_n) - len(place_B)
    known_scores = outcome.unknown_score_B[outcome.known_B]
    drift = known_drift(terms, known_scores) if fresh else None
    promises = (*gate_promises(outcome, terms, plan), *rule_promises(outcome, terms, ancestry)) if fresh else ()
    summary = summarise(outcome, ancestry)
    curves = {name: (curve.x_T, curve.y_T) for name, curve in summary.curves.items()}
    if fresh and terms.guarantee is not None and len(known_scores):
        curves["p_values"] = _shares_below(_rows(decisions.p_value, place_B)[outcome.known_B])
    metrics = summary.metrics | drift_metrics(drift)
    return Report(
        taxonomy=taxonomy,
        metrics=with_promise(metrics, terms.alpha, gate_error(outcome, terms), errors=errors),
        nodes=node_reports(outcome, ancestry, taxonomy),
        gates=gate_reports(outcome, _rows(reading.surprise_BG, place_B), terms, ancestry, taxonomy),
        confusion=confusion_counts(outcome, ancestry),
        known_scores=known_scores,
        other_scores=outcome.unknown_score_B[outcome.other_B],
        novel_scores=outcome.unknown_score_B[outcome.new_B],
        threshold=float(terms.threshold),
        alpha=terms.alpha,
        promise=terms.kind,
        promised=terms.promise.sentence if terms.promise is not None else "",
        drift=drift,
        curves=curves,
        promises=promises,
        mistakes=worst_mistakes(outcome, place_B, reading, decisions, ancestry, taxonomy),
        baseline=baseline,
        notes=(*notes, *_own_notes(outcome, terms, drift, errors=errors)),
    )


def _rows(values: npt.ArrayLike, place_B: Ints) -> Floats:
    rows: Floats = np.ascontiguousarray(np.asarray(values, dtype=np.float64)[place_B])
    return rows


def _shares_below(p_value_K: Floats) -> tuple[Floats, Floats]:
    """The empirical distribution of p-values, from (0, 0) to (1, 1): as calibrated it runs along the diagonal."""
    distinct_T, count_T = np.unique(p_value_K, return_counts=True)
    share_T = np.cumsum(count_T) / len(p_value_K)
    return np.concatenate([[0.0], distinct_T, [1.0]]), np.concatenate([[0.0], share_T, [1.0]])


def _decided_nodes(decisions: Decided, status_B: npt.NDArray[np.str_], place_B: Ints, taxonomy: Taxonomy) -> Ints:
    names = np.asarray(decisions.node, dtype=object)[place_B]
    silent = ("other", "uncertain")
    nodes = [0 if status in silent else taxonomy.index(name) for name, status in zip(names, status_B, strict=True)]
    return np.array(nodes, dtype=np.int64)


def _routed_leaves(decisions: Decided, place_B: Ints, taxonomy: Taxonomy) -> Ints:
    names = np.asarray(decisions.leaf, dtype=object)[place_B]
    return np.array([taxonomy.index(name) for name in names], dtype=np.int64)


def _own_notes(outcome: Outcome, terms: Terms, drift: Drift | None, *, errors: int) -> list[str]:
    notes = []
    if not outcome.other_B.any():
        notes.append("No images of other were given, so how many of them would be accepted was not measured.")
    else:
        notes.append("The shares for other hold for images like these; no method can promise them for another kind.")
    if not outcome.known_B.any():
        notes.append("No known images were given, so neither accuracy nor the promise was measured.")
    if terms.turns_nothing_away:
        notes.append("The gate turns nothing away: too few calibration images for the promise.")
    if drift is not None:
        notes.append(drift_sentence(drift))
    if terms.kind == "cross" and outcome.known_B.any():
        notes.append("Drift was not tested: with a cross-conformal promise old and new scores do not compare.")
    uncertain = int(outcome.uncertain_B.sum())
    if uncertain:
        notes.append(f"{uncertain} images were left uncertain: they count as neither answered nor turned away.")
    if errors:
        notes.append(f"{errors} images could not be read and were left out.")
    return notes
