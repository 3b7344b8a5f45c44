"""Several image sets as one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from hierclf.data.image_set import Images, ImageSet, image_to_pil


def join_sets(sets: Sequence[ImageSet]) -> ImageSet:
    """One set after the other: files stay files, arrays of one shape stay an array, anything else is read one by one.

    Args:
        sets: at least one. An image of a set without labels gets the label ``""`` when another set has labels.

    >>> one, two = (ImageSet(images=np.zeros((2, 4, 4), np.uint8), names=("#0", "#1"), labels=("a", "b")) for _ in "12")
    >>> join_sets([one, two])
    <ImageSet: 4 images, array, 2 labels>
    """
    sets = [one for one in sets if len(one)] or list(sets[:1])
    if len(sets) == 1:
        return sets[0]
    labelled = any(one.labels is not None for one in sets)
    return ImageSet(
        images=_images(sets),
        names=tuple(name for one in sets for name in one.names),
        labels=tuple(label for one in sets for label in one.labels or ("",) * len(one)) if labelled else None,
        classes=tuple(sorted({name for one in sets for name in one.classes})),
        refused=tuple(pair for one in sets for pair in one.refused),
        ignored=sum(one.ignored for one in sets),
        twins=tuple(pair for one in sets for pair in one.twins),
    )


def _images(sets: Sequence[ImageSet]) -> Images:
    if all(isinstance(one.images, tuple) for one in sets):
        return tuple(path for one in sets for path in one.images)  # type: ignore[union-attr]
    arrays = [one.images for one in sets if isinstance(one.images, np.ndarray)]
    if len(arrays) == len(sets) and len({array.shape[1:] for array in arrays}) == 1:
        return np.concatenate(arrays)
    return _Pictures(sets)


class _Pictures(Dataset[Image.Image]):
    """Images of several sets, decoded when asked for."""

    def __init__(self, sets: Sequence[ImageSet]) -> None:
        self._sets = tuple(sets)
        self._ends = list(accumulate(len(one) for one in sets))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, place: int) -> Image.Image:
        which = bisect_right(self._ends, place)
        return image_to_pil(self._sets[which], place - (self._ends[which] - len(self._sets[which])))
