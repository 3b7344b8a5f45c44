"""Images as every later stage sees them, whatever the user gave.

An `ImageSet` is a value: files, an array, a tensor or a data set, with one name per image and, where known, one label
per image. Nothing is decoded until somebody asks for an image with `image_to_pil`, so a missing or broken file costs
one row and never the set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, Union, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Subset

from hierclf.data.decoding import read_image, rgb, source_name
from hierclf.data.pixels import as_uint8
from hierclf.errors import DataError, ImageError

Images: TypeAlias = Union["tuple[Path, ...]", NDArray[np.uint8], Tensor, "Dataset[Any]"]

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ImageSet:
    """Images with their names and labels.

    Args:
        images: ``n`` file paths; or uint8 pixels, an array ``(n, h, w[, 1|3])`` or a tensor ``(n, h, w)`` or
            ``(n, 1|3, h, w)``; or a data set of ``n`` items, each an image or an ``(image, label)`` pair.
        names: what to call each image in rows and messages: its path as given, or ``"#17"``.
        labels: the name of each image's class as the data has it, ``""`` where it has none; None for a set that has
            no labels at all.
        classes: every class that the source names, also those without an image; empty when it names none.
        refused: files that were left out for a reason, as pairs ``(name, reason)``.
        ignored: number of files left out because they are hidden or no images.
        twins: pairs of class folders that bear one label, below one folder that was given.

    Raises:
        DataError: names or labels are not as many as the images.
    """

    images: Images
    names: tuple[str, ...]
    labels: tuple[str, ...] | None = None
    classes: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    ignored: int = 0
    twins: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        count = len(cast("Sequence[Any]", self.images))
        for kind, words in (("name", self.names), ("label", self.labels)):
            if words is not None and len(words) != count:
                raise DataError(f"expected one {kind} per image: got {count} images and {len(words)} {kind}s")

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        classes = "unlabelled" if self.labels is None else f"{len(set(self.labels))} labels"
        return f"<ImageSet: {len(self)} images, {self.kind}, {classes}>"

    @property
    def kind(self) -> str:
        """How the images are held: ``"paths"``, ``"array"``, ``"tensor"`` or ``"dataset"``."""
        if isinstance(self.images, tuple):
            return "paths"
        if isinstance(self.images, np.ndarray):
            return "array"
        return "tensor" if isinstance(self.images, Tensor) else "dataset"

    def subset(self, index: ArrayLike) -> ImageSet:
        """The images at some places, in that order; a place may come twice.

        Args:
            index: places as integers ``(m,)``, or a mask of booleans ``(n,)``.

        Raises:
            DataError: a place outside the set, or an index that is not one-dimensional.
        """
        place_m = _places(index, len(self))
        places = place_m.tolist()
        images: Images
        if isinstance(self.images, tuple):
            images = tuple(self.images[place] for place in places)
        elif isinstance(self.images, np.ndarray):
            images = self.images[place_m]
        elif isinstance(self.images, Tensor):
            images = self.images[torch.from_numpy(place_m)]
        else:
            images = Subset(self.images, places)
        return replace(
            self,
            images=images,
            names=tuple(self.names[place] for place in places),
            labels=None if self.labels is None else tuple(self.labels[place] for place in places),
        )


def image_to_pil(image_set: ImageSet, index: int) -> Image.Image:
    """One image as an upright picture in mode ``RGB``.

    Raises:
        ImageError: the image cannot be read; the message names it. The same goes for a data set that fails to give
            the item, whatever it raises, so that one bad item costs one row.
    """
    images = image_set.images
    if isinstance(images, tuple):
        return read_image(images[index])
    try:
        if isinstance(images, np.ndarray):
            return _picture(images[index])
        if isinstance(images, Tensor):
            return _picture(_channels_last(images[index]))
        return _item_to_pil(images[index])
    except Exception as error:  # a data set is the user's own code and may raise anything
        detail = str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
        raise ImageError(f"{image_set.names[index]}: {detail}") from error


def content_hash(image_set: ImageSet, index: int) -> str:
    """SHA-256 of an image's content, in hexadecimal: of a file its bytes, of anything else its shape and pixels.

    Raises:
        ImageError: the image cannot be read.
    """
    if isinstance(image_set.images, tuple):
        return file_hash(image_set.images[index])
    picture = image_to_pil(image_set, index)
    return hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        ImageError: there is no such file, or it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            reason = "expected an image, found a folder" if path.is_dir() else "no such file"
            raise ImageError(f"{source_name(path)}: {reason}")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ImageError(f"{source_name(path)}: it cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def _places(index: ArrayLike, count: int) -> NDArray[np.int64]:
    given = np.asarray(index)
    if given.dtype == np.bool_ and given.shape == (count,):
        return np.flatnonzero(given).astype(np.int64)
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise DataError(
            f"expected places as integers (m,) or a mask ({count},), got {given.dtype} of shape {given.shape}"
        )
    place_m = given.astype(np.int64)
    outside = place_m[(place_m < 0) | (place_m >= count)]
    if len(outside):
        raise DataError(f"place {outside[0]} is outside the set of {count} images")
    return place_m


def _item_to_pil(item: Any) -> Image.Image:
    image = item[0] if isinstance(item, (tuple, list)) else item
    if isinstance(image, Image.Image):
        return rgb(image)
    if isinstance(image, Tensor):
        return _picture(_channels_last(image))
    if isinstance(image, np.ndarray):
        return _picture(image)
    raise DataError(f"expected a PIL image, a tensor or an array, got {type(image).__name__}")


def _channels_last(image: Tensor) -> NDArray[np.generic]:
    image = image.detach().cpu()
    return np.asarray((image.movedim(0, -1) if image.ndim == 3 else image).numpy())


def _picture(values: NDArray[np.generic]) -> Image.Image:
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[-1] != 3) or 0 in values.shape:
        raise DataError(f"expected one image with 1 or 3 channels, got shape {values.shape} (channels last)")
    return Image.fromarray(np.ascontiguousarray(as_uint8(values))).convert("RGB")
