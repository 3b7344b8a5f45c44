"""The condensed cluster tree of HDBSCAN, over classes.

HDBSCAN asks at which densities a group of points exists. The distance between two points is first raised to their *core
distances* (how far each has to reach for its neighbours), so that thin regions move apart:

    reach(a, b) = max(core(a), core(b), distance(a, b))

Single linkage on these distances is a dendrogram in which most splits only shave a point or two off a group. It is
*condensed*: read from the top, a split counts where at least two of its sides hold enough classes; a smaller side falls
out, its classes hang on the clade that they fell out of, and the clade goes on without them. Sides that part at one
and the same distance part at once, so ties do not depend on the order of the classes.

Campello, Moulavi and Sander, *Density-Based Clustering Based on Hierarchical Density Estimates*, PAKDD 2013; McInnes
and Healy, *Accelerated Hierarchical Density Based Clustering*, ICDMW 2017, arXiv:1705.07321.

K classes, P pairs of classes, N nodes (classes first), R rows at a time
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from hierclf.discovery.dendrogram import Dendrogram
from hierclf.discovery.distances import ROWS, ClassDistances, Floats
from hierclf.discovery.hierarchy import Hierarchy, hierarchies
from hierclf.discovery.induced import whole


def reachability(distance_P: Floats, classes: int, neighbours: int) -> Floats:
    """Distances raised to the core distances of both ends, float64, shape ``(P,)``.

    Args:
        distance_P: of all pairs of classes in scipy's condensed order, any float dtype.
        classes: number of classes ``K``.
        neighbours: classes within the core distance, itself among them; with more than there are, all of them. Up to
            2, distances stay as they are: the nearest of all others is never farther than any one of them.
    """
    distance_P = np.asarray(distance_P, dtype=np.float64)
    place = min(neighbours, classes) - 1
    if place <= 1:
        return distance_P
    square_KK = squareform(distance_P, checks=False)
    starts = range(0, classes, ROWS)
    core_K = np.concatenate([np.partition(square_KK[start : start + ROWS], place)[:, place] for start in starts])
    for start in starts:
        row_RK = square_KK[start : start + ROWS]
        np.maximum(row_RK, np.maximum(core_K[start : start + ROWS, None], core_K), out=row_RK)
    np.fill_diagonal(square_KK, 0.0)
    return np.asarray(squareform(square_KK, checks=False))


def condensed(dendrogram: Dendrogram, cluster_size: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """What remains of a dendrogram when only splits into groups of some size count.

    Args:
        dendrogram: of ``K`` classes.
        cluster_size: classes that a group needs, at least 2.

    Returns:
        The parent of each node, int64 ``(N,)``: classes first, then the clades from the root down, the root's -1; and
        the distance at which all members of a node have joined, float64 ``(N,)``, 0 for classes.

    >>> from scipy.spatial.distance import pdist
    >>> near, far, alone = [0.0, 0.1, 0.2], [5.0, 5.3], [10.5]
    >>> merge_M4 = linkage(pdist(np.array([near + far + alone]).T), "single")
    >>> parent_N, height_N = condensed(Dendrogram(merge_M4=merge_M4), 2)
    >>> parent_N.tolist()
    [7, 7, 7, 8, 8, 6, -1, 6, 6]
    >>> height_N.round(2).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.2, 0.1, 0.3]
    """
    k = len(dendrogram)
    if k == 1:
        return np.array([1, -1], dtype=np.int64), np.zeros(2)
    child_M2, size_N, height_N = dendrogram.child_M2.tolist(), dendrogram.size_N.tolist(), dendrogram.height_N.tolist()
    parents, heights = [-1] * k, [0.0] * k
    todo = [(dendrogram.root, -1)]  # where a clade begins, and the clade above
    while todo:
        top, above = todo.pop()
        clade = len(parents)
        parents.append(above)
        heights.append(height_N[top])
        goes_on = [top]
        while len(goes_on) == 1:
            arms = _arms(goes_on[0], child_M2, height_N)
            goes_on = [arm for arm in arms if size_N[arm] >= cluster_size]
            fallen = [arm for arm in arms if size_N[arm] < cluster_size]
            for arm in fallen:
                for leaf in dendrogram.members(arm):
                    parents[leaf] = clade
        todo += [(arm, clade) for arm in reversed(goes_on)]
    return np.array(parents, dtype=np.int64), np.array(heights, dtype=np.float64)


def _arms(node: int, child_M2: list[list[int]], height_N: list[float]) -> list[int]:
    """What parts at the height of a node: its children, through merges at the same height."""
    k, waiting = len(child_M2) + 1, [node]
    arms: list[int] = []
    while waiting:
        for child in child_M2[waiting.pop() - k]:
            same = child >= k and height_N[child] == height_N[node]
            (waiting if same else arms).append(child)
    return arms


@dataclass(frozen=True, kw_only=True)
class CondensedTree:
    """HDBSCAN's condensed cluster tree.

    Args:
        cluster_size: classes that a clade needs.
        neighbours: classes within a class's core distance, itself among them; up to 2, distances stay as they are.
    """

    cluster_size: int = 2
    neighbours: int = 2

    def __call__(self, distances: ClassDistances, generator: np.random.Generator) -> Hierarchy:
        """The hierarchy; nothing about it is random."""
        dendrogram = self.dendrogram(distances)
        parent_N, height_N = condensed(dendrogram, self.cluster_size)
        return Hierarchy(classes=distances.classes, parent_N=parent_N, height_N=height_N, dendrogram=dendrogram)

    def dendrogram(self, distances: ClassDistances) -> Dendrogram:
        """Single linkage on the raised distances, before it is condensed."""
        k = len(distances)
        if k == 1:
            return Dendrogram(merge_M4=np.empty((0, 4)))
        return Dendrogram(merge_M4=linkage(reachability(distances.distance_P, k, self.neighbours), "single"))


@hierarchies.register("hdbscan")
def build_condensed_tree(*, cluster_size: float = 2, neighbours: float = 2) -> CondensedTree:
    """HDBSCAN's condensed tree; see `CondensedTree`.

    Raises:
        ConfigError: a clade of fewer than 2 classes, or a neighbourhood of fewer than 1; or no whole number.
    """
    return CondensedTree(
        cluster_size=whole("cluster_size", cluster_size, 2), neighbours=whole("neighbours", neighbours, 1)
    )
