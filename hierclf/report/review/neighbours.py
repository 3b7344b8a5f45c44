"""How near each class is to its own group, and which other group is nearest: what a doubtful member looks like.

The distance of a class to a group is the mean distance to the group's members, that of two groups the mean over all
pairs of their members. *Other* groups share no member with a group: neither those around it nor those within.

K classes, G groups without the root, C chosen groups, R classes at a time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from hierclf.discovery import ClassDistances, Hierarchy

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
ROWS = 256
"""Classes at a time, so that ten thousand of them take little memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """The nearest other group of each class and of some groups; groups go by their nodes, -1 where there is none.

    Args:
        own_K: mean distance of each class to the other members of the lowest group that holds it; NaN for classes
            right below the root.
        other_K: the nearest group that shares no member with that lowest group, int64.
        far_K: the mean distance to it; NaN where there is none.
        other_C: the nearest other group of each chosen group, int64.
        far_C: the mean distance to it; NaN where there is none.
    """

    own_K: Floats
    other_K: Integers
    far_K: Floats
    other_C: Integers
    far_C: Floats


def neighbours(distances: ClassDistances, hierarchy: Hierarchy, chosen: Sequence[int]) -> Neighbours:
    """Measure how near classes and groups are.

    Args:
        distances: between the classes.
        hierarchy: of the same classes.
        chosen: nodes of the groups whose nearest other group is wanted, the root not among them.

    >>> from hierclf.discovery import ClassDistances, Hierarchy
    >>> line = ClassDistances(classes=tuple("abcd"), distance_P=np.array([1.0, 5, 9, 4, 8, 4]))
    >>> near = neighbours(line, Hierarchy.of(tuple("abcd"), [(0, 1), (2, 3)]), [5, 6])
    >>> near.own_K.tolist(), near.far_K.tolist(), near.other_C.tolist(), near.far_C.tolist()
    ([1.0, 1.0, 4.0, 4.0], [7.0, 6.0, 4.5, 8.5], [6, 5], [6.5, 6.5])
    """
    k = len(distances)
    node_G = np.array([node for node in hierarchy.groups if node != hierarchy.root], dtype=np.int64)
    place = {node: at for at, node in enumerate(node_G.tolist())}
    inside_GK = _indicator([hierarchy.members[node - k] for node in place], k)
    size_G = np.asarray(inside_GK.sum(axis=1), dtype=np.float64)
    own_K = np.array([place.get(node, -1) for node in hierarchy.parent_N[:k].tolist()], dtype=np.int64)
    chosen_CK = inside_GK[[place[node] for node in chosen]]

    near_K, far_K, other_K = np.full(k, np.nan), np.full(k, np.nan), np.full(k, -1, dtype=np.int64)
    total_CG = np.zeros((len(chosen), len(place)))
    for start in range(0, k, ROWS):
        row_R = np.arange(start, min(start + ROWS, k))
        total_RG = (inside_GK @ _rows(distances.distance_P, k, row_R).T).T
        grouped_R = np.flatnonzero(own_K[row_R] >= 0)
        own_R = own_K[row_R[grouped_R]]
        near_K[row_R[grouped_R]] = total_RG[grouped_R, own_R] / (size_G[own_R] - 1)
        mean_RG = total_RG / size_G
        total_CG += chosen_CK[:, row_R] @ mean_RG
        mean_RG[grouped_R] = _apart(mean_RG[grouped_R], inside_GK[own_R], inside_GK)
        other_K[row_R], far_K[row_R] = _nearest(mean_RG, node_G)
    mean_CG = total_CG / np.asarray(chosen_CK.sum(axis=1), dtype=np.float64)[:, None]
    other_C, far_C = _nearest(_apart(mean_CG, chosen_CK, inside_GK), node_G)
    return Neighbours(own_K=near_K, other_K=other_K, far_K=far_K, other_C=other_C, far_C=far_C)


def _indicator(groups: Sequence[Sequence[int]], classes: int) -> csr_array:
    """Which classes each group holds, as zeros and ones, shape ``(G, K)``."""
    ends = np.cumsum([0, *(len(group) for group in groups)])
    members = np.concatenate([np.array(group, dtype=np.int64) for group in groups]) if groups else np.empty(0, int)
    return csr_array((np.ones(len(members)), members, ends), shape=(len(groups), classes))


def _rows(distance_P: Floats, k: int, row_R: Integers) -> Floats:
    """Rows of the square table of distances, shape ``(R, K)``."""
    if k == 1:
        return np.zeros((len(row_R), 1))
    all_K = np.arange(k)
    low_RK, high_RK = np.minimum(row_R[:, None], all_K), np.maximum(row_R[:, None], all_K)
    same_RK = low_RK == high_RK
    place_RK = np.where(same_RK, 0, low_RK * (2 * k - low_RK - 1) // 2 + high_RK - low_RK - 1)
    rows: Floats = np.where(same_RK, 0.0, distance_P[place_RK])
    return rows


def _apart(mean_XG: Floats, inside_XK: csr_array, inside_GK: csr_array) -> Floats:
    """Distances of some groups to all, infinite to those that share a member."""
    shared_XG = (inside_XK @ inside_GK.T).toarray() > 0
    apart: Floats = np.where(shared_XG, np.inf, mean_XG)
    return apart


def _nearest(mean_XG: Floats, node_G: Integers) -> tuple[Integers, Floats]:
    if not len(node_G):
        return np.full(len(mean_XG), -1, dtype=np.int64), np.full(len(mean_XG), np.nan)
    best_X = mean_XG.argmin(1)
    far_X = np.take_along_axis(mean_XG, best_X[:, None], 1)[:, 0]
    found_X = np.isfinite(far_X)
    return np.where(found_X, node_G[best_X], -1), np.where(found_X, far_X, np.nan)
