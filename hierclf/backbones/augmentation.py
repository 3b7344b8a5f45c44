"""Light changes of training images that leave their class, for whole batches at once.

Glyphs are turned, moved, scaled and sheared a little, never mirrored: a mirrored 2 is no 2. Photos are cropped and
mirrored, and their colours change a little. Both work on preprocessed batches, so decoded images can be kept and the
work runs on the device of the batch. Stronger ways are in `strong_augmentation`, those of torchvision in
`policy_augmentation`. Ways can be joined, ``"photos+erasing"``: each works on what the one before has made.

What happens to an image depends on ``(seed, epoch, index)`` and nothing else: not on the batch it is in, the order,
the number of workers or any global generator. So a resumed run repeats the uninterrupted one.

Legend: B images, C channels, H height, W width, K random numbers per image and way, R of all ways.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hierclf.backbones.preprocessing import Preprocessing
from hierclf.registry import Registry

RANDOM_NUMBERS = 64  # per image and way, K
JOINED = "+"


class Change(Protocol):
    """One way to change preprocessed images, steered by 64 random numbers in [0, 1) for each, of the images' dtype."""

    def __call__(self, images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
        """Images of the same shape and dtype."""


augmentations: Registry[Change] = Registry("augmentation")


def augment(
    images_BCHW: Tensor, index_B: Tensor, *, how: str, preprocessing: Preprocessing, seed: int, epoch: int
) -> Tensor:
    """Change each image a little.

    Args:
        images_BCHW: float images as `Preprocessing` makes them, shape ``(B, C, H, W)``; B may be 0.
        index_B: number of each image in the training set, int64, shape ``(B,)``.
        how: a name of `augmentations`, several joined by ``+``, or ``"auto"``: glyphs if images are read without
            colour, else photos.
        preprocessing: that made the images.
        seed: of the run.
        epoch: so that the same image changes otherwise next time.

    Returns:
        Shape and dtype as given; the images themselves for ``"none"``.

    Raises:
        UnknownName: no such augmentation.
    """
    changes = named_changes(how, preprocessing)
    if len(images_BCHW) == 0 or all(change is leave_alone for change in changes):
        return images_BCHW
    numbers_BR = uniform_numbers(seed, epoch, index_B.cpu().numpy(), RANDOM_NUMBERS * len(changes))
    random_BR = torch.from_numpy(numbers_BR).to(images_BCHW)
    for change, random_BK in zip(changes, torch.split(random_BR, RANDOM_NUMBERS, dim=1), strict=True):
        images_BCHW = change(images_BCHW, random_BK, preprocessing)
    return images_BCHW


def named_changes(how: str, preprocessing: Preprocessing | None = None) -> tuple[Change, ...]:
    """What a name stands for.

    Args:
        how: a name of `augmentations`, several joined by ``+``, or ``"auto"``.
        preprocessing: what ``"auto"`` goes by; None takes it for glyphs, which serves to check a name.

    Raises:
        UnknownName: no such augmentation.

    >>> [change.__name__ for change in named_changes("photos+erasing")]
    ['change_photos', 'erase_parts']
    """
    usual = "glyphs" if preprocessing is None or preprocessing.mode == "L" else "photos"
    return tuple(augmentations[usual if name == "auto" else name] for name in how.split(JOINED))


@augmentations.register("none")
def leave_alone(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """The images as they are."""
    return images_BCHW


def uniform_numbers(seed: int, epoch: int, index_B: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Random numbers in [0, 1) that depend on seed, epoch and index alone, shape ``(B, count)``.

    Each is a hash of its coordinates, by the finaliser of SplitMix64: Steele, Lea and Flood, *Fast Splittable
    Pseudorandom Number Generators*, OOPSLA 2014.

    >>> uniform_numbers(0, 0, np.array([3, 4]), 1).tolist() == [
    ...     uniform_numbers(0, 0, np.array([index]), 1)[0].tolist() for index in (3, 4)
    ... ]
    True
    """
    state = np.zeros((len(index_B), count), dtype=np.uint64)
    columns = np.arange(count, dtype=np.uint64)
    for coordinate in (
        np.array([[seed % 2**64]], np.uint64),
        np.array([[epoch]], np.uint64),
        index_B[:, None],
        columns,
    ):
        state = _mix(state + coordinate.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    numbers: NDArray[np.float64] = (state >> np.uint64(11)).astype(np.float64) / 2.0**53
    return numbers


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state
