"""Which of the prepared images play which part in a training: to learn from, held out, of other.

Each part comes as images, or as rows of their embeddings where a backbone is frozen and something on it is trained.

n known images, m images of other, D embedding
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hierclf.data import ImageSet
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training.balance import RESAMPLED, image_weights
from hierclf.training.material import TrainingImages
from hierclf.training.preparation import Prepared


def to_learn_from(prepared: Prepared, settings: Settings, embedding_nD: Tensor | None = None) -> TrainingImages:
    """The known images that a training learns from, weighed or drawn as ``class_weights`` says."""
    places = prepared.parts.fit
    images = _some(prepared.images, embedding_nD, places)
    return evened_out(images, prepared.label_n[places], settings, prepared.taxonomy)


def evened_out(
    images: ImageSet | Tensor, label_n: np.ndarray, settings: Settings, taxonomy: Taxonomy
) -> TrainingImages:
    """Labelled images to learn from, weighed or drawn as ``class_weights`` says.

    Args:
        images: n images, or their embeddings.
        label_n: node ids, int64.
        settings: of the fit.
        taxonomy: what the ids mean.
    """
    chosen = settings.class_weights

    def draw(generator: np.random.Generator) -> np.ndarray:
        return image_weights(label_n, chosen, taxonomy, generator).place_m

    weights = image_weights(label_n, chosen, taxonomy, np.random.default_rng(settings.seed)).weight_m
    return TrainingImages(
        images=images,
        label_n=torch.from_numpy(label_n),
        weight_n=None if weights is None else torch.from_numpy(weights).float(),
        draw=draw if chosen in RESAMPLED else None,
    )


def held_out(prepared: Prepared, embedding_nD: Tensor | None = None) -> TrainingImages:
    """The known images that say when to stop."""
    places = prepared.parts.tune
    images = _some(prepared.images, embedding_nD, places)
    return TrainingImages(images=images, label_n=torch.from_numpy(prepared.label_n[places]))


def of_other(prepared: Prepared, embedding_mD: Tensor | None = None) -> TrainingImages | None:
    """All images of other, labelled with the numbers of their kinds; None where there are none."""
    if prepared.other is None or prepared.kind_m is None:
        return None
    images = prepared.other if embedding_mD is None else embedding_mD.float()
    assert isinstance(images, ImageSet) or embedding_mD is not None
    return TrainingImages(images=images, label_n=torch.from_numpy(prepared.kind_m))


def _some(images: ImageSet | Tensor, embedding_nD: Tensor | None, places: np.ndarray) -> ImageSet | Tensor:
    if embedding_nD is not None:
        return embedding_nD[torch.from_numpy(places)].float()
    assert isinstance(images, ImageSet)
    return images.subset(places)
