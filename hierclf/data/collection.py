"""Images that are in memory already, or behind a torch data set, as an image set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, Subset

from hierclf.data.image_set import ImageSet
from hierclf.data.labels import label_text
from hierclf.data.pixels import as_uint8, check_picture_axes
from hierclf.errors import DataError

_TARGETS = ("targets", "labels", "_labels")  # where torchvision's data sets keep their labels
_DIGIT_NAME = re.compile(r"(\d) - [a-z]+")  # MNIST calls its classes "7 - seven"
_NO_CLASS = "N/A"  # EMNIST's letters count from 1


def load_array(images: NDArray[Any]) -> ImageSet:
    """An array ``(n, h, w)``, ``(n, h, w, 1)`` or ``(n, h, w, 3)`` of uint8, or of floats in 0..1.

    Raises:
        DataError: other axes, another dtype, or floats outside 0..1.
    """
    check_picture_axes(images.shape, channels_first=False, expected="images as (n, h, w) or (n, h, w, 1 or 3)")
    return ImageSet(images=as_uint8(images), names=place_names(len(images)))


def load_tensor(images: Tensor) -> ImageSet:
    """A tensor ``(n, h, w)``, ``(n, 1, h, w)`` or ``(n, 3, h, w)`` of uint8, or of floats in 0..1, on any device.

    Raises:
        DataError: other axes, another dtype, or floats outside 0..1.
    """
    check_picture_axes(tuple(images.shape), channels_first=True, expected="images as (n, h, w) or (n, 1 or 3, h, w)")
    images = images.detach().cpu()
    if images.dtype == torch.bfloat16:  # NumPy does not know it
        images = images.float()
    return ImageSet(images=torch.from_numpy(as_uint8(images.numpy())), names=place_names(len(images)))


def load_pictures(pictures: Sequence[Any]) -> ImageSet:
    """A list of single images, each a PIL image, an array or a tensor; sizes may differ."""
    return ImageSet(images=_Pictures(pictures), names=place_names(len(pictures)))


def load_dataset(dataset: Dataset[Any], *, labelled: bool = True) -> ImageSet:
    """A map-style data set of images or of ``(image, label)`` pairs.

    Where labels are whole numbers and the data set has ``.classes``, its names are used. Labels come from the data
    set's own list where it has one that agrees with its items; otherwise every item is fetched once, and an item that
    fails has the label ``""``. Where no labels are wanted, no item is fetched.

    Raises:
        DataError: the data set cannot be indexed or has no length, or a label is not among its classes.
    """
    if isinstance(dataset, IterableDataset) or not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise DataError(
            f"expected a data set with a length and items by number, got {type(dataset).__name__}; "
            "read it into a list or an array first"
        )
    count = len(dataset)
    classes = _class_names(dataset)
    return ImageSet(
        images=dataset,
        names=place_names(count),
        labels=_labels(dataset, count, classes) if labelled else None,
        classes=tuple(name for name in classes if name != _NO_CLASS),
    )


def place_names(count: int) -> tuple[str, ...]:
    """Names for images that have none: ``#0``, ``#1``, …"""
    return tuple(f"#{place}" for place in range(count))


class _Pictures(Dataset[Any]):
    """Single images as a data set."""

    def __init__(self, pictures: Sequence[Any]) -> None:
        self.pictures = tuple(pictures)

    def __getitem__(self, index: int) -> Any:
        return self.pictures[index]

    def __len__(self) -> int:
        return len(self.pictures)


_FAILED = object()


def _item(dataset: Dataset[Any], place: int) -> Any:
    """An item, or `_FAILED` where the data set cannot give it: such an image costs its own row, later."""
    try:
        return dataset[place]
    except Exception:  # a data set is the user's own code and may raise anything
        return _FAILED


def _labels(dataset: Dataset[Any], count: int, classes: tuple[str, ...]) -> tuple[str, ...] | None:
    read: list[Any] = []  # up to the first item that can be had; none is fetched twice
    while len(read) < count and (not read or read[-1] is _FAILED):
        read.append(_item(dataset, len(read)))
    if not read or read[-1] is _FAILED or not _is_pair(read[-1]):
        return None
    labels = _listed_labels(dataset, count)
    if labels is not None:
        return tuple(_class_name(label, place, classes) for place, label in enumerate(labels))
    items = chain(read, (_item(dataset, place) for place in range(len(read), count)))
    return tuple(_item_label(item, place, classes) for place, item in enumerate(items))


def _item_label(item: Any, place: int, classes: tuple[str, ...]) -> str:
    if item is _FAILED:
        return ""
    if not _is_pair(item):
        raise DataError(f"#{place}: expected an (image, label) pair like the first item, got {type(item).__name__}")
    return _class_name(item[1], place, classes)


def _listed_labels(dataset: Any, count: int) -> list[Any] | None:
    """Labels without decoding a single image, or None. They are believed when three items agree with them."""
    if isinstance(dataset, Subset):
        inner = _listed_labels(dataset.dataset, len(dataset.dataset))  # type: ignore[arg-type]
        return None if inner is None else [inner[place] for place in dataset.indices]
    for attribute in _TARGETS:
        listed = getattr(dataset, attribute, None)
        if not isinstance(listed, (list, tuple, np.ndarray, Tensor)) or len(listed) != count or not count:
            continue
        labels = listed.tolist() if isinstance(listed, (np.ndarray, Tensor)) else list(listed)
        items = {place: _item(dataset, place) for place in (0, count // 2, count - 1)}
        if all(
            item is _FAILED or (_is_pair(item) and label_text(item[1]) == label_text(labels[place]))
            for place, item in items.items()
        ):
            return labels
    return None


def _is_pair(item: Any) -> bool:
    if not isinstance(item, (tuple, list)):
        return False
    if len(item) != 2:
        raise DataError(f"expected items that are images or (image, label) pairs, got {len(item)} parts")
    return True


def _class_names(dataset: Any) -> tuple[str, ...]:
    if isinstance(dataset, Subset):
        return _class_names(dataset.dataset)
    names = getattr(dataset, "classes", None)
    if not isinstance(names, (list, tuple)):
        return ()
    texts = [label_text(name) for name in names]
    digits = [_DIGIT_NAME.fullmatch(text) for text in texts]
    return tuple(match[1] for match in digits if match) if all(digits) else tuple(texts)


def _class_name(label: Any, place: int, classes: tuple[str, ...]) -> str:
    text = label_text(label)
    if not classes or isinstance(label, str):
        return text
    if not text.isdecimal() or int(text) >= len(classes):
        raise DataError(f"#{place}: label {text!r}, but the data set names {len(classes)} classes")
    return classes[int(text)]


def is_picture(value: object) -> bool:
    """Whether a value is one image in memory, rather than the path of one."""
    return isinstance(value, (Image.Image, np.ndarray, Tensor)) and not (
        isinstance(value, np.ndarray) and value.dtype.kind in "UO"
    )
