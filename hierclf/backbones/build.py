"""From a name, or a module of the user's own, to a `Backbone`.

>>> backbone = build_backbone("small_cnn", image_size=28, grey=True)
>>> backbone.preprocessing.shape, backbone.dim
((1, 28, 28), 128)
>>> build_backbone("mobilnet_v2")
Traceback (most recent call last):
    ...
hierclf.errors.UnknownName: no backbone named 'mobilnet_v2'; did you mean 'mobilenet_v2'? ...
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from hierclf.backbones.backbone import Backbone
from hierclf.backbones.efficientnet_lite0 import build_efficientnet_lite0
from hierclf.backbones.preprocessing import Preprocessing
from hierclf.backbones.small_cnn import build_small_cnn
from hierclf.backbones.timm_models import PREFIX, build_timm
from hierclf.backbones.torchvision_models import build_torchvision, torchvision_names
from hierclf.backbones.weights import load_weights, read_state_dict
from hierclf.errors import BackboneError, ConfigError, UnknownName
from hierclf.registry import Registry, did_you_mean


class Builder(Protocol):
    """Builds one architecture; what each argument means is told at `build_backbone`."""

    def __call__(
        self, *, weights: str | Path | None, image_size: tuple[int, int] | None, grey: bool | None
    ) -> Backbone:
        """A new backbone on the CPU."""


backbones: Registry[Builder] = Registry("backbone")
backbones.register("small_cnn")(build_small_cnn)
backbones.register("efficientnet_lite0")(build_efficientnet_lite0)
for _name in torchvision_names():
    backbones.register(_name)(partial(build_torchvision, _name))


def list_backbones() -> tuple[str, ...]:
    """All names that `build_backbone` takes, beside ``timm/NAME`` for every model of timm."""
    return backbones.names


def build_backbone(
    backbone: str | nn.Module,
    *,
    weights: str | os.PathLike[str] | None = "default",
    image_size: int | tuple[int, int] | None = None,
    grey: bool | None = None,
    preprocessing: Preprocessing | None = None,
) -> Backbone:
    """Build a backbone.

    Args:
        backbone: a name of `list_backbones`, ``timm/NAME``, or a module that maps images ``(B, C, H, W)`` to
            embeddings. A module says how it wants its images by an attribute ``preprocessing`` (a `Preprocessing`, or
            torchvision's ``weights.transforms()``); without one `image_size` is needed, and pixels are scaled to 0..1.
        weights: ``"default"`` for the published ones (downloaded once where that is needed), a file, or None for
            random ones. A module keeps what it holds unless a file is given.
        image_size: one side, or rows and columns, instead of what the weights were made for.
        grey: read images without their colours; None and False keep colours.
        preprocessing: used as it is, instead of the backbone's own; sets size and colours too.

    Raises:
        UnknownName: no such backbone.
        ConfigError: a setting out of range, or `preprocessing` together with `image_size` or `grey`.
        BackboneError: it cannot be built, or its weights are not at hand or do not fit.
    """
    if preprocessing is not None:
        if image_size is not None or grey is not None:
            raise ConfigError("preprocessing sets size and colours; leave image_size and grey out")
        image_size, grey = (preprocessing.height, preprocessing.width), preprocessing.mode == "L"
    size = _sides(image_size)
    file = str(weights) if isinstance(weights, os.PathLike) else weights
    if isinstance(backbone, Backbone):
        raise ConfigError("this is a Backbone already; use it as it is")
    if isinstance(backbone, nn.Module):
        return _wrap(backbone, file, size, grey, preprocessing)
    if not isinstance(backbone, str):
        raise ConfigError(f"backbone is a name or a torch.nn.Module; got a {type(backbone).__name__}")
    if backbone.startswith(PREFIX):
        built = build_timm(backbone.removeprefix(PREFIX), weights=file, image_size=size, grey=grey)
    elif backbone in backbones:
        built = backbones[backbone](weights=file, image_size=size, grey=grey)
    else:
        hint = did_you_mean(backbone, backbones.names)
        raise UnknownName(
            f"no backbone named {backbone!r}{hint} (known: small_cnn, efficientnet_lite0, every classification model "
            f"of torchvision such as mobilenet_v2 and resnet50, and timm/NAME)"
        )
    if preprocessing is None or preprocessing == built.preprocessing:
        return built
    return Backbone(built.features, preprocessing, name=built.name, weights=built.weights, pretrained=built.pretrained)


def _wrap(
    module: nn.Module,
    weights: str | None,
    size: tuple[int, int] | None,
    grey: bool | None,
    preprocessing: Preprocessing | None,
) -> Backbone:
    """A module of the user's own, with the preprocessing given or the one it carries."""
    name = type(module).__name__
    carried: Any = getattr(module, "preprocessing", None)
    if preprocessing is None and carried is not None:
        if not isinstance(carried, Preprocessing) and not hasattr(carried, "crop_size"):
            raise BackboneError(
                f"the attribute 'preprocessing' of {name} must be a hierclf Preprocessing or torchvision's "
                f"weights.transforms(); got a {type(carried).__name__}"
            )
        preprocessing = carried if isinstance(carried, Preprocessing) else Preprocessing.from_torchvision(carried)
        preprocessing = preprocessing if size is None else preprocessing.resized(*size)
        preprocessing = preprocessing.without_colour() if grey else preprocessing
    if preprocessing is None:
        if size is None:
            raise BackboneError(
                f"{name} does not say which images it reads; pass image_size, or give it an attribute 'preprocessing'"
            )
        planes = 1 if grey else 3
        preprocessing = Preprocessing(
            height=size[0], width=size[1], mode="L" if grey else "RGB", mean=(0.0,) * planes, std=(1.0,) * planes
        )
    if weights not in (None, "default"):
        load_weights(module, read_state_dict(str(weights)), source=str(weights))
    tag = "as given" if weights in (None, "default") else Path(str(weights)).name
    return Backbone(module, preprocessing, name=name, weights=tag, pretrained=weights is not None)


def _sides(image_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Rows and columns from what the user may write."""
    if image_size is None:
        return None
    sides = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(sides) != 2 or not all(isinstance(s, int) and not isinstance(s, bool) and s > 0 for s in sides):
        raise ConfigError(f"image_size is a number of pixels, or (rows, columns); got {image_size!r}")
    return sides[0], sides[1]
