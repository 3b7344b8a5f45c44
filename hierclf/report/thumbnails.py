"""Small pictures that live inside the page, as data URIs."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

LONGEST_SIDE = 96
"""Pixels of a thumbnail's longer side, at most."""


def data_uri(image: Image.Image) -> str:
    """A thumbnail as a data URI: PNG or JPEG, whichever is smaller. The image given is left as it is.

    Nothing but pixels goes into the page: no EXIF, no place where the photo was taken.

    >>> from PIL import Image
    >>> data_uri(Image.new("RGB", (400, 300)))[:22]
    'data:image/png;base64,'
    """
    small = image.convert("RGB")
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    small.info = {}
    forms = {"png": _encoded(small, "PNG"), "jpeg": _encoded(small, "JPEG")}
    kind = min(forms, key=lambda name: len(forms[name]))
    return f"data:image/{kind};base64,{base64.b64encode(forms[kind]).decode('ascii')}"


def _encoded(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, optimize=True, quality=82)
    return buffer.getvalue()
