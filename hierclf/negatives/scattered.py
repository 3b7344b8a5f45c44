"""Images whose parts are all there, but not where they belong.

Shuffled patches follow Noroozi and Favaro, *Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles*,
ECCV 2016, arXiv:1603.09246.

B images, C channels, H height, W width, P patches
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn.functional import grid_sample, interpolate

from hierclf.negatives.transformation import transformations

WARP_KNOTS, WARP_SHIFT = 4, 0.45
"""A warp has so many knots along each axis, each moved by up to this share of half an image."""


@transformations.register("shuffled_2x2")
def shuffled_2x2(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """Cut into 2 x 2 patches, put together in another order."""
    return _shuffled(images_BCHW, 2, generator)


@transformations.register("shuffled_4x4")
def shuffled_4x4(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """Cut into 4 x 4 patches, put together in another order."""
    return _shuffled(images_BCHW, 4, generator)


@transformations.register("warped")
def warped(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """Bent like a rubber sheet, so strongly that lines no longer meet where they met."""
    count, _, height, width = images_BCHW.shape
    if count == 0:
        return images_BCHW
    knots = 2 * torch.rand(count, 2, WARP_KNOTS, WARP_KNOTS, generator=generator) - 1
    shift = interpolate(WARP_SHIFT * knots, size=(height, width), mode="bicubic", align_corners=True)
    column, row = torch.meshgrid(torch.linspace(-1, 1, width), torch.linspace(-1, 1, height), indexing="xy")
    grid = torch.stack([column, row], dim=2) + shift.movedim(1, 3)
    return grid_sample(images_BCHW, grid.to(images_BCHW), padding_mode="border", align_corners=True)


def _shuffled(images_BCHW: Tensor, side: int, generator: Generator) -> Tensor:
    """Patches of ``side`` x ``side`` in an order that is never the old one; rows and columns left over stay."""
    count, channels, height, width = images_BCHW.shape
    high, wide = height // side, width // side
    inner = images_BCHW[:, :, : high * side, : wide * side]
    patches = inner.reshape(count, channels, side, high, side, wide).permute(0, 2, 4, 1, 3, 5)
    patches = patches.reshape(count, side * side, channels, high, wide)
    order_BP = torch.rand(count, side * side, generator=generator).argsort(1)
    unchanged_B = (order_BP == torch.arange(side * side)).all(1)
    order_BP[unchanged_B] = order_BP[unchanged_B].roll(1, dims=1)
    patches = patches[torch.arange(count)[:, None], order_BP].reshape(count, side, side, channels, high, wide)
    shuffled = images_BCHW.clone()
    shuffled[:, :, : high * side, : wide * side] = patches.permute(0, 3, 1, 4, 2, 5).reshape(inner.shape)
    return shuffled
