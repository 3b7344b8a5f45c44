"""Put a fitted model to the test: images whose truth is known in, a report out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hierclf.classifier import HierarchicalClassifier
from hierclf.data import ImageSet, join_sets, label_nodes, label_text, load_images
from hierclf.decisions import Decisions
from hierclf.errors import DataError
from hierclf.evaluation import Report, evaluate_reading, flat_baseline
from hierclf.model import Reading
from hierclf.training import embedding_matrix

# n images, m of them images of other


@dataclass(frozen=True, kw_only=True, eq=False)
class Examination:
    """A report with what it rests on.

    Args:
        report: the metrics and all else.
        images: the examined images, known ones first, or None when embeddings were examined.
        label_n: node ids, -1 for other, int64.
        reading: what the model saw.
        decisions: what it decided.
    """

    report: Report
    images: ImageSet | None
    label_n: np.ndarray
    reading: Reading
    decisions: Decisions


def evaluate(
    model: HierarchicalClassifier, images: Any, labels: Any = None, *, other: Any = None, notes: Sequence[str] = ()
) -> Report:
    """Measure what a model's decisions are worth.

    Args:
        model: a fitted classifier.
        images: labelled images (or embeddings), as in `HierarchicalClassifier.fit`.
        labels: one per image, where the images do not come with theirs.
        other: images that are none of the classes.
        notes: sentences to hand on to the reader.

    Returns:
        The metrics, the promise against what was measured, the flat baseline beside ours; see `Report`.

    Raises:
        DataError: no labels, or labels that match no class.
    """
    return examine(model, images, labels, other=other, notes=notes).report


def examine(
    model: HierarchicalClassifier, images: Any, labels: Any = None, *, other: Any = None, notes: Sequence[str] = ()
) -> Examination:
    """`evaluate`, with readings and decisions kept; the arguments are the same."""
    taxonomy = model.taxonomy_
    if model.model_.backbone is None:
        values = embedding_matrix(images, width=model.model_.in_features)
        if labels is None:
            raise DataError("embeddings need labels to be evaluated with")
        label_n = label_nodes([label_text(label) for label in np.asarray(labels, dtype=object).ravel()], taxonomy)
        if other is not None:
            more = embedding_matrix(other, width=model.model_.in_features)
            values = torch.cat([values, more])
            label_n = np.concatenate([label_n, np.full(len(more), -1)])
        return _examine(model, values, None, label_n, notes)
    known = load_images(images, labels)
    if known.labels is None:
        raise DataError(
            "images without labels cannot be evaluated: give a folder with one folder per class, or labels="
        )
    label_n = label_nodes(known.labels, taxonomy)
    sets = [known]
    if other is not None:
        sets.append(load_images(other))
        label_n = np.concatenate([label_n, np.full(len(sets[1]), -1)])
    together = join_sets(sets)
    return _examine(model, together, together, label_n, notes)


def _examine(
    model: HierarchicalClassifier, values: Any, images: ImageSet | None, label_n: np.ndarray, notes: Sequence[str]
) -> Examination:
    reading = model.read(values)
    return judge(model, reading, label_n, images=images, notes=notes)


def judge(
    model: HierarchicalClassifier,
    reading: Reading,
    label_n: np.ndarray,
    *,
    images: ImageSet | None = None,
    notes: Sequence[str] = (),
) -> Examination:
    """Judge a reading that is there already.

    Args:
        model: the classifier that read.
        reading: n images.
        label_n: their node ids, -1 for other.
        images: the images themselves, for thumbnails.
        notes: sentences to hand on to the reader.
    """
    inner = model.model_
    decisions = inner.decide(reading)
    calibrated = len(inner.gate.calibration_scores) if inner.gate is not None else None
    baseline = flat_baseline(
        reading.baseline_log_probs_BL.exp().numpy(),
        label_n,
        inner.plan,
        threshold=inner.baseline_threshold,
        alpha=inner.alpha,
        calibration_images=calibrated,
    )
    report = evaluate_reading(
        reading,
        decisions,
        label_n,
        inner.plan,
        model.taxonomy_,
        threshold=inner.threshold,
        alpha=inner.alpha,
        calibration_images=calibrated,
        baseline=baseline,
        notes=notes,
    )
    return Examination(report=report, images=images, label_n=label_n, reading=reading, decisions=decisions)
