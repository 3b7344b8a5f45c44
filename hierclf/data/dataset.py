"""An image set behind a data loader, where a bad image is a row with an error.

>>> import torch
>>> from torch.utils.data import DataLoader
>>> from hierclf.data import load_images
>>> images = load_images(["missing.jpg"])
>>> loader = DataLoader(ImageDataset(images, transform=lambda image: torch.zeros(3, 2, 2)), collate_fn=collate)
>>> next(iter(loader))
(tensor([]), tensor([], dtype=torch.int64), [(0, 'missing.jpg: no such file')])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, Union

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from hierclf.data.image_set import ImageSet, image_to_pil
from hierclf.errors import ImageError

Item: TypeAlias = Union["tuple[Tensor, int, None]", "tuple[None, int, str]"]
"""An image as a tensor and its place in the set; or no image, its place, and why."""


class ImageDataset(Dataset[Item]):
    """The images of a set, each made a tensor.

    Args:
        image_set: the images.
        transform: makes a tensor of an upright picture in mode ``RGB``; what it raises is not caught, since a mistake
            in it is no fault of one image.
    """

    def __init__(self, image_set: ImageSet, transform: Callable[[Image.Image], Tensor]) -> None:
        self.image_set = image_set
        self.transform = transform

    def __len__(self) -> int:
        return len(self.image_set)

    def __getitem__(self, index: int) -> Item:
        try:
            picture = image_to_pil(self.image_set, index)
        except ImageError as error:
            return None, index, str(error)
        return self.transform(picture), index, None


def collate(items: Sequence[Item]) -> tuple[Tensor, Tensor, list[tuple[int, str]]]:
    """One batch out of its items.

    Args:
        items: what `ImageDataset` gives.

    Returns:
        The images that could be read, ``(b, …)`` with ``b`` at most the number of items; their places, int64 ``(b,)``;
        and ``(place, error)`` for the others. When none could be read the images have shape ``(0,)``.
    """
    tensors = [tensor for tensor, _, _ in items if tensor is not None]
    places = [place for tensor, place, _ in items if tensor is not None]
    errors = [(place, error) for _, place, error in items if error is not None]
    images = torch.stack(tensors) if tensors else torch.empty(0)
    return images, torch.tensor(places, dtype=torch.int64), errors
