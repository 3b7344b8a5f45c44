"""What a training reads: images that are decoded and changed a little each time, or rows of embeddings that stay.

A `Reader` is all that the trainer knows of the difference, so that whatever learns from images (losses, images of
other, weights of classes, early stopping) learns from the embeddings of a frozen backbone in the same way, a thousand
times faster.

n images, B images of a batch, C channels, H height, W width, D embedding
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hierclf.backbones import Preprocessing, augment
from hierclf.data import ImageSet
from hierclf.embedding import Batch, batches


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingImages:
    """Images with what is known about them.

    Args:
        images: n images, or their embeddings, float32, shape ``(n, D)``.
        label_n: node ids, int64, shape ``(n,)``; for images of other, numbers of their kinds.
        weight_n: a factor per image in the loss, or None.
        draw: which places to visit in an epoch, for over- and under-sampling; None visits each once.
    """

    images: ImageSet | Tensor
    label_n: Tensor
    weight_n: Tensor | None = None
    draw: Callable[[np.random.Generator], np.ndarray] | None = None

    def places(self, generator: np.random.Generator) -> np.ndarray:
        """Places to visit in an epoch, in no particular order, int64."""
        return np.arange(len(self.label_n)) if self.draw is None else self.draw(generator)

    @property
    def visited(self) -> int:
        """How many images an epoch visits, the repeated ones each time."""
        return len(self.places(np.random.default_rng(0)))

    @property
    def classes(self) -> int:
        """How many different labels there are."""
        return len(torch.unique(self.label_n))

    def names(self, places: Sequence[int]) -> list[str]:
        """What some of the images are called, for messages."""
        if isinstance(self.images, Tensor):
            return [f"#{place}" for place in places]
        return [self.images.names[place] for place in places]


class Reader(Protocol):
    """How a training gets its batches."""

    def batches(self, images: TrainingImages, places: Sequence[int], *, batch_size: int) -> Iterator[Batch]:
        """Images as the network reads them, in the order of ``places``; a batch may be empty.

        Args:
            images: what to read.
            places: which of them; a place may come twice.
            batch_size: images per batch; the last may be smaller.
        """

    def changed(self, batch: Batch, epoch: int, device: torch.device) -> Tensor:
        """A batch to learn from, on the device, each image changed a little where that makes sense."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageReader:
    """Reads images.

    Args:
        preprocessing: the backbone's.
        augmentation: a name of `hierclf.backbones.augmentations`, several joined by ``+``, or ``"auto"``.
        seed: of the changes.
        workers: processes that decode files.
    """

    preprocessing: Preprocessing
    augmentation: str = "none"
    seed: int = 0
    workers: int = 0

    def batches(self, images: TrainingImages, places: Sequence[int], *, batch_size: int) -> Iterator[Batch]:
        """Decoded and preprocessed images; those that cannot be read are left out."""
        assert isinstance(images.images, ImageSet)
        return batches(images.images, self.preprocessing, places, batch_size=batch_size, workers=self.workers)

    def changed(self, batch: Batch, epoch: int, device: torch.device) -> Tensor:
        """Images changed by ``(seed, epoch, place)``, shape ``(B, C, H, W)``."""
        return augment(
            batch.images_BCHW.to(device, memory_format=torch.channels_last),
            batch.index_B,
            how=self.augmentation,
            preprocessing=self.preprocessing,
            seed=self.seed,
            epoch=epoch,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class RowReader:
    """Reads embeddings that are there already; nothing is changed."""

    def batches(self, images: TrainingImages, places: Sequence[int], *, batch_size: int) -> Iterator[Batch]:
        """Rows ``(B, D)`` in the place of images."""
        assert isinstance(images.images, Tensor)
        for start in range(0, len(places), batch_size):
            index_B = torch.as_tensor(places[start : start + batch_size], dtype=torch.int64)
            yield Batch(images_BCHW=images.images[index_B], index_B=index_B)

    def changed(self, batch: Batch, epoch: int, device: torch.device) -> Tensor:
        """The rows as they are."""
        return batch.images_BCHW.to(device)
