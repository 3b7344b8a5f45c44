"""Images that are out of scope altogether, brought into the form of the data.

A photograph among glyphs is told apart by its grey values, light on dark from dark on light by its background. That
says little about recognising what is unknown, so far images can be given the polarity, the size and the black and white
of the data first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from PIL import Image

from experiments.hold_out.config import DrawnConfig, FarConfig
from experiments.sources import load_pool
from hierclf.data import ImageSet, image_to_pil, join_sets

HALF = 128


def load_far(config: DrawnConfig) -> dict[str, ImageSet]:
    """All images of each far set, by the name that the config gives it; each image's label is that name.

    Raises:
        DataError: data that is not there or cannot be read.
    """
    found: dict[str, ImageSet] = {}
    for name, far in config.hold_out.far.items():
        pool = load_pool(far.data(config.data.root))
        images = join_sets([part for part in (pool.train, pool.test) if part is not None])
        found[name] = replace(
            images, labels=(name,) * len(images), names=tuple(f"{name}:{one}" for one in images.names)
        )
    return found


def drawn_far(sets: Mapping[str, ImageSet], config: DrawnConfig, *, seed: int) -> ImageSet | None:
    """Some images of each far set, in the form of the data, or None when there is no such set.

    Raises:
        ImageError: one of them cannot be read.
    """
    drawn: list[ImageSet] = []
    for place, (name, images) in enumerate(sets.items()):
        far = config.hold_out.far[name]
        chance = np.random.default_rng([seed, place, 0xFA4])
        chosen = np.sort(chance.choice(len(images), min(far.limit, len(images)), replace=False))
        drawn.append(formed(images.subset(chosen), far))
    return join_sets(drawn) if drawn else None


def formed(images: ImageSet, far: FarConfig) -> ImageSet:
    """The same images with the size, polarity and depth that the config asks for, uint8 ``(n, h, w, 3)`` if any.

    Raises:
        ImageError: one of them cannot be read.
    """
    if far.size is None and not far.inverted and not far.binary:
        return images
    pictures: list[np.ndarray] = []
    for place in range(len(images)):
        picture = image_to_pil(images, place)
        if far.size is not None:
            picture = picture.resize(far.size[::-1], Image.Resampling.BILINEAR)
        pixels = np.asarray(picture)
        pixels = 255 - pixels if far.inverted else pixels
        pictures.append(np.where(pixels >= HALF, 255, 0).astype(np.uint8) if far.binary else pixels)
    if len({picture.shape for picture in pictures}) == 1:
        return replace(images, images=np.stack(pictures))
    return join_sets([replace(images.subset([place]), images=one[None]) for place, one in enumerate(pictures)])
