"""Parts of a labelled set that share no image: to train, to calibrate, to test.

A promise rests on calibration images that are exchangeable with future ones, so the split is drawn in one sweep of
systematic sampling: images stand in line class by class (classes in random order, images at random within), and every
``m / k``-th of them, from a random start, goes to the part. Every image has the same chance of each part, every class
is shared out in proportion to within one image, and the parts have exactly the size they should. Who gets the odd
image of a small class is chance and not rank.

Systematic sampling: Madow and Madow, *On the Theory of Systematic Sampling, I*, Annals of Mathematical Statistics 1944.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierclf.errors import ConfigError, DataError


def stratified_split(
    labels: ArrayLike,
    shares: Sequence[float] = (0.6, 0.2, 0.2),
    *,
    generator: np.random.Generator,
    groups: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], ...]:
    """Divide ``n`` images into parts, each class in proportion.

    Args:
        labels: one label per image, int64 ``(n,)``; -1 is a class like any other.
        shares: the share of each part, at least 0, together 1.
        generator: where chance comes from; the same state gives the same parts.
        groups: one value per image ``(n,)``; images with equal values (copies of one another) stay in one part.
            Shares then count groups, and a group stands in the line of its first image's class.

    Returns:
        One sorted array of places per part. Sizes are ``n * share``, rounded by largest remainder. A class with at
        least two images has at least one in the first part: where chance would have it otherwise, one of its images
        is moved there, and only then do the sizes differ.

    Raises:
        ConfigError: shares that are negative or do not add up to 1.
        DataError: labels or groups that are not one value per image.

    >>> train, test = stratified_split([0, 0, 0, 0, 1, 1], (0.5, 0.5), generator=np.random.default_rng(0))
    >>> len(train), len(test), np.bincount(np.asarray([0, 0, 0, 0, 1, 1])[train]).tolist()
    (3, 3, [2, 1])
    """
    label_n = _one_per_image(labels, "labels")
    _check_shares(shares)
    if groups is None:
        part_n = _part_of_each(label_n, shares, generator)
    else:
        group_n = _one_per_image(groups, "groups")
        if len(group_n) != len(label_n):
            raise DataError(f"expected one group per image: got {len(label_n)} labels and {len(group_n)} groups")
        _, first_g, group_of_n = np.unique(group_n, return_index=True, return_inverse=True)
        part_n = _part_of_each(label_n[first_g], shares, generator)[group_of_n]
    return tuple(np.flatnonzero(part_n == part).astype(np.int64) for part in range(len(shares)))


def part_sizes(count: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Whole numbers that add up to ``count`` and lie within one of ``count * share`` (largest remainder).

    >>> part_sizes(7, (0.6, 0.2, 0.2))
    (4, 2, 1)
    """
    exact = [count * share for share in shares]
    sizes = [math.floor(size + 1e-9) for size in exact]
    by_remainder = sorted(range(len(shares)), key=lambda part: sizes[part] - exact[part])
    for part in by_remainder[: count - sum(sizes)]:
        sizes[part] += 1
    return tuple(sizes)


def _part_of_each(
    label_n: NDArray[np.generic], shares: Sequence[float], generator: np.random.Generator
) -> NDArray[np.int64]:
    classes, class_n = np.unique(label_n, return_inverse=True)
    rank_c = generator.permutation(len(classes))
    line = np.lexsort((generator.random(len(label_n)), rank_c[class_n]))
    part_n = np.full(len(label_n), len(shares) - 1, dtype=np.int64)
    for part, size in enumerate(part_sizes(len(label_n), shares)[:-1]):
        if size:
            taken = _every_so_often(len(line), size, int(generator.integers(len(line))))
            part_n[line[taken]] = part
            line = line[~taken]
    return _nobody_left_out(part_n, class_n, len(classes), generator)


def _every_so_often(length: int, size: int, start: int) -> NDArray[np.bool_]:
    """A mask with exactly ``size`` places of ``length``, as evenly spaced as whole numbers allow."""
    step = (np.arange(length + 1) * size + start) // length
    return np.diff(step).astype(bool)


def _nobody_left_out(
    part_n: NDArray[np.int64], class_n: NDArray[np.intp], num_classes: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    images_c = np.bincount(class_n, minlength=num_classes)
    first_c = np.bincount(class_n[part_n == 0], minlength=num_classes)
    for place in np.flatnonzero((first_c == 0) & (images_c >= 2)):
        part_n[generator.choice(np.flatnonzero(class_n == place))] = 0
    return part_n


def _check_shares(shares: Sequence[float]) -> None:
    whole = math.fsum(shares)
    if not shares or min(shares) < 0 or not math.isclose(whole, 1.0, abs_tol=1e-9):
        raise ConfigError(f"expected shares of at least 0 that add up to 1, got {tuple(shares)} with sum {whole:g}")


def _one_per_image(values: ArrayLike, what: str) -> NDArray[np.generic]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"expected {what} of shape (n,), got {array.shape}")
    return array
