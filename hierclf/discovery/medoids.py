"""The most typical class of a group: the one nearest to the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hierclf.discovery.distances import ClassDistances, unit_points

# K classes, D coordinates, m members of a group

ROWS = 256
"""Members at a time, so that a large group takes little memory."""


def medoids(distances: ClassDistances, groups: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """The member of each group with the least mean distance to the others; the first of several.

    >>> line = ClassDistances(classes=("a", "b", "c"), distance_P=np.array([1.0, 3.0, 2.0]))
    >>> medoids(line, [(0, 1, 2), (0, 2)])
    (1, 0)
    """
    unit_KD = None if distances.point_KD is None else unit_points(distances.point_KD)
    found = []
    for group in groups:
        member_m = np.array(group)
        if unit_KD is not None:  # the mean cosine distance to all is 1 - the product with their mean
            far_m = -unit_KD[member_m] @ unit_KD[member_m].mean(0)
        else:
            far_m = _total_distances(distances, member_m)
        found.append(int(member_m[np.flatnonzero(far_m <= far_m.min() + 1e-12)[0]]))
    return tuple(found)


def _total_distances(distances: ClassDistances, member_m: np.ndarray) -> np.ndarray:
    k = len(distances)
    totals = np.empty(len(member_m))
    for start in range(0, len(member_m), ROWS):
        low_Rm = np.minimum(member_m[start : start + ROWS, None], member_m[None, :])
        high_Rm = np.maximum(member_m[start : start + ROWS, None], member_m[None, :])
        place_Rm = np.where(low_Rm == high_Rm, 0, low_Rm * (2 * k - low_Rm - 1) // 2 + high_Rm - low_Rm - 1)
        far_Rm = np.where(low_Rm == high_Rm, 0.0, distances.distance_P[place_Rm])
        totals[start : start + ROWS] = far_Rm.sum(1)
    return totals
