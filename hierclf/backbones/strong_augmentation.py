"""Stronger changes of training images, for few images or long trainings: bent glyphs, smaller cuts, erased parts.

A network that sees a glyph bent and with a part of it gone cannot rest on one stroke. Stronger is not better in itself:
what never comes in use has to be learnt as well, and a class may lose what tells it from the next (the tail of a Q).

Legend: B images, C channels, H height, W width, K random numbers per image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from hierclf.backbones.augmentation import augmentations
from hierclf.backbones.light_augmentation import (
    GlyphBounds,
    PhotoBounds,
    affine_of_glyphs,
    cut_photos,
    ground,
    moved_glyphs,
)
from hierclf.backbones.preprocessing import Preprocessing

STRONG_GLYPHS = GlyphBounds(degrees=15.0, shear=0.25, scale=0.20, shift=0.10)
STRONG_PHOTOS = PhotoBounds(smallest_area=0.2, aspect=16 / 9, colour=0.4)
KNOTS, BEND = 4, 0.12  # a bend is given on a grid of so many knots a side, each moves by so much of half a side
ERASED_SHARE, SMALLEST_ERASED, LARGEST_ERASED, ERASED_ASPECT = 0.5, 0.02, 0.2, 3.0
FIRST_OF_BEND, FIRST_OF_ERASING = 16, 56  # which of the random numbers they read


@augmentations.register("glyphs_strong")
def change_glyphs_strongly(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """A wide affine map and an elastic bend, never mirrored, with a part erased half of the time.

    The bend is that of Ronneberger, Fischer and Brox, *U-Net*, MICCAI 2015, arXiv:1505.04597: random shifts on a coarse
    grid, brought to every pixel by bicubic interpolation; after Simard, Steinkraus and Platt, *Best Practices for
    Convolutional Neural Networks Applied to Visual Document Analysis*, ICDAR 2003.
    """
    height, width = images_BCHW.shape[2:]
    bend_BHW2 = elastic_bend(random_BK[:, FIRST_OF_BEND:], height, width)
    moved_BCHW = moved_glyphs(images_BCHW, affine_of_glyphs(random_BK, STRONG_GLYPHS), bend_BHW2)
    return erase_parts(moved_BCHW, random_BK, preprocessing)


@augmentations.register("photos_strong")
def change_photos_strongly(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """A cut of 20 to 100 % of the area, mirrored half of the time, in colours further off, with a part erased."""
    return erase_parts(cut_photos(images_BCHW, random_BK, preprocessing, STRONG_PHOTOS), random_BK, preprocessing)


@augmentations.register("erasing")
def erase_parts(images_BCHW: Tensor, random_BK: Tensor, preprocessing: Preprocessing) -> Tensor:
    """In half of the images, a rectangle of 2 to 20 % of the area is filled with the median of the image's border.

    Zhong et al., *Random Erasing Data Augmentation*, AAAI 2020, arXiv:1708.04896; smaller parts than theirs, filled
    with the ground, so that what is left of a glyph is still a glyph on its ground.
    """
    toggle, area, aspect, right, below = random_BK[:, FIRST_OF_ERASING : FIRST_OF_ERASING + 5, None].unbind(1)
    height, width = images_BCHW.shape[2:]
    side = (SMALLEST_ERASED + (LARGEST_ERASED - SMALLEST_ERASED) * area).sqrt()
    stretch = ((2 * aspect - 1) * math.log(ERASED_ASPECT) / 2).exp()
    inside_BH = _within(height, side / stretch, below)
    inside_BW = _within(width, side * stretch, right)
    erased_B1HW = ((toggle < ERASED_SHARE) & inside_BH)[:, None, :, None] & inside_BW[:, None, None, :]
    return torch.where(erased_B1HW, ground(images_BCHW), images_BCHW)


def elastic_bend(random_BK: Tensor, height: int, width: int) -> Tensor:
    """A smooth field of shifts, x and y, in halves of the sides, shape ``(B, H, W, 2)``.

    Args:
        random_BK: the first 32 numbers are the shifts of 4 x 4 knots.
        height: H.
        width: W.
    """
    knots_B2KK = (2 * random_BK[:, : 2 * KNOTS * KNOTS] - 1).reshape(-1, 2, KNOTS, KNOTS) * BEND
    field_B2HW = functional.interpolate(knots_B2KK, size=(height, width), mode="bicubic", align_corners=True)
    return field_B2HW.movedim(1, 3)


def _within(count: int, length_B1: Tensor, place_B1: Tensor) -> Tensor:
    """Which of so many pixels lie in a span of this share of them, shape ``(B, count)``."""
    centre_1P = (torch.arange(count, device=length_B1.device, dtype=length_B1.dtype)[None] + 0.5) / count
    length_B1 = length_B1.clamp(max=1)
    start_B1 = place_B1 * (1 - length_B1)
    return (centre_1P >= start_B1) & (centre_1P < start_B1 + length_B1)
