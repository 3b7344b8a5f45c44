"""From the setting ``backbone`` and a look at the images to a backbone, ready to be frozen or trained."""

from __future__ import annotations

import copy

import numpy as np
from torch import nn

from hierclf.backbones import Backbone, build_backbone
from hierclf.data import ImageSet, image_to_pil
from hierclf.errors import BackboneError
from hierclf.settings import Settings
from hierclf.training.chance import seeded

SMALL_PIXELS = 64
"""Grey images up to this size count as glyphs, for which a small network is trained from scratch."""

SAMPLE = 16
REDUCED_PIXELS = 32
FEWEST_PIXELS = 8


def choose_backbone(images: ImageSet, settings: Settings) -> tuple[Backbone, tuple[str, ...]]:
    """The backbone and what was assumed about it; random weights follow from the seed.

    Args:
        images: readable images, at least one, which say what they look like.
        settings: ``backbone`` is a name, ``"auto"``, or a module, which is copied and never changed;
            ``weights``, ``image_size`` and ``seed`` count too.

    Raises:
        UnknownName: no such backbone.
        BackboneError: it cannot be built, or its weights are not at hand.
    """
    chosen = settings.backbone
    with seeded(settings.seed):
        if isinstance(chosen, Backbone):
            own = _copy(chosen)
            assert isinstance(own, Backbone)
            return own.unfreeze(), ()
        if isinstance(chosen, nn.Module):
            return build_backbone(_copy(chosen), weights=settings.weights, image_size=settings.image_size), ()
        if chosen == "small_cnn":
            return _small_network(images, settings), ()
        if chosen == "auto":
            return _suitable(images, settings)
        return build_backbone(chosen, weights=settings.weights, image_size=settings.image_size), ()


def _suitable(images: ImageSet, settings: Settings) -> tuple[Backbone, tuple[str, ...]]:
    grey, small = all_grey(images), all_small(images)
    look = f"{'grey' if grey else 'coloured'}, {'small' if small else 'large'} images"
    if grey and small:
        note = f"Backbone: {look} look like glyphs, so a small network is trained from scratch."
        return _small_network(images, settings), (note,)
    reasons = []
    for name, words in (("efficientnet_lite0", "EfficientNet-Lite0"), ("mobilenet_v2", "MobileNetV2")):
        try:
            backbone = build_backbone(name, weights=settings.weights, image_size=settings.image_size)
        except BackboneError as error:  # noqa: PERF203
            reasons.append(f"{name}: {error}")
        else:
            return backbone, (f"Backbone: for {look}, {words} with weights {backbone.weights} was taken.",)
    raise BackboneError(
        "no pretrained backbone is at hand.\n  " + "\n  ".join(reasons) + "\nOr train one from scratch: "
        "backbone='small_cnn' (photos then need many more images)"
    )


def _small_network(images: ImageSet, settings: Settings) -> Backbone:
    size = settings.image_size if settings.image_size is not None else _usual_size(images)
    weights = None if settings.weights == "default" else settings.weights
    return build_backbone("small_cnn", weights=weights, image_size=size, grey=all_grey(images))


def _usual_size(images: ImageSet) -> tuple[int, int]:
    """Rows and columns of the middle one of some images, or a smaller square where that is a photo."""
    sizes = [image_to_pil(images, place).size for place in _sample(images)]
    width, height = (int(np.median(side)) for side in zip(*sizes, strict=True))
    if max(width, height) > SMALL_PIXELS:
        return REDUCED_PIXELS, REDUCED_PIXELS
    return max(height, FEWEST_PIXELS), max(width, FEWEST_PIXELS)


def _copy(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except Exception as error:  # the module is the user's own code and may raise anything
        raise BackboneError(f"the module {type(module).__name__} cannot be copied for training: {error}") from error


def all_grey(images: ImageSet) -> bool:
    """Whether the first, the last and some images between have no colour."""
    pictures = (np.asarray(image_to_pil(images, place)) for place in _sample(images))
    return all(bool((picture == picture[..., :1]).all()) for picture in pictures)


def all_small(images: ImageSet) -> bool:
    """Whether none of the first, the last and some images between is larger than a glyph."""
    return all(max(image_to_pil(images, place).size) <= SMALL_PIXELS for place in _sample(images))


def _sample(images: ImageSet) -> list[int]:
    return [int(place) for place in np.unique(np.linspace(0, len(images) - 1, SAMPLE).round())]
