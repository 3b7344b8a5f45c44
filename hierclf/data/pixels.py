"""Numbers as pixels: which arrays are pictures, and how bright each number is.

One rule, so that nobody has to guess: ``uint8`` is 0..255 as it stands, ``bool`` is black and white, floats must lie in
0..1 (1 is white). Everything else is refused, because whether 255 or 65535 is white cannot be told from the numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hierclf.errors import DataError


def as_uint8(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Pixels as ``uint8``, of any shape; an array that is ``uint8`` already comes back as it is, uncopied.

    Raises:
        DataError: another dtype, NaN, or floats outside 0..1.

    >>> as_uint8(np.array([0.0, 0.5, 1.0]))
    array([  0, 128, 255], dtype=uint8)
    """
    if values.dtype == np.uint8:
        return np.asarray(values, dtype=np.uint8)
    if values.dtype == np.bool_:
        return np.asarray(values.astype(np.uint8) * np.uint8(255))
    if np.issubdtype(values.dtype, np.floating):
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        if not (low >= 0.0 and high <= 1.0):  # also NaN, which compares as false
            raise DataError(
                f"expected pixels as uint8 (0..255) or floats in 0..1, got {values.dtype} from {low:g} to {high:g}; "
                "give the images before any normalisation"
            )
        return np.asarray(np.rint(values.astype(np.float32) * 255.0), dtype=np.uint8)
    raise DataError(
        f"expected pixels as uint8 (0..255), bool or floats in 0..1, got {values.dtype}; "
        "convert them, for example with .astype('uint8') when they lie in 0..255"
    )


def check_picture_axes(shape: tuple[int, ...], *, channels_first: bool, expected: str) -> None:
    """Refuse a stack of images ``(n, …)`` whose axes are not those of pictures with 1 or 3 channels.

    Raises:
        DataError: the message repeats what was expected and proposes the missing step.
    """
    came = f"expected {expected}, got shape {shape}"
    if len(shape) == 2:
        raise DataError(f"{came}; one image needs a leading axis (images[None]), embeddings need backbone=None")
    if len(shape) not in (3, 4) or 0 in shape[1:]:
        raise DataError(f"{came}; every image needs at least one row and one column")
    if len(shape) == 3 and shape[-1] == 3 and shape[1] > 3 and not channels_first:
        raise DataError(f"{came}; one colour image needs a leading axis: images[None]")
    channel, swapped = (shape[1], shape[-1]) if channels_first else (shape[-1], shape[1])
    if len(shape) == 4 and channel not in (1, 3):
        step = "permute(0, 3, 1, 2)" if channels_first else "transpose(0, 2, 3, 1)"
        hint = f"; move the channels: images.{step}" if swapped in (1, 3) else "; the channels must be 1 or 3"
        raise DataError(f"{came}{hint}")
