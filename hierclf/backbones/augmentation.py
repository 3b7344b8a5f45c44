"""Light changes of training images that leave their class, for whole batches at once.

Glyphs are turned, moved, scaled and sheared a little, never mirrored: a mirrored 2 is no 2. Photos are cropped and
mirrored, and their colours change a little. Both work on preprocessed batches, so decoded images can be kept and the
work runs on the device of the batch.

What happens to an image depends on ``(seed, epoch, index)`` and nothing else: not on the batch it is in, the order,
the number of workers or any global generator. So a resumed run repeats the uninterrupted one.

Legend: B images, C channels, H height, W width, K random numbers per image.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hierclf.backbones.preprocessing import Preprocessing
from hierclf.registry import Registry

RANDOM_NUMBERS = 8  # per image, K
GLYPH_DEGREES, GLYPH_SHEAR, GLYPH_SCALE, GLYPH_SHIFT = 10.0, 0.15, 0.10, 0.06
PHOTO_SMALLEST_AREA, PHOTO_ASPECT, PHOTO_COLOUR = 0.4, 4 / 3, 0.2


class Change(Protocol):
    """One way to change preprocessed images, steered by random numbers in [0, 1)."""

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
        how: ``"none"``, ``"glyphs"``, ``"photos"``, or ``"auto"``: glyphs if images are read without colour, else
            photos.
        preprocessing: that made the images.
        seed: of the run.
        epoch: so that the same image changes otherwise next time.

    Returns:
        Shape and dtype as given; the images themselves for ``"none"``.

    Raises:
        UnknownName: no such augmentation.
    """
    if how == "auto":
        how = "glyphs" if preprocessing.mode == "L" else "photos"
    change = augmentations[how]
    if len(images_BCHW) == 0:
        return images_BCHW
    random_BK = torch.from_numpy(uniform_numbers(seed, epoch, index_B.cpu().numpy(), RANDOM_NUMBERS))
    return change(images_BCHW, random_BK.to(images_BCHW), preprocessing)


@augmentations.register("none")
def leave_alone(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """The images as they are."""
    return images_BCHW


@augmentations.register("glyphs")
def change_glyphs(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """A small affine map; what comes in at the edges is the median of the image's own border."""
    angle, shear, across, down, right, below = (2 * random_BK[:, :6] - 1).unbind(1)
    angle = angle * math.radians(GLYPH_DEGREES)
    across, down = 1 + GLYPH_SCALE * across, 1 + GLYPH_SCALE * down
    tilt = shear * GLYPH_SHEAR
    cosine, sine = angle.cos(), angle.sin()
    affine_B23 = torch.stack(
        [
            torch.stack([across * cosine, across * (tilt * cosine - sine), 2 * GLYPH_SHIFT * right], dim=1),
            torch.stack([down * sine, down * (tilt * sine + cosine), 2 * GLYPH_SHIFT * below], dim=1),
        ],
        dim=1,
    )
    border = [images_BCHW[:, :, 0], images_BCHW[:, :, -1], images_BCHW[..., 0], images_BCHW[..., -1]]
    ground_BC11 = torch.cat(border, dim=2).median(dim=2).values[..., None, None]
    return _resample(images_BCHW - ground_BC11, affine_B23, padding="zeros") + ground_BC11


@augmentations.register("photos")
def change_photos(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """A random cut of 40 to 100 % of the area, mirrored half of the time, with other brightness, contrast and colour.

    The cut is that of Szegedy et al., *Going Deeper with Convolutions*, CVPR 2015, arXiv:1409.4842, with milder bounds.
    """
    area, aspect, right, below, mirror, bright, contrast, colour = random_BK.unbind(1)
    side = (PHOTO_SMALLEST_AREA + (1 - PHOTO_SMALLEST_AREA) * area).sqrt()
    stretch = ((2 * aspect - 1) * math.log(PHOTO_ASPECT) / 2).exp()
    across, down = (side * stretch).clamp(max=1), (side / stretch).clamp(max=1)
    turned = torch.where(mirror < 0.5, -across, across)
    nought = torch.zeros_like(across)
    affine_B23 = torch.stack(
        [
            torch.stack([turned, nought, (1 - across) * (2 * right - 1)], dim=1),
            torch.stack([nought, down, (1 - down) * (2 * below - 1)], dim=1),
        ],
        dim=1,
    )
    cut_BCHW = _resample(images_BCHW, affine_B23, padding="border")
    mean = images_BCHW.new_tensor(preprocessing.mean)[:, None, None]
    std = images_BCHW.new_tensor(preprocessing.std)[:, None, None]
    factors = (1 + PHOTO_COLOUR * (2 * torch.stack([bright, contrast, colour]) - 1))[..., None, None, None]
    unit_BCHW = cut_BCHW * std + mean  # from here on colours lie in 0..1
    unit_BCHW = unit_BCHW * factors[0]
    grey_B1HW = unit_BCHW.mean(dim=1, keepdim=True)
    unit_BCHW = torch.lerp(grey_B1HW.mean(dim=(2, 3), keepdim=True), unit_BCHW, factors[1])
    unit_BCHW = torch.lerp(unit_BCHW.mean(dim=1, keepdim=True), unit_BCHW, factors[2])
    return (unit_BCHW.clamp(0, 1) - mean) / std


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


def _resample(images_BCHW: Tensor, affine_B23: Tensor, *, padding: str) -> Tensor:
    grid_BHW2 = functional.affine_grid(affine_B23, list(images_BCHW.shape), align_corners=False)
    return functional.grid_sample(images_BCHW, grid_BHW2, padding_mode=padding, align_corners=False)
