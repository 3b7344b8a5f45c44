"""Distances between classes, from nothing but the logits that a classifier gives for some images.

With labels, logits are embeddings like any others. Without, two classes are alike if the same images speak for both:
the distance is one minus the correlation of their logits over the images, each image's mean taken out first (softmax
does not see it).

n images, K classes
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from hierclf.discovery.distances import ClassDistances, Floats, named
from hierclf.discovery.embedded import distances_from_embeddings
from hierclf.errors import DataError


def distances_from_logits(
    logits: npt.ArrayLike, classes: Sequence[object], labels: npt.ArrayLike | None = None
) -> ClassDistances:
    """Distances between the classes that logits speak of.

    Args:
        logits: finite, shape ``(n, K)``; probabilities will not do, their logarithms will.
        classes: names of the K classes, in the order of the columns.
        labels: the class of each image by name, shape ``(n,)``, if known.

    Raises:
        DataError: no such table, fewer than two images, names that do not fit, or labels that are none of the classes.
    """
    names = named(classes)
    if isinstance(logits, torch.Tensor):
        logits = logits.detach().cpu().numpy()
    try:
        logit_nK = np.asarray(logits, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"logits must be a table of numbers: {error}") from error
    if logit_nK.ndim != 2 or logit_nK.shape[1] != len(names) or len(logit_nK) < 2:
        raise DataError(f"expected logits of at least two images for {len(names)} classes, got shape {logit_nK.shape}")
    if not np.isfinite(logit_nK).all():
        raise DataError("logits must be finite; leave out images for which they are not")
    logit_nK = logit_nK - logit_nK.mean(1, keepdims=True)
    if labels is None:
        return _correlated(names, logit_nK, logit_nK)
    label_n = named(np.asarray(labels).ravel().tolist())
    strange = sorted(set(label_n) - set(names))
    if strange:
        raise DataError(f"the label {strange[0]!r} is none of the classes of the logits")
    return distances_from_embeddings(logit_nK, np.array(label_n))


def _correlated(names: tuple[str, ...], drawn_nK: Floats, seen_nK: Floats) -> ClassDistances:
    centred_nK = drawn_nK - drawn_nK.mean(0)
    length_K = np.linalg.norm(centred_nK, axis=0)
    unit_nK = np.divide(centred_nK, length_K, out=np.zeros_like(centred_nK), where=length_K > 0)
    far_KK = 1 - unit_nK.T @ unit_nK

    def resample(generator: np.random.Generator) -> ClassDistances:
        return _correlated(names, seen_nK[generator.integers(0, len(seen_nK), len(seen_nK))], seen_nK)

    above = np.triu_indices(len(names), 1)
    return ClassDistances(classes=names, distance_P=np.clip(far_KK[above], 0.0, 2.0), resample=resample)
