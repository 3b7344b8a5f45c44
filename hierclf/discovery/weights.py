"""Distances between classes, from the weights of a classifier.

A linear classifier keeps one direction of the embedding for each class. Classes of like directions answer to like
images; Wan et al., *NBDT: Neural-Backed Decision Trees*, ICLR 2021, arXiv:2004.00221, build their trees from them.

K classes, D embedding
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from hierclf.discovery.distances import ClassDistances, cosine_distances, named
from hierclf.errors import DataError


def distances_from_weights(weights: npt.ArrayLike, classes: Sequence[object]) -> ClassDistances:
    """Cosine distances between the classes' weight vectors, seen from their mean.

    Softmax does not change when one vector is added to the weights of all classes, and neither do these distances.

    Args:
        weights: one row per class, finite, shape ``(K, D)``.
        classes: names of the K classes, in the order of the rows.

    Raises:
        DataError: no such table, or names that do not fit it.

    >>> distances_from_weights([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.0]], ["cat", "dog", "car"]).distance_P.round(2)
    array([0.01, 2.  , 2.  ])
    """
    names = named(classes)
    if isinstance(weights, torch.Tensor):
        weights = weights.detach().cpu().numpy()
    try:
        weight_KD = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"weights must be a table of numbers: {error}") from error
    if weight_KD.ndim != 2 or len(weight_KD) != len(names) or 0 in weight_KD.shape:
        raise DataError(f"{len(names)} classes take one row of weights each, got shape {weight_KD.shape}")
    if not np.isfinite(weight_KD).all():
        raise DataError("weights of a classifier must be finite")
    return ClassDistances(classes=names, distance_P=cosine_distances(weight_KD), point_KD=weight_KD)
