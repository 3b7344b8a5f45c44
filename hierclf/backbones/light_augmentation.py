"""The usual ways to change training images: a glyph moves a little, a photo is cut, mirrored and coloured otherwise.

Legend: B images, C channels, H height, W width, K random numbers per image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hierclf.backbones.augmentation import augmentations
from hierclf.backbones.preprocessing import Preprocessing


@dataclass(frozen=True, kw_only=True)
class GlyphBounds:
    """How far a glyph may go either way.

    Args:
        degrees: of a turn.
        shear: sideways, per unit of height.
        scale: share of width and of height, each for itself.
        shift: share of the sides.
    """

    degrees: float
    shear: float
    scale: float
    shift: float


@dataclass(frozen=True, kw_only=True)
class PhotoBounds:
    """How much of a photo is left.

    Args:
        smallest_area: share of the area that a cut keeps at least.
        aspect: greatest ratio of the cut's sides to those of the photo, either way.
        colour: greatest change of brightness, contrast and saturation.
    """

    smallest_area: float
    aspect: float
    colour: float


LIGHT_GLYPHS = GlyphBounds(degrees=10.0, shear=0.15, scale=0.10, shift=0.06)
LIGHT_PHOTOS = PhotoBounds(smallest_area=0.4, aspect=4 / 3, colour=0.2)


@augmentations.register("glyphs")
def change_glyphs(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """A small affine map; what comes in at the edges is the median of the image's own border."""
    return moved_glyphs(images_BCHW, affine_of_glyphs(random_BK, LIGHT_GLYPHS))


@augmentations.register("photos")
def change_photos(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """A random cut of 40 to 100 % of the area, mirrored half of the time, with other brightness, contrast and colour.

    The cut is that of Szegedy et al., *Going Deeper with Convolutions*, CVPR 2015, arXiv:1409.4842, with milder bounds.
    """
    return cut_photos(images_BCHW, random_BK, preprocessing, LIGHT_PHOTOS)


def affine_of_glyphs(random_BK: Tensor, bounds: GlyphBounds) -> Tensor:
    """Affine maps from places in the result to places in the image, both from -1 to 1, shape ``(B, 2, 3)``."""
    angle, shear, across, down, right, below = (2 * random_BK[:, :6] - 1).unbind(1)
    angle = angle * math.radians(bounds.degrees)
    across, down = 1 + bounds.scale * across, 1 + bounds.scale * down
    tilt = shear * bounds.shear
    cosine, sine = angle.cos(), angle.sin()
    return torch.stack(
        [
            torch.stack([across * cosine, across * (tilt * cosine - sine), 2 * bounds.shift * right], dim=1),
            torch.stack([down * sine, down * (tilt * sine + cosine), 2 * bounds.shift * below], dim=1),
        ],
        dim=1,
    )


def moved_glyphs(images_BCHW: Tensor, affine_B23: Tensor, bend_BHW2: Tensor | None = None) -> Tensor:
    """Glyphs read at other places; beyond their edges their own ground goes on.

    Args:
        images_BCHW: glyphs.
        affine_B23: from `affine_of_glyphs`.
        bend_BHW2: what is added to each place, x and y, in halves of the sides; None adds nothing.
    """
    ground_BC11 = ground(images_BCHW)
    grid_BHW2 = functional.affine_grid(affine_B23, list(images_BCHW.shape), align_corners=False)
    if bend_BHW2 is not None:
        grid_BHW2 = grid_BHW2 + bend_BHW2
    return _read_at(images_BCHW - ground_BC11, grid_BHW2, padding="zeros") + ground_BC11


def ground(images_BCHW: Tensor) -> Tensor:
    """Median of each image's border by channel, shape ``(B, C, 1, 1)``."""
    border = [images_BCHW[:, :, 0], images_BCHW[:, :, -1], images_BCHW[..., 0], images_BCHW[..., -1]]
    return torch.cat(border, dim=2).median(dim=2).values[..., None, None]


def cut_photos(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing, bounds: PhotoBounds) -> Tensor:
    """Cuts of photos, half of them mirrored, in other colours; colours stay within 0..1."""
    area, aspect, right, below, mirror, bright, contrast, colour = random_BK[:, :8].unbind(1)
    side = (bounds.smallest_area + (1 - bounds.smallest_area) * area).sqrt()
    stretch = ((2 * aspect - 1) * math.log(bounds.aspect) / 2).exp()
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
    grid_BHW2 = functional.affine_grid(affine_B23, list(images_BCHW.shape), align_corners=False)
    factors = (1 + bounds.colour * (2 * torch.stack([bright, contrast, colour]) - 1))[..., None, None, None]
    unit_BCHW = unit_colours(_read_at(images_BCHW, grid_BHW2, padding="border"), preprocessing)
    unit_BCHW = unit_BCHW * factors[0]
    grey_B1HW = unit_BCHW.mean(dim=1, keepdim=True)
    unit_BCHW = torch.lerp(grey_B1HW.mean(dim=(2, 3), keepdim=True), unit_BCHW, factors[1])
    unit_BCHW = torch.lerp(unit_BCHW.mean(dim=1, keepdim=True), unit_BCHW, factors[2])
    return normalised_colours(unit_BCHW.clamp(0, 1), preprocessing)


def unit_colours(images_BCHW: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Preprocessed images with their colours back in 0..1."""
    mean, std = _mean_and_std(images_BCHW, preprocessing)
    return images_BCHW * std + mean


def normalised_colours(unit_BCHW: Tensor, preprocessing: Preprocessing) -> Tensor:
    """The way back of `unit_colours`."""
    mean, std = _mean_and_std(unit_BCHW, preprocessing)
    return (unit_BCHW - mean) / std


def _mean_and_std(images_BCHW: Tensor, preprocessing: Preprocessing) -> tuple[Tensor, Tensor]:
    mean, std = (images_BCHW.new_tensor(values)[:, None, None] for values in (preprocessing.mean, preprocessing.std))
    return mean, std


def _read_at(images_BCHW: Tensor, grid_BHW2: Tensor, *, padding: str) -> Tensor:
    return functional.grid_sample(images_BCHW, grid_BHW2, padding_mode=padding, align_corners=False)
