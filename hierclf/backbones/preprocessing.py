"""How an image becomes the tensor that a backbone expects.

Every backbone was trained on images that were scaled, cropped and normalised in one particular way, and reads anything
else badly. `Preprocessing` holds that way as a value: it travels with the weights, is written as JSON beside them, and
is part of the fingerprint that ties a calibrated threshold to the network it was calibrated on.

>>> from PIL import Image
>>> glyphs = Preprocessing(height=28, width=28, mode="L", mean=(0.5,), std=(0.5,))
>>> glyphs(Image.new("L", (28, 28), color=255)).shape
torch.Size([1, 28, 28])
>>> Preprocessing.from_dict(glyphs.to_dict()) == glyphs
True

Legend: n images, H height, W width, C channels.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hierclf.errors import ConfigError, DataError

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
LONGEST_STRIP = 16  # an image longer than this many times its shorter side loses its ends before it is scaled
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Resize, crop, scale to 0..1 and normalise, the same way for every image.

    Args:
        height: rows of the result.
        width: columns of the result.
        mode: ``"RGB"``, or ``"L"`` for grey. Grey with three means gives three equal planes.
        resize: ``"squash"`` scales straight to ``height x width``; ``"crop"`` scales the shorter side to `resize_to`
            and cuts the centre out.
        resize_to: length of the shorter side before the cut; None for ``"squash"``.
        interpolation: ``"nearest"``, ``"bilinear"`` or ``"bicubic"``, the latter two antialiased, as Pillow does them.
        mean: subtracted from each channel, one number per channel, in the scale 0..1.
        std: each channel is divided by it.

    Raises:
        ConfigError: a setting of the wrong type, out of range, or in a combination that makes no sense.
    """

    height: int
    width: int
    mode: Literal["RGB", "L"] = "RGB"
    resize: Literal["squash", "crop"] = "squash"
    resize_to: int | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def __post_init__(self) -> None:
        for values in ("mean", "std"):
            object.__setattr__(self, values, _numbers(values, getattr(self, values)))
        for side in ("height", "width"):
            _require_pixels(side, getattr(self, side))
        _require_word("mode", self.mode, ("RGB", "L"))
        _require_word("resize", self.resize, ("squash", "crop"))
        _require_word("interpolation", self.interpolation, tuple(INTERPOLATIONS))
        if self.resize == "crop":
            _require_pixels("resize_to", self.resize_to)
            if self.resize_to is None or self.resize_to < max(self.height, self.width):
                raise ConfigError(
                    f"resize_to={self.resize_to} is too short to cut {self.height} x {self.width} pixels out of it"
                )
        elif self.resize_to is not None:
            raise ConfigError(f'resize_to belongs to resize="crop"; got resize_to={self.resize_to!r} with "squash"')
        if len(self.mean) not in ({3} if self.mode == "RGB" else {1, 3}) or len(self.std) != len(self.mean):
            raise ConfigError(
                f"mean and std need one number per channel (3 for RGB; 1 or 3 for L); "
                f"got {len(self.mean)} and {len(self.std)} for mode {self.mode}"
            )
        if not all(map(math.isfinite, self.mean)) or not all(math.isfinite(s) and s > 0 for s in self.std):
            raise ConfigError(f"mean must be finite and std positive; got mean={self.mean}, std={self.std}")

    @classmethod
    def from_torchvision(cls, transforms: Any) -> Preprocessing:
        """The same steps as ``weights.transforms()`` of a torchvision classification model.

        Args:
            transforms: torchvision's ``ImageClassification`` preset.
        """
        return cls(
            height=transforms.crop_size[0],
            width=transforms.crop_size[0],
            resize="crop",
            resize_to=transforms.resize_size[0],
            interpolation=transforms.interpolation.value,
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
        )

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Preprocessing:
        """The value that `to_dict` wrote.

        Raises:
            ConfigError: a setting is missing, unknown or wrong.
        """
        known = {field.name for field in fields(cls)}
        unknown, missing = sorted(settings.keys() - known), sorted({"height", "width"} - settings.keys())
        if unknown or missing:
            raise ConfigError(
                f"preprocessing has unknown settings {unknown} and lacks {missing}; known: {sorted(known)}"
            )
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        """All settings, ready for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def fingerprint(self) -> str:
        """SHA-256 of the settings, as 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    @property
    def channels(self) -> int:
        """How many planes the result has."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the result."""
        return self.channels, self.height, self.width

    def resized(self, height: int, width: int) -> Preprocessing:
        """The same steps for another size; the cut keeps its share of the image.

        >>> photo = Preprocessing(height=224, width=224, resize="crop", resize_to=256)
        >>> photo.resized(112, 112).resize_to
        128
        """
        _require_pixels("height", height)
        _require_pixels("width", width)
        settings: dict[str, Any] = self.to_dict() | {"height": height, "width": width}
        if self.resize_to is not None:
            share = min(self.height, self.width) / self.resize_to
            settings["resize_to"] = round(min(height, width) / share)
            if height != width:  # "the shorter side" knows one length only
                settings |= {"resize": "squash", "resize_to": None}
        return Preprocessing(**settings)

    def without_colour(self) -> Preprocessing:
        """The same steps on the grey image, which then fills all channels."""
        return replace(self, mode="L")

    def __call__(self, image: Image.Image) -> Tensor:
        """One image of any Pillow mode as float32 ``(C, H, W)``."""
        return self.normalise(torch.from_numpy(self._fit(image)).unsqueeze(0)).squeeze(0)

    def batch(self, images: np.ndarray[Any, Any]) -> Tensor:
        """Many images at once, equal to calling this on each.

        Args:
            images: uint8, shape ``(n, h, w)``, ``(n, h, w, 1)`` or ``(n, h, w, 3)``; n may be 0.

        Returns:
            float32, shape ``(n, C, H, W)``.

        Raises:
            DataError: another dtype or shape.
        """
        if (
            images.dtype != np.uint8
            or images.ndim not in (3, 4)
            or (images.ndim == 4 and images.shape[3] not in (1, 3))
        ):
            raise DataError(
                f"images as an array must be uint8 of shape (n, h, w), (n, h, w, 1) or (n, h, w, 3); "
                f"got {images.dtype} of shape {images.shape}"
            )
        if images.ndim == 4 and images.shape[3] == 1:
            images = images[..., 0]
        if len(images) == 0 or 0 in images.shape[1:]:
            if len(images):
                raise DataError(f"images without a pixel: shape {images.shape}")
            return torch.empty((0, *self.shape))
        if images.shape[1:3] == (self.height, self.width) and self.resize_to in (None, min(images.shape[1:3])):
            planes = _grey(images) if self.mode == "L" and images.ndim == 4 else images
        else:
            planes = np.stack([self._fit(Image.fromarray(image)) for image in images])
        return self.normalise(torch.from_numpy(np.ascontiguousarray(planes)))

    def normalise(self, pixels: Tensor) -> Tensor:
        """Scale pixels that have the right size already to 0..1 and normalise them.

        Args:
            pixels: uint8, shape ``(n, H, W)`` or ``(n, H, W, 3)``.

        Returns:
            float32, shape ``(n, C, H, W)``.
        """
        planes = pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.movedim(3, 1)
        mean = torch.tensor(self.mean, device=pixels.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, -1, 1, 1)
        unit = planes.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
        if planes.shape[1] == self.channels:
            return unit.sub_(mean).div_(std)
        return unit.sub(mean).div_(std)  # one grey plane becomes three

    def _fit(self, image: Image.Image) -> np.ndarray[Any, Any]:
        """Convert, resize and cut; uint8 ``(H, W)`` or ``(H, W, 3)``."""
        if image.mode != self.mode:
            image = image.convert(self.mode)
        if self.resize_to is None:
            return np.array(_scale(image, (self.width, self.height), self.interpolation))
        shorter, longer = sorted(image.size)
        if (
            longer > LONGEST_STRIP * shorter
        ):  # the ends of a strip are cut off anyway: scaling them would cost gigabytes
            image = _centre(
                image, min(image.width, LONGEST_STRIP * shorter), min(image.height, LONGEST_STRIP * shorter)
            )
            longer = LONGEST_STRIP * shorter
        far = int(self.resize_to * longer / shorter)
        size = (self.resize_to, far) if image.width <= image.height else (far, self.resize_to)
        image = _scale(image, size, self.interpolation)
        return np.array(_centre(image, self.width, self.height))


def _centre(image: Image.Image, width: int, height: int) -> Image.Image:
    """Cut the middle out, rounded as torchvision's ``center_crop`` does."""
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def _scale(image: Image.Image, size: tuple[int, int], interpolation: str) -> Image.Image:
    """Resize to ``(width, height)``, unless the image has that size already."""
    return image if image.size == size else image.resize(size, INTERPOLATIONS[interpolation])


def _grey(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Brightness by ITU-R 601-2, in the fixed-point arithmetic of Pillow: uint8 ``(n, h, w, 3)`` to ``(n, h, w)``."""
    red, green, blue = (images[..., channel].astype(np.uint32) for channel in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    try:
        return tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} is a list of numbers; got {values!r}") from error


def _require_pixels(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 16384:
        raise ConfigError(f"{name} is a whole number of pixels from 1 to 16384; got {value!r}")


def _require_word(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{name} is one of {', '.join(known)}; got {value!r}")
