"""Classes that stand between two groups: second parents. Experimental.

A tree puts a class under one group even where it is as near to another: a tomato is a fruit to the botanist and a
vegetable to the cook. A group becomes a second parent of a class if, in at least half of many samples of images drawn
with replacement, the mean distance to its members is

* within ``1 + ε`` times that to the class's own siblings, or, for a class right below the root, to the nearest group;
* clearly less than the height at which the tree joins the two.

A class right below the root gets two such groups or none, and they take the root's place.

K classes, G groups
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import squareform

from hierclf.discovery.distances import ClassDistances, Floats
from hierclf.discovery.hierarchy import Hierarchy

HALF = 0.5
CLEARLY = 0.8
"""How near a class must be to another group, of the height at which the tree joins them."""
Mask = npt.NDArray[np.bool_]


def second_parents(
    hierarchy: Hierarchy, samples: Iterable[ClassDistances], *, epsilon: float, share: float = HALF
) -> tuple[tuple[int, int, float], ...]:
    """Classes that are about as near to one group as to another.

    Args:
        hierarchy: with one parent for each class.
        samples: resampled distances of its classes.
        epsilon: how much farther the second parent's members may be, from 0 on.
        share: of the samples that have to agree.

    Returns:
        Triples (class, group, share of the samples), by class and group. Where nested groups qualify, the lowest says
        it all.
    """
    k = len(hierarchy.classes)
    inside_GK = np.zeros((len(hierarchy.groups), k))
    for place, members in enumerate(hierarchy.members):
        inside_GK[place, list(members)] = 1
    parent_K = hierarchy.parent_N[:k] - k
    bare_K = parent_K == hierarchy.root - k
    reach_GK = CLEARLY * _joining_heights(hierarchy, inside_GK)
    votes_GK, count = np.zeros((len(hierarchy.groups), k)), 0
    for sample in samples:
        far_GK = np.where(inside_GK > 0, np.inf, _mean_distances(sample.distance_P, inside_GK))
        own_K = np.where(bare_K, far_GK.min(0), _own_distances(sample.distance_P, inside_GK, parent_K))
        votes_GK += (far_GK <= (1 + epsilon) * own_K) & (far_GK <= reach_GK)
        count += 1
    shares_GK = votes_GK / max(count, 1)
    kept_GK = _lowest((shares_GK >= share) & (count > 0), inside_GK)
    kept_GK &= (kept_GK.sum(0) > 1) | ~bare_K
    return tuple((leaf, k + group, float(shares_GK[group, leaf])) for leaf, group in np.argwhere(kept_GK.T).tolist())


def _joining_heights(hierarchy: Hierarchy, inside_GK: Floats) -> Floats:
    """The height of the lowest node above both a group and a class; 0 for the group's own classes."""
    k = len(hierarchy.classes)
    height_GK = np.zeros_like(inside_GK)
    for group in hierarchy.groups:
        seen_K, above = inside_GK[group - k] > 0, int(hierarchy.parent_N[group])
        while above >= 0:
            held_K = inside_GK[above - k] > 0
            height_GK[group - k, held_K & ~seen_K] = hierarchy.height_N[above]
            seen_K, above = seen_K | held_K, int(hierarchy.parent_N[above])
    return height_GK


def _mean_distances(distance_P: Floats, inside_GK: Floats) -> Floats:
    """Mean distance of each class to the members of each group."""
    means: Floats = inside_GK @ squareform(distance_P, checks=False) / inside_GK.sum(1, keepdims=True)
    return means


def _own_distances(distance_P: Floats, inside_GK: Floats, parent_K: npt.NDArray[np.int64]) -> Floats:
    """Mean distance of each class to the others below its parent; -inf where there are none."""
    size_K = inside_GK.sum(1)[parent_K]
    total_K = np.einsum("kl,kl->k", inside_GK[parent_K], squareform(distance_P, checks=False))
    means: Floats = np.divide(total_K, size_K - 1, out=np.full_like(total_K, -np.inf), where=size_K > 1)
    return means


def _lowest(kept_GK: Mask, inside_GK: Floats) -> Mask:
    """Only those groups of each class below which no other one is kept for it."""
    size_G = inside_GK.sum(1)
    within_GG = (inside_GK @ inside_GK.T == size_G[:, None]) & (size_G[:, None] < size_G[None, :])  # row lies in column
    lowest: Mask = kept_GK & ~((within_GG.T.astype(np.float64) @ kept_GK) > 0)
    return lowest
