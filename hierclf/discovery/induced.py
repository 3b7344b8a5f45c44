"""The induced hierarchy of NBDT: a binary dendrogram with every one of its nodes kept.

*Neural-Backed Decision Trees* clusters the rows of a classifier's last weight matrix, scaled to length 1, by Ward's
linkage and takes the whole binary tree for the taxonomy. It is here because people use it, as a yardstick: K classes
always give K − 2 meta-classes below the root, whether the classes form groups or not, so most of them are artefacts of
merging two things at a time.

Wan et al., *NBDT: Neural-Backed Decision Tree*, ICLR 2021, arXiv:2004.00221. Ward, *Hierarchical Grouping to Optimize
an Objective Function*, JASA 1963.

K classes, D coordinates of a point, N nodes (classes first), M merges
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import linkage

from hierclf.discovery.dendrogram import Dendrogram
from hierclf.discovery.distances import ClassDistances, Floats
from hierclf.discovery.hierarchy import Hierarchy, hierarchies
from hierclf.errors import ConfigError, DataError


def ward_of_directions(point_KD: Floats) -> Dendrogram:
    """Ward's linkage on points scaled to length 1; unlike elsewhere, directions are seen from the origin.

    Args:
        point_KD: one point per class, any float dtype, finite, shape ``(K, D)`` with ``K >= 1``; a point at the origin
            stays there.

    >>> ward_of_directions(np.array([[1.0, 0.0], [9.0, 0.9], [-1.0, 0.0]])).merge_M4.round(2).tolist()
    [[0.0, 1.0, 0.1, 2.0], [2.0, 3.0, 2.31, 3.0]]
    """
    point_KD = np.asarray(point_KD, dtype=np.float64)
    if len(point_KD) == 1:
        return Dendrogram(merge_M4=np.empty((0, 4)))
    length_K1 = np.linalg.norm(point_KD, axis=1, keepdims=True)
    return Dendrogram(merge_M4=linkage(point_KD / np.where(length_K1 > 0, length_K1, 1.0), "ward"))


def every_merge(classes: tuple[str, ...], dendrogram: Dendrogram) -> Hierarchy:
    """The hierarchy of all nodes of a dendrogram; the root of a single class is one of its own.

    >>> tree = every_merge(("a", "b", "c"), ward_of_directions(np.array([[1.0, 0.0], [9.0, 0.9], [-1.0, 0.0]])))
    >>> tree.parent_N.tolist(), tree.height_N.round(2).tolist()
    ([3, 3, 4, 4, -1], [0.0, 0.0, 0.0, 0.1, 2.31])
    """
    k = len(classes)
    parent_N = np.full(max(2 * k - 1, 2), -1, dtype=np.int64)
    parent_N[dendrogram.child_M2] = np.arange(k, 2 * k - 1)[:, None]
    height_N = dendrogram.height_N
    if k == 1:
        parent_N[0], height_N = 1, np.zeros(2)
    return Hierarchy(classes=classes, parent_N=parent_N, height_N=height_N, dendrogram=dendrogram)


@dataclass(frozen=True, kw_only=True)
class Induced:
    """NBDT's induced hierarchy."""

    def __call__(self, distances: ClassDistances, generator: np.random.Generator) -> Hierarchy:
        """The hierarchy; nothing about it is random.

        Raises:
            DataError: the classes have distances alone.
        """
        return every_merge(distances.classes, self.dendrogram(distances))

    def dendrogram(self, distances: ClassDistances) -> Dendrogram:
        """The same tree as a dendrogram.

        Raises:
            DataError: the classes have distances alone.
        """
        return ward_of_directions(points_for("nbdt", distances))


def points_for(method: str, distances: ClassDistances) -> Floats:
    """The points of classes.

    Raises:
        DataError: there are none; the message says which methods go without.
    """
    if distances.point_KD is None:
        raise DataError(
            f"the method {method!r} needs a point per class, and these classes have distances alone; "
            f"take average, complete, single, weighted or hdbscan, or give embeddings or weights"
        )
    return distances.point_KD


def whole(name: str, value: float, least: int) -> int:
    """An option that counts something.

    Raises:
        ConfigError: no whole number, or fewer than the least.
    """
    if value != int(value) or value < least:
        raise ConfigError(f"{name} is a whole number, at least {least}, got {value!r}")
    return int(value)


@hierarchies.register("nbdt")
def build_induced(**options: float) -> Induced:
    """NBDT's way; it has no options."""
    if options:
        raise TypeError(f"nbdt takes no options, got {next(iter(options))!r}")
    return Induced()
