"""The whole binary tree that agglomerative clustering builds, before anything is cut.

K classes, M merges (K - 1), N nodes of the dendrogram (2 K - 1): the classes first, then the merges in order
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import linkage

from hierclf.discovery.distances import ClassDistances, Floats, unit_points
from hierclf.errors import DataError

LINKAGES = ("average", "complete", "single", "weighted", "ward", "centroid", "median")
"""What scipy knows; the last three see points instead of distances."""
SPATIAL = ("ward", "centroid", "median")
Integers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dendrogram:
    """Who joins whom, and at what distance.

    Args:
        merge_M4: scipy's linkage matrix: the two nodes that join, their distance, the number of classes below.
    """

    merge_M4: Floats

    def __len__(self) -> int:
        return len(self.merge_M4) + 1

    @property
    def root(self) -> int:
        """The last node."""
        return 2 * len(self.merge_M4)

    @cached_property
    def child_M2(self) -> Integers:
        """The two nodes below each merge."""
        return self.merge_M4[:, :2].astype(np.int64)

    @cached_property
    def height_N(self) -> Floats:
        """The distance at which the members of each node join; 0 for classes.

        Centroid and median linkage may join two nodes at a smaller distance than one of them did before; such a merge
        counts as high as the highest below it, so that heights never fall towards the root.
        """
        k = len(self)
        heights = [0.0] * k
        for (left, right), height in zip(self.child_M2.tolist(), self.merge_M4[:, 2].tolist(), strict=True):
            heights.append(max(height, heights[left], heights[right]))
        return np.array(heights)

    @cached_property
    def size_N(self) -> Integers:
        """Classes below each node; 1 for classes."""
        return np.concatenate([np.ones(len(self), dtype=np.int64), self.merge_M4[:, 3].astype(np.int64)])

    def members(self, node: int) -> tuple[int, ...]:
        """The classes below a node, sorted."""
        k, found, waiting = len(self), [], [node]
        while waiting:
            here = waiting.pop()
            if here < k:
                found.append(here)
            else:
                waiting.extend(self.child_M2[here - k].tolist())
        return tuple(sorted(found))

    def marks(self, mark_K: Marks) -> Marks:
        """A number for the set of classes below each node: the sum of its members' own, modulo 2⁶⁴.

        Two nodes of different dendrograms have the same members if, but for a chance of about 1 in 10¹⁹, they have the
        same number; so sets are compared without being listed.

        Args:
            mark_K: a random number for each class, uint64.

        Returns:
            uint64, shape ``(N,)``.
        """
        values = mark_K.tolist()
        for left, right in self.child_M2.tolist():
            values.append((values[left] + values[right]) & 0xFFFF_FFFF_FFFF_FFFF)
        return np.array(values, dtype=np.uint64)


def dendrogram_of(distances: ClassDistances, method: str) -> Dendrogram:
    """Join the two nearest nodes, again and again.

    Args:
        distances: of at least one class.
        method: what the distance between two nodes is, one of `LINKAGES`.

    Raises:
        DataError: `method` needs points (`SPATIAL`), and these distances have none.

    Müllner, *Modern hierarchical, agglomerative clustering algorithms*, 2011, arXiv:1109.2378 (scipy's).
    """
    if len(distances) == 1:
        return Dendrogram(merge_M4=np.empty((0, 4)))
    if method not in SPATIAL:
        return Dendrogram(merge_M4=linkage(distances.distance_P, method))
    if distances.point_KD is None:
        others = ", ".join(name for name in LINKAGES if name not in SPATIAL)
        raise DataError(f"the linkage {method!r} needs points, and these classes have distances alone; take {others}")
    return Dendrogram(merge_M4=linkage(unit_points(distances.point_KD), method))
