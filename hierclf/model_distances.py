"""Distances between classes in the eyes of a model, from which `hierclf.discovery.discover` finds a taxonomy.

With pretrained features the images' embeddings are all it takes. Without, a network has to learn the classes side by
side first; then only images that it has not learnt from say which classes are alike, because a network that knows its
training images pulls all classes equally far apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from hierclf.classifier import HierarchicalClassifier
from hierclf.data import ImageSet, label_nodes, load_images
from hierclf.discovery import (
    ClassDistances,
    distances_from_confusion,
    distances_from_embeddings,
    distances_from_logits,
    distances_from_weights,
)
from hierclf.errors import ConfigError, DataError
from hierclf.heads import FlatHead, SharedHead
from hierclf.reading import Reading
from hierclf.registry import Registry

# n images, D embedding, O outputs of the head, L leaves, N nodes

FEWEST = 2
"""Images of a class that the network has not learnt from, below which its other images are taken, too."""

views: Registry[Callable[..., ClassDistances]] = Registry("view of a model")
"""What of a model to read distances from; each is called with the classifier, images and labels."""


def distances_from_images(images: Any, labels: Any = None, **settings: Any) -> ClassDistances:
    """Distances between the classes of images.

    Args:
        images: labelled images in any form that `HierarchicalClassifier.fit` takes.
        labels: one per image, where the images do not come with theirs.
        settings: of `HierarchicalClassifier`, such as ``backbone`` (``"auto"`` by default), ``image_size``, ``epochs``
            and ``seed``.

    Raises:
        HierclfError: settings or images that cannot be used.
    """
    chosen: dict[str, Any] = {"backbone": "auto", **settings}
    if chosen["backbone"] is None:
        return distances_from_embeddings(images, labels)
    plain: dict[str, Any] = {"gate": "none", "node_gates": "none", "leave_one_out": False, "head": "flat", **chosen}
    classifier = HierarchicalClassifier(**plain).fit(images, labels)
    prepared, fitted = classifier.prepared_, classifier.fitted_
    leaf_n, leaves = prepared.label_n, classifier.taxonomy_.nodes
    places, notes = np.arange(len(leaf_n)), [note for note in classifier.notes_ if note.startswith("Backbone:")]
    if fitted.trained:
        unseen = np.sort(np.concatenate([prepared.parts.tune, prepared.parts.calibration]))
        counts_L = np.bincount(leaf_n[unseen], minlength=len(leaves))[np.unique(leaf_n)]
        if counts_L.min() >= FEWEST:
            places = unseen
            notes.append(f"Read off the {len(unseen)} images that the network did not learn from.")
        else:
            notes.append(
                "Some classes have too few images for the network to leave any aside, so groups are read off images "
                "that it learnt from, which makes all classes look equally far apart."
            )
    found = distances_from_embeddings(
        fitted.embedding_nD[torch.from_numpy(places)], np.array([leaves[node] for node in leaf_n[places]], dtype=object)
    )
    return _noted(found, notes)


def distances_from_model(
    classifier: HierarchicalClassifier, images: Any = None, labels: Any = None, *, view: str = "embeddings"
) -> ClassDistances:
    """Distances between classes as a fitted model sees them.

    Args:
        classifier: fitted.
        images: in any form that it predicts on; the view ``weights`` needs none.
        labels: one per image, where the images do not come with theirs; the view ``logits`` needs none.
        view: ``embeddings`` of labelled images, of classes that the model need not know; the ``weights`` of its head;
            a ``confusion`` matrix of labelled images of its classes; or the ``logits`` that it gives for any images.

    Raises:
        UnknownName: no such view.
        HierclfError: images, labels or a head that this view cannot read.
    """
    return views[view](classifier, images, labels)


@views.register("embeddings")
def _embeddings(classifier: HierarchicalClassifier, images: Any, labels: Any) -> ClassDistances:
    if classifier.model_.backbone is None:
        return distances_from_embeddings(images, labels)
    image_set = _labelled(images, labels)
    return distances_from_embeddings(classifier.embed(image_set), _texts(image_set))


@views.register("weights")
def _weights(classifier: HierarchicalClassifier, images: Any, labels: Any) -> ClassDistances:
    head = classifier.model_.head
    if not isinstance(head, FlatHead | SharedHead):
        raise ConfigError(
            "a per_node head has weights for edges, which only compare siblings; take the view 'confusion' or 'logits'"
        )
    weight_DO = head.linear.weight.detach().double().T  # leaf scores are linear, so they map weights like logits
    return distances_from_weights(head.leaf_scores(weight_DO).T, classifier.taxonomy_.leaves)


@views.register("confusion")
def _confusion(classifier: HierarchicalClassifier, images: Any, labels: Any) -> ClassDistances:
    taxonomy = classifier.taxonomy_
    image_set = _labelled(images, labels) if classifier.model_.backbone is not None else None
    given = _texts(image_set) if image_set is not None else [str(label) for label in np.asarray(labels).ravel()]
    node_n = label_nodes(given, taxonomy)
    log_nL = _leaf_logs(classifier, image_set if image_set is not None else images)
    leaf_L = np.array([taxonomy.index(leaf) for leaf in taxonomy.leaves])
    place_N = np.full(len(taxonomy), -1)
    place_N[leaf_L] = np.arange(len(leaf_L))
    true_n = np.where(node_n >= 0, place_N[node_n], -1)
    known_n = true_n >= 0
    if not known_n.any():
        raise DataError("none of these images is of a class that the model knows; a confusion matrix counts those")
    count_LL = np.zeros((len(leaf_L), len(leaf_L)))
    np.add.at(count_LL, (true_n[known_n], log_nL.argmax(1)[known_n]), 1)
    seen_L = count_LL.sum(1) > 0
    notes = [] if seen_L.all() else [f"{(~seen_L).sum()} classes without an image are left out."]
    leaves = [leaf for leaf, seen in zip(taxonomy.leaves, seen_L, strict=True) if seen]
    return _noted(distances_from_confusion(count_LL[seen_L][:, seen_L], leaves), notes)


@views.register("logits")
def _logits(classifier: HierarchicalClassifier, images: Any, labels: Any) -> ClassDistances:
    if classifier.model_.backbone is not None:
        images = load_images(images, labels, labelled=False)
    return distances_from_logits(_leaf_logs(classifier, images), classifier.taxonomy_.leaves)


def _leaf_logs(classifier: HierarchicalClassifier, images: Any) -> np.ndarray:
    reading: Reading = classifier.read(images)
    if reading.errors:
        raise DataError("; ".join(reading.errors.values()))
    taxonomy = classifier.taxonomy_
    columns = [taxonomy.index(leaf) for leaf in taxonomy.leaves]
    logs: np.ndarray = reading.node_log_probs_BN[:, columns].numpy()
    lowest: np.ndarray = np.maximum(logs, -700.0)  # below it float64 knows no probability
    return lowest


def _labelled(images: Any, labels: Any) -> ImageSet:
    image_set = load_images(images, labels)
    if image_set.labels is None:
        raise DataError("images without labels do not say which classes are alike: give a folder of class folders")
    return image_set


def _texts(image_set: ImageSet) -> list[str]:
    assert image_set.labels is not None
    return [str(label) for label in image_set.labels]


def _noted(distances: ClassDistances, notes: Sequence[str]) -> ClassDistances:
    return replace(distances, notes=(*notes, *distances.notes))
