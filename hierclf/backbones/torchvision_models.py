"""Any classification model of torchvision, cut before its classifier.

All 80 of them end in the same way: the last linear layer (in SqueezeNet, the last convolution) turns an embedding into
1,000 ImageNet classes. Replacing that one layer by the identity leaves the network that computes the embedding.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import torchvision.models
from torch import Tensor, nn
from torchvision.models.vision_transformer import interpolate_embeddings

from hierclf.backbones.backbone import Backbone
from hierclf.backbones.preprocessing import Preprocessing
from hierclf.backbones.weights import fetch_weights, load_weights, read_state_dict
from hierclf.errors import BackboneError

AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")  # heads that only training on ImageNet uses
OLD_DENSENET_NAME = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.(\d\..*)$")


@cache
def torchvision_names() -> tuple[str, ...]:
    """Names of torchvision's classification models, in the order of the alphabet."""
    return tuple(torchvision.models.list_models(module=torchvision.models))


def build_torchvision(
    name: str, *, weights: str | Path | None, image_size: tuple[int, int] | None, grey: bool | None
) -> Backbone:
    """Build the torchvision model of this name.

    Args:
        name: one of `torchvision_names`.
        weights: ``"default"`` for the best ones that torchvision offers, the name of others (``"IMAGENET1K_V1"``), a
            file, or None for random ones.
        image_size: rows and columns; None takes what the weights were made for.
        grey: drop colours before the three channels are filled.

    Raises:
        BackboneError: the weights are not to be had or do not fit, or the network cannot read images of this size.
    """
    offered = torchvision.models.get_model_weights(name)
    file = Path(weights) if weights is not None and weights not in {"default", *offered.__members__} else None
    if file is not None:
        named = [entry for entry in offered if Path(entry.url).name == file.name]
        entry = named[0] if named else offered.DEFAULT
    else:
        entry = offered[weights] if weights in offered.__members__ else offered.DEFAULT
    preprocessing = Preprocessing.from_torchvision(entry.transforms())
    if image_size is not None:
        preprocessing = preprocessing.resized(*image_size)
    if grey:
        preprocessing = preprocessing.without_colour()

    features = torchvision.models.get_model(name, weights=None, **_settings(name, preprocessing, weights is None))
    classifier = replace_classifier(features)
    if weights is not None:
        path = file if file is not None else fetch_weights(entry.url, name=name)
        state = _modern(name, features, read_state_dict(path))
        load_weights(features, state, source=str(path), ignored=(f"{classifier}.", *AUXILIARY))
    tag = "random" if weights is None else entry.name if file is None else file.name
    return Backbone(features, preprocessing, name=name, weights=tag, pretrained=weights is not None)


def replace_classifier(network: nn.Module) -> str:
    """Put the identity in the place of the last linear layer, or of the last convolution where there is none.

    Returns:
        The name of the layer that was replaced.
    """
    for kind in (nn.Linear, nn.Conv2d):
        names: list[str] = [name for name, module in network.named_modules() if isinstance(module, kind)]
        if names:
            parent, _, last = names[-1].rpartition(".")
            setattr(network.get_submodule(parent), last, nn.Identity())
            return names[-1]
    raise BackboneError(f"{type(network).__name__} has no layer that could be its classifier")


def _settings(name: str, preprocessing: Preprocessing, random: bool) -> dict[str, Any]:
    """What the builder of this model must be told beyond the defaults."""
    if name in ("googlenet", "inception_v3"):  # their weights were made for images in -1..1
        return {"aux_logits": False, "transform_input": True, "init_weights": random}
    if name.startswith("vit_"):
        return {"image_size": preprocessing.height}
    if name.startswith("maxvit_"):
        return {"input_size": (preprocessing.height, preprocessing.width)}
    return {}


def _modern(name: str, network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename and resample what the current code stores otherwise than the published files."""
    if name.startswith("densenet"):
        return {OLD_DENSENET_NAME.sub(r"\1\2", key): tensor for key, tensor in state.items()}
    if isinstance(network, torchvision.models.VisionTransformer) and "encoder.pos_embedding" in state:
        return dict(interpolate_embeddings(network.image_size, network.patch_size, type(state)(state)))
    return state
