"""In which order an epoch visits its images, and so which of them meet in a batch.

A loss on pairs learns from images of one class that meet. Drawn at random from C classes, a batch of B holds B / C of
each: with a hundred classes and 64 images, most have no partner. So P classes with K images each are drawn instead.

Hermans, Beyer and Leibe, *In Defense of the Triplet Loss for Person Re-Identification*, 2017, arXiv:1703.07737.

m places, some perhaps the same
"""

from __future__ import annotations

import numpy as np

TOGETHER = 4
"""K: as in the paper."""
FEWEST_IN_A_BATCH = 2
"""With fewer of a class in a batch on average, one image in seven or more has no partner, and K are put together."""
FEWEST_CLASSES = 4
"""P, at least: in a small batch K gives way."""


def usual_together(*, batch_size: int, classes: int) -> int:
    """K for a loss on pairs; 1 where a random batch holds enough of each class.

    >>> usual_together(batch_size=64, classes=10), usual_together(batch_size=64, classes=100)
    (1, 4)
    """
    if classes * FEWEST_IN_A_BATCH <= batch_size:
        return 1
    return max(1, min(TOGETHER, batch_size // FEWEST_CLASSES))


def visiting_order(
    place_m: np.ndarray, label_m: np.ndarray, *, together: int, generator: np.random.Generator
) -> np.ndarray:
    """Places in random order, those of a class in groups.

    Args:
        place_m: what to visit, int64.
        label_m: the class of each, int64.
        together: K, size of a group; a class that does not divide by it has one smaller group. 1 shuffles freely.
        generator: where chance comes from.

    Returns:
        The same places, int64, shape ``(m,)``.

    >>> label_m = np.array([0, 1, 0, 1, 0, 1])
    >>> order_m = visiting_order(np.arange(6), label_m, together=3, generator=np.random.default_rng(0))
    >>> len(set(label_m[order_m[:3]]))
    1
    """
    shuffled_m = generator.permutation(len(place_m))
    if together > 1:
        by_class_m = shuffled_m[label_m[shuffled_m].argsort(kind="stable")]
        _, start_C, count_C = np.unique(label_m[by_class_m], return_index=True, return_counts=True)
        turn_m = np.arange(len(place_m)) - np.repeat(start_C, count_C)
        opens_m = turn_m % together == 0
        group_m = opens_m.cumsum() - 1
        rank_G = generator.permutation(int(opens_m.sum()))
        shuffled_m = by_class_m[rank_G[group_m].argsort(kind="stable")]
    order_m: np.ndarray = place_m[shuffled_m]
    return order_m
