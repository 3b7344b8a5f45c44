"""Put a fitted model to the test: images whose truth is known in, a report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hierclf.classifier import HierarchicalClassifier, NotFitted
from hierclf.data import ImageSet, content_hash, join_sets, label_nodes, label_text, load_images, unmatched_labels
from hierclf.decisions import Decisions, rules
from hierclf.errors import DataError, ImageError
from hierclf.evaluation import Report, Terms, evaluate_reading, flat_baseline
from hierclf.model import Model
from hierclf.reading import Reading
from hierclf.taxonomy import Taxonomy
from hierclf.training import embedding_matrix, target_column, target_texts

# n images, m of them images of other or new below a node


@dataclass(frozen=True, kw_only=True, eq=False)
class Examination:
    """A report with what it rests on.

    Args:
        report: the metrics and all else.
        images: the examined images, known ones first, or None when embeddings were examined.
        label_n: node ids, -1 for other, int64; the node that it is new below for an image of a new kind.
        novel_n: which images are of new kinds, bool.
        reading: what the model saw.
        decisions: what it decided.
    """

    report: Report
    images: ImageSet | None
    label_n: np.ndarray
    novel_n: np.ndarray
    reading: Reading
    decisions: Decisions


def evaluate(
    model: HierarchicalClassifier,
    images: Any,
    labels: Any = None,
    *,
    other: Any = None,
    novel: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """Measure what a model's decisions are worth.

    Args:
        model: a fitted classifier.
        images: labelled images (or embeddings), as in `HierarchicalClassifier.fit`.
        labels: one per image, where the images do not come with theirs.
        other: images that are none of the classes.
        novel: by the name of a meta-class, images of classes that belong below it but that the model does not know:
            ``{"letter": "data/greek"}``. Below the root they are other.
        notes: sentences to hand on to the reader.

    Returns:
        The metrics, the promise against what was measured, the flat baseline beside ours; see `Report`.

    Raises:
        DataError: no labels, labels that match no class, or new images below a class that is no meta-class.
        UnknownName: new images below a node that is not there.
    """
    return examine(model, images, labels, other=other, novel=novel, notes=notes).report


def examine(
    model: HierarchicalClassifier,
    images: Any,
    labels: Any = None,
    *,
    other: Any = None,
    novel: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Examination:
    """`evaluate`, with readings and decisions kept; the arguments are the same."""
    if not hasattr(model, "model_"):
        raise NotFitted("this HierarchicalClassifier is not fitted yet; call fit, or load a saved model")
    unknown = _unknown(other, novel or {}, model.taxonomy_)
    if model.model_.backbone is None:
        width = model.model_.in_features
        known_nD = embedding_matrix(images, width=width)
        label_n = _label_nodes(target_texts(target_column(labels, len(known_nD))), model.taxonomy_)
        parts = [embedding_matrix(source, width=width) for source, _ in unknown]
        together = torch.cat([known_nD, *parts])
        if parts:
            rows = [row.tobytes() for row in together.numpy()]
            notes = (*notes, *_copies(rows[: len(known_nD)], rows[len(known_nD) :]))
        return judge(model, model.read(together), *_truth(label_n, unknown, parts), notes=notes)
    known = load_images(images, labels)
    if known.labels is None:
        raise DataError("images without labels cannot be evaluated: give a folder of class folders, or labels=")
    label_n = _label_nodes(known.labels, model.taxonomy_)
    sets = [load_images(source) for source, _ in unknown]
    if sets:
        strangers = [content for one in sets for content in _contents(one)]
        notes = (*notes, *_copies(_contents(known), strangers))
    joined = join_sets([known, *sets])
    return judge(model, model.read(joined), *_truth(label_n, unknown, sets), images=joined, notes=notes)


def _unknown(other: Any, novel: Mapping[str, Any], taxonomy: Taxonomy) -> list[tuple[Any, int]]:
    """Sources of unknown images, each with the node below which they are new, -1 for other; those of other first."""
    sources: list[tuple[Any, int]] = [] if other is None else [(other, -1)]
    for name, source in novel.items():
        node = taxonomy.index(name)
        if not taxonomy.children(name):
            raise DataError(f"novel= is about images below a meta-class; {name!r} is a class and has nothing below it")
        sources.append((source, node if node else -1))
    return sources


def _truth(
    label_n: np.ndarray, unknown: Sequence[tuple[Any, int]], parts: Sequence[ImageSet | torch.Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    """Node ids of known and unknown images, and which of them are new below theirs."""
    node_m = np.repeat([node for _, node in unknown], [len(part) for part in parts]).astype(np.int64)
    known_n = np.zeros(len(label_n), dtype=np.bool_)
    return np.concatenate([label_n, node_m]), np.concatenate([known_n, node_m > 0])


def _label_nodes(labels: Sequence[Any], taxonomy: Taxonomy) -> np.ndarray:
    """Node ids; an error about labels without a class also says where images of new classes go."""
    try:
        return label_nodes(labels, taxonomy)
    except DataError as error:
        if not any(one.label for one in unmatched_labels(map(label_text, labels), taxonomy)):
            raise
        raise DataError(
            f"{error}; images of classes that are new below a meta-class are given apart: novel={{NODE: images}}, or "
            "--novel NODE=DIR"
        ) from None


def _contents(image_set: ImageSet) -> list[str]:
    """What tells one image from another, of those that can be read; nothing of a torch data set, which may be slow."""
    contents: list[str] = []
    if image_set.kind != "dataset":
        for place in range(len(image_set)):
            with suppress(ImageError):
                contents.append(content_hash(image_set, place))
    return contents


def _copies(known: Sequence[str | bytes], unknown: Sequence[str | bytes]) -> tuple[str, ...]:
    """A note on images that are examined both as known and as unknown: one of the two answers is counted as wrong."""
    count = sum(map(set(known).__contains__, unknown))
    if not count:
        return ()
    told = "1 unknown image is a copy" if count == 1 else f"{count} unknown images are copies"
    return (f"{told} of known ones; whatever is decided about such an image, it counts as wrong once.",)


def judge(
    model: HierarchicalClassifier,
    reading: Reading,
    label_n: np.ndarray,
    novel_n: np.ndarray | None = None,
    *,
    images: ImageSet | None = None,
    fresh: bool = True,
    notes: Sequence[str] = (),
) -> Examination:
    """Judge a reading that is there already.

    Args:
        model: the classifier that read.
        reading: n images.
        label_n: their node ids, -1 for other.
        novel_n: which of them are new below the node of their label, bool; None: none.
        images: the images themselves, for thumbnails.
        fresh: whether known images are new to the gate; on its own calibration images no promise can be tested.
        notes: sentences to hand on to the reader.
    """
    inner = model.model_
    novel_n = np.zeros(len(label_n), dtype=np.bool_) if novel_n is None else novel_n
    decisions = inner.decide(reading)
    baseline = flat_baseline(
        reading.baseline_log_probs_BL.exp().numpy(),
        label_n,
        inner.plan,
        threshold=inner.baseline_threshold,
        alpha=inner.alpha,
        calibration_images=len(inner.baseline.calibration_scores) if inner.gate is not None else None,
        novel_n=novel_n,
    )
    report = evaluate_reading(
        reading,
        decisions,
        label_n,
        inner.plan,
        model.taxonomy_,
        terms_of(inner),
        novel_n=novel_n,
        fresh=fresh,
        baseline=baseline,
        notes=notes,
    )
    return Examination(
        report=report, images=images, label_n=label_n, novel_n=novel_n, reading=reading, decisions=decisions
    )


def terms_of(model: Model) -> Terms:
    """What a model promised, and what was expected of its gates."""
    gate, operation = model.gate, model.operation
    return Terms(
        guarantee=gate.guarantee if gate is not None else None,
        promise=gate.promise if gate is not None else None,
        correct=operation.correct,
        correct_on=operation.calibrated_on,
        gated=model.gated_nodes,
        detections=gate.detections if gate is not None else (),
        knows_novelty=model.knows_novelty,
        routed=rules[operation.rule].route is not None,
    )
