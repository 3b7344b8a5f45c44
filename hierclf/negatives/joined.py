"""Two images of different classes in one: half of each, both at once, or a piece of one on the other.

Mixing follows Zhang et al., *mixup: Beyond Empirical Risk Minimization*, ICLR 2018, arXiv:1710.09412, pasting follows
Yun et al., *CutMix*, ICCV 2019, arXiv:1905.04899; but where these give the result a share of both labels, here it is
neither class.

B images, C channels, H height, W width
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from hierclf.negatives.transformation import transformations

PASTED_SIDE = 0.5
"""Length of the sides of a pasted piece, as a share of those of the image."""


@transformations.register("halves_beside")
def halves_beside(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """The left half of the image beside the right half of its partner."""
    middle = images_BCHW.shape[3] // 2
    return torch.cat([images_BCHW[..., :middle], partners_BCHW[..., middle:]], dim=3)


@transformations.register("halves_stacked")
def halves_stacked(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """The upper half of the image above the lower half of its partner."""
    middle = images_BCHW.shape[2] // 2
    return torch.cat([images_BCHW[:, :, :middle], partners_BCHW[:, :, middle:]], dim=2)


@transformations.register("mixed")
def mixed(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """The mean of both."""
    return (images_BCHW + partners_BCHW) / 2


@transformations.register("overlaid")
def overlaid(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """Both drawn on one ground: of each pixel the value that differs more from its own image's ground.

    The ground is the median of an image's border, so it does not matter whether strokes are light or dark.
    """
    far_BCHW, far_partner_BCHW = ((side - _ground(side)).abs() for side in (images_BCHW, partners_BCHW))
    moved_BCHW = partners_BCHW - _ground(partners_BCHW) + _ground(images_BCHW)
    return torch.where(far_BCHW >= far_partner_BCHW, images_BCHW, moved_BCHW)


@transformations.register("pasted")
def pasted(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """A piece of the partner, half as wide and half as high, on the image, each cut and put at random places."""
    height, width = images_BCHW.shape[2:]
    high, wide = max(1, round(PASTED_SIDE * height)), max(1, round(PASTED_SIDE * width))
    count, device = len(images_BCHW), images_BCHW.device

    def corner(side: int, length: int) -> Tensor:
        return torch.randint(side - length + 1, (count, 1), generator=generator).to(device)

    top_B1, left_B1, from_top_B1, from_left_B1 = (
        corner(*axis) for axis in ((height, high), (width, wide), (height, high), (width, wide))
    )
    row_BH, column_BW = torch.arange(height, device=device) - top_B1, torch.arange(width, device=device) - left_B1
    inside_BHW = ((row_BH >= 0) & (row_BH < high))[:, :, None] & ((column_BW >= 0) & (column_BW < wide))[:, None, :]
    source_BH, source_BW = ((row_BH + from_top_B1) % height, (column_BW + from_left_B1) % width)
    images = torch.arange(count, device=device)[:, None, None]
    piece_BHWC = partners_BCHW.movedim(1, 3)[images, source_BH[:, :, None], source_BW[:, None, :]]
    return torch.where(inside_BHW[:, None], piece_BHWC.movedim(3, 1), images_BCHW)


def _ground(images_BCHW: Tensor) -> Tensor:
    border = [images_BCHW[:, :, 0], images_BCHW[:, :, -1], images_BCHW[..., 0], images_BCHW[..., -1]]
    return torch.cat(border, dim=2).median(dim=2).values[..., None, None]
