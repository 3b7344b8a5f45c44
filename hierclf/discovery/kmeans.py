"""Groups within groups by k-means: the most obvious way from points to a tree, made to know when to stop.

All classes are divided by k-means into as many groups as give the best silhouette, and each group is divided again in
the same way. Silhouettes alone never stop this: k-means finds *some* division of any cloud, and its silhouette is above
that of no division. So a division has to stand out: the same number of groups is sought in a few structureless clouds
with the same covariance (random mixtures of the very same points), and a division that is no better than the best of
theirs is not made. The classes of such a group stand side by side, as in a star. Where a finer division has the better
silhouette, the one above it is missed: each step sees one level.

Rousseeuw, *Silhouettes: a Graphical Aid to the Interpretation and Validation of Cluster Analysis*, JCAM 1987. That a
division should be held against reference clouds is the idea of Tibshirani, Walther and Hastie, *Estimating the Number
of Clusters in a Data Set via the Gap Statistic*, JRSS B 2001.

K classes, D coordinates of a point, N nodes (classes first), n classes of a group, G groups
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from hierclf.discovery.distances import ClassDistances, Floats, unit_points
from hierclf.discovery.hierarchy import Hierarchy, hierarchies
from hierclf.discovery.induced import points_for, whole

Integers = npt.NDArray[np.int64]
RESTARTS = 4
"""Of k-means from other centres; the best is taken."""


def kmeans_tree(
    point_KD: Floats, generator: np.random.Generator, *, most: int = 30, clouds: int = 10
) -> tuple[Integers, Floats]:
    """Divide classes by k-means, then each group again, until no division stands out.

    Args:
        point_KD: one point per class, any float dtype, finite, shape ``(K, D)`` with ``K >= 1``. Only directions count
            where points were scaled to length 1 before.
        generator: of the random centres and clouds.
        most: groups of one division, at most; at least 2.
        clouds: structureless clouds to beat; 0 divides wherever the silhouette is positive.

    Returns:
        The parent of each node, int64 ``(N,)``: classes first, then the clades from the root down, the root's −1; and
        half the mean squared distance between members of different children (the cosine distance of points of length
        1), raised to that of the clades below where these are wider, float64 ``(N,)``, 0 for classes.

    >>> angle_K = np.array([0.0, 0.1, 0.2, 2.0, 2.1, 2.2, 4.0, 4.1, 4.2])
    >>> point_KD = np.stack([np.cos(angle_K), np.sin(angle_K)], axis=1)
    >>> parent_N, height_N = kmeans_tree(point_KD, np.random.default_rng(0))
    >>> parent_N.tolist(), height_N.round(2).tolist()[9:]
    ([10, 10, 10, 11, 11, 11, 12, 12, 12, -1, 9, 9, 9], [1.49, 0.01, 0.01, 0.01])
    """
    point_KD = np.asarray(point_KD, dtype=np.float64)
    classes = len(point_KD)
    parents, heights = [-1] * classes, [0.0] * classes
    todo = [(np.arange(classes), -1)]
    while todo:
        group_n, parent = todo.pop()
        clade = len(parents)
        parents.append(parent)
        label_n = division(point_KD[group_n], generator, most=most, clouds=clouds)
        heights.append(_spread(point_KD[group_n], label_n))
        parts = [group_n[label_n == label] for label in dict.fromkeys(label_n.tolist())]
        for part in parts:
            if len(part) == 1:
                parents[part[0]] = clade
        todo += [(part, clade) for part in reversed(parts) if len(part) > 1]
    for node in range(len(parents) - 1, classes, -1):  # children come after their parents
        heights[parents[node]] = max(heights[parents[node]], heights[node])
    return np.array(parents, dtype=np.int64), np.array(heights, dtype=np.float64)


def division(point_nD: Floats, generator: np.random.Generator, *, most: int, clouds: int) -> Integers:
    """The group of each point, int64 ``(n,)``; every point in a group of its own where no division stands out.

    Args:
        point_nD: float64, shape ``(n, D)`` with ``n >= 1``.
        generator: of centres and clouds.
        most: groups at most.
        clouds: structureless clouds to beat.
    """
    alone_n = np.arange(len(point_nD))
    distinct = len(np.unique(point_nD, axis=0))
    counts = range(2, min(most, distinct, len(point_nD) - 1) + 1)
    found = [_grouped(point_nD, count, generator) for count in counts]
    if not found:
        return alone_n
    silhouette, label_n = max(found, key=lambda one: one[0])  # of equal ones the coarsest
    groups = int(label_n.max()) + 1
    centred_nD = point_nD - point_nD.mean(0)
    bar = 0.0
    for _ in range(clouds):
        mixture_nn = generator.standard_normal((len(point_nD), len(point_nD))) / np.sqrt(len(point_nD))
        bar = max(bar, _grouped(mixture_nn @ centred_nD, groups, generator)[0])
    return label_n if silhouette > bar else alone_n


def _grouped(point_nD: Floats, count: int, generator: np.random.Generator) -> tuple[float, Integers]:
    """The silhouette of k-means with so many groups, and the group of each point."""
    seed = int(generator.integers(2**31))
    label_n = KMeans(count, n_init=RESTARTS, random_state=seed).fit_predict(point_nD).astype(np.int64)
    return float(silhouette_score(point_nD, label_n)), label_n


def _spread(point_nD: Floats, label_n: Integers) -> float:
    """Half the mean squared distance over pairs of points of different groups; 0 when there is no such pair."""
    size_G = np.bincount(label_n)
    pairs = (len(point_nD) ** 2 - (size_G**2).sum()) / 2
    if pairs == 0:
        return 0.0
    centred_nD = point_nD - point_nD.mean(0)
    sum_GD = np.zeros((len(size_G), centred_nD.shape[1]))
    np.add.at(sum_GD, label_n, centred_nD)
    square_n = (centred_nD**2).sum(1)
    # Σ over pairs of |x|² + |y|² − 2 xy: each point meets all that are not of its group
    squares = (square_n * (len(point_nD) - size_G[label_n])).sum()
    products = ((centred_nD.sum(0) ** 2).sum() - (sum_GD**2).sum()) / 2
    return float(max(0.0, (squares - 2 * products) / (2 * pairs)))


@dataclass(frozen=True, kw_only=True)
class RecursiveKMeans:
    """K-means on the directions of the classes, each group divided in turn.

    Args:
        most: groups of one division, at most.
        clouds: structureless clouds that a division has to beat; 0 divides wherever the silhouette is positive.
    """

    most: int = 30
    clouds: int = 10

    def __call__(self, distances: ClassDistances, generator: np.random.Generator) -> Hierarchy:
        """The hierarchy; the generator places the first centres.

        Raises:
            DataError: the classes have distances alone.
        """
        point_KD = unit_points(points_for("kmeans", distances))
        parent_N, height_N = kmeans_tree(point_KD, generator, most=self.most, clouds=self.clouds)
        return Hierarchy(classes=distances.classes, parent_N=parent_N, height_N=height_N)

    def dendrogram(self, distances: ClassDistances) -> None:
        """There is none: nothing is cut out of a larger tree."""
        return


@hierarchies.register("kmeans")
def build_recursive_kmeans(*, most: float = 30, clouds: float = 10) -> RecursiveKMeans:
    """K-means within k-means; see `RecursiveKMeans`.

    Raises:
        ConfigError: fewer than 2 groups, fewer than no clouds; or no whole number.
    """
    return RecursiveKMeans(most=whole("most", most, 2), clouds=whole("clouds", clouds, 0))
