"""What to do when one class has ten thousand images and another has one.

====================  ==================================================================================================
``none``              every image once, weight 1
``weights``           weight ∝ 1 / n_c: every class counts the same
``effective``         weight ∝ (1 − β) / (1 − β^n_c): the more images a class has, the less news the next one brings
``oversample``        classes are repeated until each has as many images as the largest
``undersample``       images are left out until each class has as many as the smallest
``balanced_batches``  rounds of one image of every class, as many images in all as there are: every run of them, and
                      every batch, holds every class equally often, give or take one; small classes are repeated, and
                      of large ones another part is seen each time
====================  ==================================================================================================

The effective number of samples is from Cui, Jia, Lin, Song and Belongie, *Class-Balanced Loss Based on Effective Number
of Samples*, CVPR 2019, arXiv:1901.05555.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierclf.errors import ConfigError, DataError
from hierclf.registry import did_you_mean

BALANCES = ("none", "weights", "effective", "oversample", "undersample", "balanced_batches")


@dataclass(frozen=True, kw_only=True, eq=False)
class Balance:
    """Which images to train on, and how much each counts.

    Args:
        index: places of images, int64 ``(m,)``; with oversampling a place comes several times. They are sorted, but
            for ``balanced_batches``, where their order is what it is about.
        weight: one weight for each of them, float64 ``(m,)``, with mean 1.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.float64]


def class_balance(
    labels: ArrayLike, how: str = "none", *, generator: np.random.Generator, beta: float = 0.999
) -> Balance:
    """Even out the classes.

    Args:
        labels: one label per image ``(n,)``; -1 is a class like any other.
        how: one of `BALANCES`.
        generator: where chance comes from, when images are repeated or left out.
        beta: β of ``effective``, at least 0 and below 1; 0 is ``none`` and towards 1 it becomes ``weights``.

    Raises:
        ConfigError: an unknown way, or β outside its range.
        DataError: labels that are not one value per image.

    >>> balance = class_balance(["a", "a", "a", "b"], "weights", generator=np.random.default_rng(0))
    >>> balance.index.tolist(), balance.weight.round(3).tolist()
    ([0, 1, 2, 3], [0.667, 0.667, 0.667, 2.0])
    """
    if how not in BALANCES:
        raise ConfigError(
            f"no way of balancing named {how!r}{did_you_mean(how, BALANCES)} (known: {', '.join(BALANCES)})"
        )
    if not 0 <= beta < 1:
        raise ConfigError(f"expected beta of at least 0 and below 1, got {beta!r}")
    label_n = np.asarray(labels)
    if label_n.ndim != 1:
        raise DataError(f"expected labels of shape (n,), got {label_n.shape}")
    _, class_n, images_c = np.unique(label_n, return_inverse=True, return_counts=True)
    index = np.arange(len(label_n), dtype=np.int64)
    if len(label_n) and how in ("oversample", "undersample"):
        size = int(images_c.max() if how == "oversample" else images_c.min())
        members = (np.flatnonzero(class_n == place) for place in range(len(images_c)))
        index = np.sort(np.concatenate([_drawn(member_m, size, generator) for member_m in members]))
    if len(label_n) and how == "balanced_batches":
        index = _rounds(class_n, images_c, generator)
    weight = np.ones(len(index))
    if len(label_n) and how in ("weights", "effective"):
        weight = (1 / images_c if how == "weights" else _effective(images_c, beta))[class_n]
        weight = weight / weight.mean()
    return Balance(index=index, weight=weight)


def _drawn(member_m: NDArray[np.intp], size: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """``size`` members, each as often as any other or once more."""
    whole, rest = divmod(size, len(member_m))
    odd = generator.choice(member_m, rest, replace=False)
    return np.concatenate([np.tile(member_m, whole), odd]).astype(np.int64)


def _rounds(class_n: NDArray[np.intp], images_c: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.int64]:
    """Every class once, in one order, then every class once more, until there are as many images as there were."""
    rounds, columns = -(-len(class_n) // len(images_c)), []
    for place in generator.permutation(len(images_c)):
        drawn = _drawn(np.flatnonzero(class_n == place), rounds, generator)
        columns.append(generator.permutation(drawn))
    return np.stack(columns, axis=1).ravel()


def _effective(images_c: NDArray[np.intp], beta: float) -> NDArray[np.float64]:
    if beta == 0:
        return np.ones(len(images_c))
    return np.asarray((1 - beta) / -np.expm1(images_c * np.log(beta)), dtype=np.float64)
