"""Classes that stand between two groups: second parents. Experimental.

A tree puts a class under one group even where it is as near to another: a tomato is a fruit to the botanist and a
vegetable to the cook. A class gets the other group as a second parent if its mean distance to the members of that group
is within ``1 + ε`` times that to its own siblings in at least half of the samples of images drawn with replacement.

K classes, G groups
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.spatial.distance import squareform

from hierclf.discovery.distances import ClassDistances, Floats
from hierclf.discovery.hierarchy import Hierarchy

HALF = 0.5


def second_parents(
    hierarchy: Hierarchy, samples: Iterable[ClassDistances], *, epsilon: float, share: float = HALF
) -> tuple[tuple[int, int, float], ...]:
    """Classes that are about as near to another group as to their own.

    Args:
        hierarchy: with one parent for each class.
        samples: resampled distances of its classes.
        epsilon: how much farther the second parent's members may be, from 0 on.
        share: of the samples that have to agree.

    Returns:
        Triples (class, group, share of the samples), by class and group. Classes right below the root have no siblings
        that mean anything, and get none; a group that holds the class already, or lies next to the root with it, is no
        second parent.
    """
    k, groups = len(hierarchy.classes), list(hierarchy.groups)
    inside_GK = np.zeros((len(groups), k))
    for place, members in enumerate(hierarchy.members):
        inside_GK[place, list(members)] = 1
    own_K = hierarchy.parent_N[:k] - k
    root = hierarchy.root - k
    open_GK = (inside_GK == 0) & (own_K != root)[None, :]
    votes_GK = np.zeros((len(groups), k))
    count = 0
    for sample in samples:
        mean_GK = _mean_distances(sample.distance_P, inside_GK)
        near_GK = mean_GK <= (1 + epsilon) * mean_GK[own_K, np.arange(k)][None, :]
        votes_GK += near_GK & open_GK
        count += 1
    shares_GK = votes_GK / max(count, 1)
    kept = [(leaf, group) for group, leaf in np.argwhere((shares_GK >= share) & open_GK).tolist()]
    lowest = [pair for pair in kept if not _implied(pair, kept, hierarchy)]
    return tuple((leaf, groups[group], float(shares_GK[group, leaf])) for leaf, group in sorted(lowest))


def _mean_distances(distance_P: Floats, inside_GK: Floats) -> Floats:
    """Mean distance of each class to the members of each group, itself left out."""
    total_GK = inside_GK @ squareform(distance_P, checks=False)
    others_GK = inside_GK.sum(1, keepdims=True) - inside_GK
    means: Floats = np.divide(total_GK, others_GK, out=np.full_like(total_GK, np.inf), where=others_GK > 0)
    return means


def _implied(pair: tuple[int, int], kept: list[tuple[int, int]], hierarchy: Hierarchy) -> bool:
    """Whether a group below this one is a second parent of the same class, too: the lowest one says it all."""
    leaf, group = pair
    members = set(hierarchy.members[group])
    return any(other == leaf and below != group and set(hierarchy.members[below]) < members for other, below in kept)
