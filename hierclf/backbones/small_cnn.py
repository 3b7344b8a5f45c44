"""A small network for small images, trained from scratch in a minute on a laptop.

Five convolutions of 32, 64, 64, 128 and 128 channels, each followed by batch norm and ReLU, then one linear layer that
reads the last map *with its places*, and batch norm. A glyph is a matter of where its strokes are: a network that
averages the places away mixes up S and 5. The maximum is taken before batch norm and ReLU, which changes nothing in
what can be learned and leaves them a quarter of the work.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from hierclf.backbones.backbone import Backbone
from hierclf.backbones.preprocessing import Preprocessing
from hierclf.backbones.weights import load_weights, read_state_dict
from hierclf.errors import BackboneError

NAME = "small_cnn"
DIM = 128
WIDTHS = (32, 64, DIM)
USUAL_SIDE, SMALLEST_SIDE, LARGEST_SIDE = 28, 8, 64
SMALLEST_POOLED_MAP = 4  # a smaller last map keeps all its places
LARGE_SIDE = 48  # from here on the first convolution steps over every second pixel


def build_small_cnn(*, weights: str | Path | None, image_size: tuple[int, int] | None, grey: bool | None) -> Backbone:
    """Build the small network, with random weights from torch's global generator unless a file is given.

    Args:
        weights: ``"default"`` and None mean random ones, anything else is a file.
        image_size: rows and columns, 8 to 64 each; None means 28 x 28.
        grey: one channel instead of three.

    Raises:
        BackboneError: the size is out of range, or the file does not fit.
    """
    height, width = (USUAL_SIDE, USUAL_SIDE) if image_size is None else image_size
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (height, width)):
        raise BackboneError(
            f"{NAME} reads images of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels a side, got {height} x {width}; "
            f"set image_size, or take a backbone for photos (mobilenet_v2, efficientnet_lite0)"
        )
    channels = 1 if grey else 3
    preprocessing = Preprocessing(
        height=height, width=width, mode="L" if grey else "RGB", mean=(0.5,) * channels, std=(0.5,) * channels
    )
    features = small_cnn(channels, height, width)
    from_file = weights is not None and weights != "default"
    if from_file:
        load_weights(features, read_state_dict(str(weights)), source=str(weights))
    tag = Path(str(weights)).name if from_file else "random"
    return Backbone(features, preprocessing, name=NAME, weights=tag, pretrained=from_file)


def small_cnn(channels: int, height: int, width: int) -> nn.Sequential:
    """The layers for images ``(B, channels, height, width)``; the result has shape ``(B, 128)``."""
    large = max(height, width) >= LARGE_SIDE and min(height, width) >= LARGE_SIDE // 2
    first, second, third = WIDTHS
    convolutions = nn.Sequential(
        *_layer(channels, first, stride=2 if large else 1, halve=True),
        *_layer(first, second),
        *_layer(second, second, halve=True),
        *_layer(second, third),
        *_layer(third, third),
    )
    rows, columns = ((side + 1) // 2 // 4 if large else side // 4 for side in (height, width))
    if min(rows, columns) >= SMALLEST_POOLED_MAP:
        convolutions.append(nn.AvgPool2d(2))
        rows, columns = rows // 2, columns // 2
    return nn.Sequential(
        *convolutions, nn.Flatten(), nn.Linear(third * rows * columns, DIM, bias=False), nn.BatchNorm1d(DIM)
    )


def _layer(before: int, after: int, *, stride: int = 1, halve: bool = False) -> list[nn.Module]:
    """A convolution of 3 x 3 with batch norm and ReLU, which may halve the sides of the map."""
    pooling = [nn.MaxPool2d(2)] if halve else []
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return [convolution, *pooling, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
