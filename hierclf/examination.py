"""Put a fitted model to the test: images whose truth is known in, a report out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from hierclf.classifier import HierarchicalClassifier, NotFitted
from hierclf.data import ImageSet, content_hash, join_sets, label_nodes, load_images
from hierclf.decisions import Decisions
from hierclf.errors import DataError, ImageError
from hierclf.evaluation import Promise, Report, evaluate_reading, flat_baseline, hold_against
from hierclf.model import Operation, Reading
from hierclf.training import embedding_matrix, target_column, target_texts

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
    if not hasattr(model, "model_"):
        raise NotFitted("this HierarchicalClassifier is not fitted yet; call fit, or load a saved model")
    if model.model_.backbone is None:
        values, label_n = _embeddings(model, images, labels, other)
        if other is not None:
            added = len(embedding_matrix(other, width=values.shape[1]))
            rows = [row.tobytes() for row in values.numpy()]
            notes = (*notes, *_copies(rows[:-added], rows[-added:] if added else []))
        return judge(model, model.read(values), label_n, notes=notes)
    known = load_images(images, labels)
    if known.labels is None:
        raise DataError("images without labels cannot be evaluated: give a folder of class folders, or labels=")
    label_n = label_nodes(known.labels, model.taxonomy_)
    together = known
    if other is not None:
        strangers = load_images(other)
        together = join_sets([known, strangers])
        notes = (*notes, *_copies(_contents(known), _contents(strangers)))
        label_n = np.concatenate([label_n, np.full(len(strangers), -1)])
    return judge(model, model.read(together), label_n, images=together, notes=notes)


def _embeddings(
    model: HierarchicalClassifier, embeddings: Any, labels: Any, other: Any
) -> tuple[torch.Tensor, np.ndarray]:
    """Embeddings, those of other last, and their node ids."""
    width = model.model_.in_features
    values_nD = embedding_matrix(embeddings, width=width)
    label_n = label_nodes(target_texts(target_column(labels, len(values_nD))), model.taxonomy_)
    if other is None:
        return values_nD, label_n
    other_mD = embedding_matrix(other, width=width)
    return torch.cat([values_nD, other_mD]), np.concatenate([label_n, np.full(len(other_mD), -1)])


def _contents(image_set: ImageSet) -> list[str]:
    """What tells one image from another, of those that can be read; nothing of a torch data set, which may be slow."""
    contents: list[str] = []
    if image_set.kind != "dataset":
        for place in range(len(image_set)):
            with suppress(ImageError):
                contents.append(content_hash(image_set, place))
    return contents


def _copies(known: Sequence[str | bytes], other: Sequence[str | bytes]) -> tuple[str, ...]:
    """A note on images that are examined both as known and as other: one of the two answers is counted as wrong."""
    count = sum(map(set(known).__contains__, other))
    if not count:
        return ()
    told = "1 image of other is a copy" if count == 1 else f"{count} images of other are copies"
    return (f"{told} of known ones; whatever is decided about such an image, it counts as wrong once.",)


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
    report = replace(report, promises=(*report.promises, *_promise_of_the_rule(inner.operation, report)))
    return Examination(report=report, images=images, label_n=label_n, reading=reading, decisions=decisions)


def _promise_of_the_rule(operation: Operation, report: Report) -> tuple[Promise, ...]:
    """What was promised about wrong answers, against what was measured; nothing where nothing was promised."""
    risk, known = report.metrics["risk"], report.metrics["n_known"]
    if operation.correct is None or not isinstance(risk, float) or not isinstance(known, int):
        return ()
    wrong = 1 - operation.correct
    return (
        hold_against(
            f"at most {100 * wrong:.3g} % of the answers about known images are off the true route",
            promised=wrong,
            measured=risk,
            images=known,
            calibration_images=operation.calibrated_on,
        ),
    )
