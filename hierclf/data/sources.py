"""Whatever a user calls images, as an image set.

============================================== =========================================================
given                                          read as
============================================== =========================================================
``"data/train"``                               class folders, flat or nested (`hierclf.data.folder`)
``"labels.csv"``                               rows of path,label (`hierclf.data.table`)
``"a.jpg"``, ``"photos/*.jpg"``                one file; the files that match
``["a.jpg", "more/", "photos/*.png"]``         all of them, in order
``"torchvision:MNIST:test"``                   a data set by name (`hierclf.data.torchvision_sets`)
array ``(n, h, w[, 1|3])``, tensor, list of    images in memory (`hierclf.data.collection`)
PIL images, torch ``Dataset``
============================================== =========================================================

A file that is named but missing stays in the set: it fails when it is read, as one row with an error. A folder or a
table that is missing is an error at once.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from hierclf.data.collection import is_picture, load_array, load_dataset, load_pictures, load_tensor
from hierclf.data.decoding import source_name
from hierclf.data.folder import is_image_name, load_folder, missing
from hierclf.data.image_set import ImageSet
from hierclf.data.labels import label_text
from hierclf.data.table import load_table
from hierclf.data.torchvision_sets import PREFIX, load_torchvision
from hierclf.errors import DataError

_TABLES = (".csv", ".tsv")


def load_images(
    source: Any,
    labels: Any = None,
    *,
    root: str | os.PathLike[str] = "data",
    download: bool = False,
    labelled: bool = True,
) -> ImageSet:
    """Images with their names and, where known, their labels.

    Args:
        source: see the table in this module; an `ImageSet` is taken as it is.
        labels: one name or number per image, for sources that carry none or to replace those of a data set.
        root: where torchvision keeps its data sets, for ``"torchvision:NAME"``.
        download: whether torchvision may fetch a data set that is not there.
        labelled: whether labels are wanted; without them no item of a torch ``Dataset`` is fetched ahead of its turn.

    Raises:
        DataError: nothing that can be read as images, a folder or table that is missing or empty, or labels that are
            not as many as the images or given for a folder, whose images come in an order of its own.
        UnknownName: no such torchvision data set.
    """
    if isinstance(source, Dataset) and (labels is not None or not labelled):
        image_set = load_dataset(source, labelled=False)
    else:
        image_set = _load(source, root, download)
    return image_set if labels is None else _with_labels(image_set, source, labels)


def _load(source: Any, root: str | os.PathLike[str], download: bool) -> ImageSet:
    if isinstance(source, ImageSet):
        return source
    if isinstance(source, str) and source.startswith(PREFIX):
        return load_torchvision(source, root=root, download=download)
    if isinstance(source, (str, os.PathLike)):
        return _load_path(source)
    if isinstance(source, np.ndarray) and (source.dtype.kind not in "UO" or source.ndim != 1):
        return load_array(source)
    if isinstance(source, Tensor):
        return load_tensor(source)
    if isinstance(source, Image.Image):
        return load_pictures([source])
    if isinstance(source, Dataset):
        return load_dataset(source)
    if isinstance(source, (list, tuple, np.ndarray)) or (isinstance(source, Iterable) and not _is_odd(source)):
        return _load_list(list(source))
    raise DataError(
        f"expected images as a folder, paths, a CSV file, an array, a tensor or a torch Dataset, got "
        f"{type(source).__name__}"
    )


def _is_odd(source: object) -> bool:
    return isinstance(source, (bytes, bytearray, dict, set, frozenset)) or hasattr(source, "read")


def _load_list(items: list[Any]) -> ImageSet:
    if not items:
        return ImageSet(images=(), names=())
    if all(is_picture(item) for item in items):
        return load_pictures(items)
    for place, item in enumerate(items):
        if not isinstance(item, (str, os.PathLike)):
            raise DataError(f"item {place} of the list: expected a path or an image, got {type(item).__name__}")
    return _joined([_load_item(item) for item in items])


def _load_item(item: str | os.PathLike[str]) -> ImageSet:
    """One entry of a list; unlike a source of its own, it may be missing."""
    if _exists(item):
        return _load_path(item)
    found = _matches(item)
    return found if found is not None else _one_file(item)


def _load_path(path: str | os.PathLike[str]) -> ImageSet:
    if os.fspath(path) == "":
        raise DataError("expected a folder or a file of images, got an empty path")
    if os.path.isdir(path):
        return load_folder(path)
    if os.path.splitext(path)[1].lower() in _TABLES:
        return load_table(path)
    if _exists(path) or (is_image_name(os.path.basename(path)) and not glob.has_magic(os.fspath(path))):
        return _one_file(path)
    found = _matches(path)
    if found is not None:
        return found
    if glob.has_magic(os.fspath(path)):
        raise DataError(f"no image matches {source_name(path)!r}")
    raise missing(Path(path), "folder or file")


def _exists(path: str | os.PathLike[str]) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:  # a NUL in the name
        return False


def _one_file(path: str | os.PathLike[str]) -> ImageSet:
    return ImageSet(images=(Path(path),), names=(source_name(path),))


def _matches(pattern: str | os.PathLike[str]) -> ImageSet | None:
    """The images and folders that match a pattern, sorted; None when it is no pattern or nothing matches."""
    text = os.fspath(pattern)
    if not glob.has_magic(text):
        return None
    paths = sorted(glob.glob(text, recursive=True))
    kept = [path for path in paths if is_image_name(os.path.basename(path)) and not os.path.isdir(path)]
    if not kept:  # a pattern of folders, such as data/*
        folders = [path for path in paths if os.path.isdir(path)]
        return _joined([load_folder(path) for path in folders]) if folders else None
    return ImageSet(
        images=tuple(Path(path) for path in kept),
        names=tuple(source_name(path) for path in kept),
        ignored=len(paths) - len(kept),
    )


def _joined(parts: list[ImageSet]) -> ImageSet:
    """Sets of files one after the other; labelled where each of them is."""
    images: list[Path] = []
    labels: list[str] = []
    for part in parts:
        images.extend(part.images)  # type: ignore[arg-type]  # all of them hold paths
        labels.extend(part.labels or ())
    return ImageSet(
        images=tuple(images),
        names=tuple(name for part in parts for name in part.names),
        labels=tuple(labels) if labels and all(part.labels is not None for part in parts) else None,
        classes=tuple(sorted({name for part in parts for name in part.classes})),
        refused=tuple(pair for part in parts for pair in part.refused),
        ignored=sum(part.ignored for part in parts),
        twins=tuple(pair for part in parts for pair in part.twins),
    )


def _with_labels(image_set: ImageSet, source: Any, labels: Any) -> ImageSet:
    if isinstance(source, (str, os.PathLike)) and (image_set.labels is not None or os.path.isdir(source)):
        raise DataError(f"{source_name(source)!r} has labels or an order of its own; give a list of paths and labels")
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise DataError(f"expected one label per image, got {labels!r}")
    given = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if not isinstance(given, list):  # an array of no axis holds a single value
        raise DataError(f"expected one label per image, got {labels!r}")
    texts = tuple(label_text(label) for label in given)
    return replace(image_set, labels=texts, classes=(), twins=())
