"""Distances between classes, from how often one is taken for the other.

Two classes are alike if they are mistaken for each other. Confusions fall off exponentially with distance (Shepard,
*Stimulus and response generalization*, Psychometrika 1957; Luce, *Detection and recognition*, 1963: the choice model
with symmetric similarities), so the distance is a logarithm, and its square is what a dendrogram is built on, as it is
on cosine distances, which are squares as well:

    d(a, b) = ¼ log² [ p(b|a) p(a|b) / (p(a|a) p(b|b)) ].

How often each class is given as an answer at all cancels in it.

K classes
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hierclf.discovery.distances import ClassDistances, Floats, named
from hierclf.errors import DataError


def distances_from_confusion(counts: npt.ArrayLike, classes: Sequence[object]) -> ClassDistances:
    """Distances between classes that are mistaken for each other.

    Args:
        counts: how many images of the class of each row were taken for the class of each column, not negative, shape
            ``(K, K)``. Counts, not rates: a pair without a confusion is as far apart as its number of images allows to
            say (one further image, spread over all answers, is added to each row).
        classes: names of the K classes, in the order of the rows.

    Raises:
        DataError: no square table of finite numbers from 0 on, or names that do not fit it.

    >>> counts = [[90, 10, 0], [12, 88, 0], [1, 0, 99]]
    >>> distances_from_confusion(counts, ["cat", "dog", "car"]).distance_P.round(1)
    array([ 4.3, 24.6, 31.8])
    """
    names = named(classes)
    try:
        count_KK = np.array(counts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"a confusion matrix is a square table of counts: {error}") from error
    if count_KK.shape != (len(names), len(names)):
        raise DataError(
            f"{len(names)} classes take a confusion matrix of as many rows and columns, got {count_KK.shape}"
        )
    if not np.isfinite(count_KK).all() or (count_KK < 0).any():
        raise DataError("counts of a confusion matrix are finite and not negative")
    total_K = count_KK.sum(1)
    if (total_K == 0).any():
        empty = names[int((total_K == 0).argmax())]
        raise DataError(f"no image of {empty!r} was counted, so nothing is known of it; leave the class out")
    if (total_K < 1.5).all():
        raise DataError(
            "expected counts, got shares: how sure a confusion is depends on the number of images behind it"
        )
    return _distances(names, count_KK, count_KK)


def _distances(names: tuple[str, ...], count_KK: Floats, seen_KK: Floats) -> ClassDistances:
    k = len(names)
    log_KK = np.log((count_KK + 1 / k) / (count_KK.sum(1, keepdims=True) + 1))
    own_K = np.diag(log_KK)
    far_KK = (own_K[:, None] + own_K[None, :] - log_KK - log_KK.T) / 2
    above = np.triu_indices(k, 1)

    def resample(generator: np.random.Generator) -> ClassDistances:
        drawn = [generator.multinomial(round(row.sum()), row / row.sum()) for row in seen_KK]
        return _distances(names, np.array(drawn, dtype=np.float64), seen_KK)

    return ClassDistances(classes=names, distance_P=np.maximum(far_KK[above], 0.0) ** 2, resample=resample)
