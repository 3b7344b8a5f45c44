"""What each image counts, from the setting ``class_weights``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hierclf.data import class_balance
from hierclf.taxonomy import Taxonomy
from hierclf.training.choices import node_named

# n images, m places (over-sampling visits an image more than once)

RESAMPLED = ("oversample", "undersample", "balanced_batches")
"""Ways that choose images and weigh none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageWeights:
    """Which images to use and what each counts.

    Args:
        place_m: places among the n images, int64; for ``"balanced_batches"`` in the order in which to visit them.
        weight_m: a factor for each in the loss, float64, or None when all count the same.
    """

    place_m: np.ndarray
    weight_m: np.ndarray | None


def image_weights(
    label_n: np.ndarray,
    class_weights: str | Mapping[str, float] | None,
    taxonomy: Taxonomy,
    generator: np.random.Generator,
) -> ImageWeights:
    """Places and weights of images.

    Args:
        label_n: node ids, int64.
        class_weights: None, ``"balanced"``, ``"effective"``, ``"oversample"``, ``"undersample"``,
            ``"balanced_batches"``, or factors by class. A factor for a meta-class counts for all images below it, times
            the factors that lie between.
        taxonomy: what the ids mean.
        generator: where chance comes from, for the ways to sample.

    Raises:
        ConfigError: a factor for a name that is no class.
    """
    everyone = np.arange(len(label_n))
    if class_weights is None:
        return ImageWeights(place_m=everyone, weight_m=None)
    if isinstance(class_weights, Mapping):
        factor_N = np.ones(len(taxonomy))
        for name, factor in class_weights.items():
            node = node_named(name, taxonomy, "class_weights")
            factor_N[[taxonomy.index(node), *map(taxonomy.index, taxonomy.descendants(node))]] *= factor
        return ImageWeights(place_m=everyone, weight_m=factor_N[label_n])
    how = "weights" if class_weights == "balanced" else class_weights
    balance = class_balance(label_n, how, generator=generator)
    return ImageWeights(place_m=balance.index, weight_m=None if how in RESAMPLED else balance.weight)
