"""torchvision's data sets by name: ``"torchvision:MNIST"``, ``"torchvision:EMNIST:letters-test"``.

A name goes through the registry below and never becomes an import. Nothing is downloaded unless asked for. Sets that
torchvision keeps in memory come as one array; EMNIST, whose files hold every character on its side, comes upright.

"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hierclf.data.collection import load_dataset
from hierclf.data.image_set import ImageSet
from hierclf.errors import DataError
from hierclf.registry import Registry, did_you_mean

PREFIX = "torchvision:"


@dataclass(frozen=True, kw_only=True)
class TorchvisionSet:
    """One data set of torchvision.

    Args:
        build: makes the data set from its folder, the name of a split, and whether it may be downloaded.
        splits: names of the splits; the first is the default.
        transposed: whether its images are stored mirrored along the diagonal.
    """

    build: Callable[[str, str, bool], Any]
    splits: tuple[str, ...]
    transposed: bool = False


torchvision_sets: Registry[TorchvisionSet] = Registry("torchvision data set")


def load_torchvision(name: str, *, root: str | os.PathLike[str] = "data", download: bool = False) -> ImageSet:
    """A torchvision data set by name.

    Args:
        name: ``"torchvision:NAME"`` or ``"torchvision:NAME:SPLIT"``.
        root: the folder in which torchvision keeps its data sets.
        download: fetch the data set when it is not there.

    Raises:
        UnknownName: no data set of that name.
        DataError: no split of that name, or the data set is not in the folder and cannot be fetched.
    """
    word, _, split = name.removeprefix(PREFIX).partition(":")
    entry = torchvision_sets[word]
    split = split or entry.splits[0]
    if split not in entry.splits:
        known = ", ".join(entry.splits)
        raise DataError(f"{word} has no split {split!r}{did_you_mean(split, entry.splits)} (known: {known})")
    try:
        dataset = entry.build(os.fspath(root), split, download)
    except (RuntimeError, OSError, ValueError) as error:
        step = "check the network, or put its files there" if download else "allow the download, or put its files there"
        raise DataError(f"{word} ({split}) is not in the folder {os.fspath(root)!r}; {step} ({error})") from error
    return _in_memory(dataset, transposed=entry.transposed) or load_dataset(dataset)


def _in_memory(dataset: Any, *, transposed: bool) -> ImageSet | None:
    """The same images as one array, where the data set holds them so."""
    data = getattr(dataset, "data", None)
    if isinstance(data, torch.Tensor):
        data = data.numpy()
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8:
        return None
    if data.ndim == 4 and data.shape[1] == 3 and data.shape[-1] != 3:
        data = data.transpose(0, 2, 3, 1)
    if transposed:
        data = data.swapaxes(1, 2)
    described = load_dataset(dataset)
    return ImageSet(images=data, names=described.names, labels=described.labels, classes=described.classes)


def _enter(
    name: str, splits: Sequence[str], build: Callable[[Any, str, str, bool], Any], transposed: bool = False
) -> None:
    def from_torchvision(root: str, split: str, download: bool) -> Any:
        import torchvision.datasets  # slow, and few need it

        return build(getattr(torchvision.datasets, name), root, split, download)

    torchvision_sets.register(name)(TorchvisionSet(build=from_torchvision, splits=tuple(splits), transposed=transposed))


def _by_flag(dataset: Any, root: str, split: str, download: bool) -> Any:
    return dataset(root, train=split == "train", download=download)


def _by_word(dataset: Any, root: str, split: str, download: bool) -> Any:
    return dataset(root, split=split, download=download)


def _emnist(dataset: Any, root: str, split: str, download: bool) -> Any:
    variety, part = split.split("-")
    return dataset(root, split=variety, train=part == "train", download=download)


for _name in ("MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "USPS"):
    _enter(_name, ("train", "test"), _by_flag)
for _name in ("SVHN", "Food101"):
    _enter(_name, ("train", "test"), _by_word)
for _name in ("DTD", "Flowers102"):
    _enter(_name, ("train", "val", "test"), _by_word)
_enter("OxfordIIITPet", ("trainval", "test"), _by_word)
_VARIETIES = ("balanced", "letters", "digits", "byclass", "bymerge", "mnist")
_enter(
    "EMNIST", [f"{variety}-{part}" for variety in _VARIETIES for part in ("train", "test")], _emnist, transposed=True
)
