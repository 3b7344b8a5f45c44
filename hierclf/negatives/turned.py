"""Images mirrored or turned: for glyphs mostly no class at all, for photos often the same class again.

Golan and El-Yaniv, *Deep Anomaly Detection Using Geometric Transformations*, NeurIPS 2018, arXiv:1805.10917, learn to
tell such turns apart; Tack et al., *CSI: Novelty Detection via Contrastive Learning on Distributionally Shifted
Instances*, NeurIPS 2020, arXiv:2007.08176, treat turned images as images of something else, as is done here.

B images, C channels, H height, W width
"""

from __future__ import annotations

from torch import Generator, Tensor
from torch.nn.functional import interpolate

from hierclf.negatives.transformation import transformations


@transformations.register("mirrored")
def mirrored(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """Left and right exchanged."""
    return images_BCHW.flip(3)


@transformations.register("upside_down")
def upside_down(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """Top and bottom exchanged, as in a mirror on the floor."""
    return images_BCHW.flip(2)


@transformations.register("rotated_90")
def rotated_left(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """A quarter turn to the left; images that are no squares are scaled back to their shape."""
    return _quarter_turns(images_BCHW, 1)


@transformations.register("rotated_180")
def rotated_half(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """Half a turn."""
    return _quarter_turns(images_BCHW, 2)


@transformations.register("rotated_270")
def rotated_right(images_BCHW: Tensor, partners_BCHW: Tensor, generator: Generator) -> Tensor:
    """A quarter turn to the right; images that are no squares are scaled back to their shape."""
    return _quarter_turns(images_BCHW, 3)


def _quarter_turns(images_BCHW: Tensor, number: int) -> Tensor:
    turned = images_BCHW.rot90(number, (2, 3))
    if turned.shape == images_BCHW.shape or len(turned) == 0:
        return turned.reshape(images_BCHW.shape)
    return interpolate(turned, size=images_BCHW.shape[2:], mode="bilinear", align_corners=False)
