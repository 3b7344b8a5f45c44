"""How far apart the classes are, whatever that was read from.

Every way to find a taxonomy starts from one table: a distance for each pair of classes. It may come from embeddings
(`distances_from_embeddings`), from a classifier's weights, from a confusion matrix or from logits. Where it came from
images, it can be had anew from images drawn with replacement; that is how we learn which groups of classes were luck.

K classes, P pairs of classes, D coordinates of a point
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hierclf.errors import DataError

Floats = npt.NDArray[np.float64]
ROWS = 256
"""Rows of the table at a time, so that a large one is never in memory twice."""
EXACT = 2000
"""Classes above which products are taken in float32, in half the time and right to about 1e-7."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassDistances:
    """A distance for each pair of classes.

    Args:
        classes: their names, all different, at least one.
        distance_P: float64, not negative, finite, in scipy's condensed order (pairs 01, 02, …, 12, …), so of shape
            ``(K (K - 1) / 2,)``.
        point_KD: float64 points of which these are the cosine distances, for what needs points; or None.
        resample: gives the distances anew, from images drawn with replacement; or None where there are no images.
        notes: what was assumed on the way, in sentences.

    Raises:
        DataError: names twice, or a table that does not fit them.
    """

    classes: tuple[str, ...]
    distance_P: Floats
    point_KD: Floats | None = None
    resample: Callable[[np.random.Generator], ClassDistances] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        k = len(self.classes)
        if k == 0:
            raise DataError("no classes to group; expected at least one")
        if len(set(self.classes)) < k:
            twice = next(name for place, name in enumerate(self.classes) if name in self.classes[:place])
            raise DataError(f"the class {twice!r} is listed twice; each class has one row")
        if self.distance_P.shape != (k * (k - 1) // 2,):
            raise DataError(
                f"{k} classes have {k * (k - 1) // 2} pairs, got distances of shape {self.distance_P.shape}"
            )
        if k > 1 and not (self.distance_P.min() >= 0 and self.distance_P.max() < np.inf):  # false for NaN
            raise DataError("distances between classes must be finite and not negative")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def can_resample(self) -> bool:
        """Whether it is known how these distances would differ with other images."""
        return self.resample is not None

    def resampled(self, generator: np.random.Generator) -> ClassDistances:
        """The distances that images drawn with replacement give (Efron's bootstrap, within each class).

        Raises:
            DataError: these distances do not come from images.
        """
        if self.resample is None:
            raise DataError("there are no images to draw from: support of clades takes embeddings, logits or counts")
        return self.resample(generator)


def named(classes: Sequence[object]) -> tuple[str, ...]:
    """Names of classes as text.

    Raises:
        DataError: none, or one that is no text or whole number.
    """
    names = []
    for value in classes:
        if isinstance(value, np.generic):
            value = value.item()
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise DataError(f"a class is called by a text or a whole number, got {value!r}")
        names.append(str(value))
    return tuple(names)


def cosine_distances(point_KD: Floats) -> Floats:
    """One minus the cosine between each pair of points, seen from their mean, condensed, shape ``(P,)``.

    A point at the mean itself has no direction: its distance to every other is 1, that between two such points 0
    only if all are there.

    >>> cosine_distances(np.array([[1.0, 0.0], [-1.0, 0.1], [-1.0, -0.1]])).round(2)
    array([1.99, 1.99, 0.04])
    """
    k = len(point_KD)
    unit_KD = unit_points(point_KD)
    unit_KD = unit_KD.astype(np.float32) if k > EXACT else unit_KD
    distance_P = np.empty(k * (k - 1) // 2)
    done = 0
    for start in range(0, k, ROWS):
        block_RK = unit_KD[start : start + ROWS] @ unit_KD[start:].T
        for row in range(len(block_RK)):
            pairs = k - start - row - 1
            np.subtract(1.0, block_RK[row, row + 1 :], out=distance_P[done : done + pairs])
            done += pairs
    return np.clip(distance_P, 0.0, 2.0, out=distance_P)


def unit_points(point_KD: Floats) -> Floats:
    """Directions of points, seen from their mean; a point at the mean stays there."""
    unit_KD: Floats = point_KD - point_KD.mean(0)
    length_K = np.sqrt(np.einsum("kd,kd->k", unit_KD, unit_KD))
    scale = max(point_KD.max(initial=0.0), -point_KD.min(initial=0.0))
    here_K = length_K > 1e-12 * max(scale, np.finfo(np.float64).tiny)
    unit_KD /= np.where(here_K, length_K, 1.0)[:, None]
    unit_KD[~here_K] = 0.0
    return unit_KD
