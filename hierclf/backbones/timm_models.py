"""Any model of timm, by ``timm/NAME``, with the preprocessing that timm states for it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from hierclf.backbones.backbone import Backbone
from hierclf.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from hierclf.backbones.weights import load_weights, read_state_dict
from hierclf.errors import BackboneError, UnknownName
from hierclf.registry import did_you_mean

PREFIX = "timm/"


def import_timm(extra: str = "timm") -> Any:
    """The timm package.

    Raises:
        BackboneError: it is not installed.
    """
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise BackboneError(f'this backbone needs the package timm: pip install "hierclf[{extra}]"') from error


def build_timm(
    name: str, *, weights: str | Path | None, image_size: tuple[int, int] | None, grey: bool | None
) -> Backbone:
    """Build the timm model of this name.

    Args:
        name: as in ``timm.list_models()``, without ``timm/``; a tag picks among weights (``resnet18.a1_in1k``).
        weights: ``"default"`` lets timm download them, a file is read, None means random ones.
        image_size: rows and columns; None takes what the weights were made for.
        grey: drop colours before the three channels are filled.

    Raises:
        UnknownName: timm has no such model.
        BackboneError: timm is not installed, or the weights are not to be had or do not fit.
    """
    timm = import_timm()
    if not timm.is_model(name):
        raise UnknownName(f"no backbone named {PREFIX + name!r}{did_you_mean(name, timm.list_models())}")
    settings: dict[str, Any] = {"num_classes": 0}
    if image_size is not None and timm.models.get_pretrained_cfg(name, allow_unregistered=True).fixed_input_size:
        settings["img_size"] = image_size  # position embeddings must be made for it
    try:
        features = timm.create_model(name, pretrained=weights == "default", **settings)
    except (OSError, RuntimeError, ValueError) as error:
        raise BackboneError(
            f"timm could not build {PREFIX + name!r} with weights={weights!r}: {error}. Without a network pass a file "
            f"(--weights FILE), or take the backbone efficientnet_lite0"
        ) from error
    if weights is not None and weights != "default":
        heads = features.default_cfg.get("classifier") or ()
        ignored = tuple(f"{head}." for head in ((heads,) if isinstance(heads, str) else heads))
        load_weights(features, read_state_dict(weights), source=str(weights), ignored=ignored)
    preprocessing = timm_preprocessing(timm.data.resolve_model_data_config(features))
    if image_size is not None:
        preprocessing = preprocessing.resized(*image_size)
    if grey:
        preprocessing = preprocessing.without_colour()
    tag = "random" if weights is None else "timm" if weights == "default" else Path(weights).name
    return Backbone(features, preprocessing, name=PREFIX + name, weights=tag, pretrained=weights is not None)


def timm_preprocessing(settings: dict[str, Any]) -> Preprocessing:
    """The evaluation transform of timm as a `Preprocessing`.

    Args:
        settings: what ``timm.data.resolve_model_data_config`` returns.
    """
    _, height, width = settings["input_size"]
    squash = settings.get("crop_mode") == "squash" or height != width
    interpolation = settings.get("interpolation", "bicubic")
    return Preprocessing(
        height=height,
        width=width,
        resize="squash" if squash else "crop",
        resize_to=None if squash else int(height / settings.get("crop_pct", 0.875)),
        interpolation=interpolation if interpolation in ("nearest", "bilinear", "bicubic") else "bicubic",
        mean=tuple(settings.get("mean", IMAGENET_MEAN)),
        std=tuple(settings.get("std", IMAGENET_STD)),
    )
