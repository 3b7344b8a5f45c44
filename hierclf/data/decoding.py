"""Image files as RGB pictures, read as if each of them meant harm.

A photo folder holds everything: pages of HTML saved as ``.jpg``, half a download, print scans in CMYK, 16-bit
microscopy, phones that store the picture on its side, and now and then a file of 10 KB that unpacks to gigabytes.
`read_image` has two answers only: an upright picture in mode ``RGB``, or an `ImageError` that names the file and says
in plain words what is wrong. The header is read first and the declared size checked, so a bomb costs no memory. The
name's ending is never believed, only the content. Of Pillow's many formats those are read that hold photos or
drawings and need no other program, and none of Pillow's global settings is touched.
"""

from __future__ import annotations

import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import BinaryIO, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from hierclf.errors import ImageError

ImageSource: TypeAlias = Union[str, "os.PathLike[str]", bytes, BinaryIO]

MAX_PIXELS = 64_000_000
"""An image that declares more pixels is refused before it is decoded."""

# fmt: off
IMAGE_SUFFIXES = frozenset((
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pcx", ".pgm",
    ".png", ".pnm", ".ppm", ".qoi", ".sgi", ".tga", ".tif", ".tiff", ".webp",
))
# fmt: on
"""How the names of image files end, in small letters."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "PCX", "QOI", "SGI", "TGA")
_WITH_ALPHA = frozenset(("RGBA", "RGBa", "LA", "La", "PA"))
_HTML = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<svg")
_ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_HEADER = threading.Lock()


def read_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode one image, upright, in mode ``RGB``.

    Args:
        source: a path, the bytes of a file, or a file opened for reading bytes.
        max_pixels: the largest width times height that is decoded.

    Returns:
        A picture that no longer needs its file. Of an animation or a file of several pages it is the first; what is
        transparent shows white; 16-bit grey keeps its full range (65535 is white).

    Raises:
        ImageError: the source is missing, empty, no regular file, not an image, broken off, or too large. Nothing else
            is ever raised for what a file may hold.

    >>> pixel = BytesIO()
    >>> Image.new("CMYK", (2, 1)).save(pixel, format="TIFF")
    >>> picture = read_image(pixel.getvalue())
    >>> picture.mode, picture.size, picture.getpixel((0, 0))
    ('RGB', (2, 1), (255, 255, 255))
    """
    name = source_name(source)
    try:
        if isinstance(source, bytes):
            return _decode(BytesIO(source), max_pixels)
        if isinstance(source, (str, os.PathLike)):
            with _open_regular(source) as file:
                return _decode(file, max_pixels)
        return _decode(source, max_pixels)
    except _Refusal as refusal:
        raise ImageError(f"{name}: {refusal}") from refusal.__cause__
    except MemoryError as error:
        raise ImageError(f"{name}: not enough memory to decode it") from error


def rgb(image: Image.Image) -> Image.Image:
    """A decoded image of any of Pillow's modes, upright, as ``RGB`` with 8 bits a channel.

    Raises:
        ImageError: its numbers cannot be read as brightness (NaN, or outside every usual range).
    """
    try:
        return _to_rgb(image)
    except _Refusal as refusal:
        raise ImageError(f"image of mode {image.mode} and size {image.size}: {refusal}") from refusal.__cause__


def source_name(source: object) -> str:
    """What to call a source in a message or a row: its path in letters that can always be printed."""
    if isinstance(source, bytes):
        return f"<{len(source)} bytes>"
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return str(getattr(source, "name", f"<{type(source).__name__}>"))


class _Refusal(Exception):
    """Why an image cannot be read, before anyone has said which image."""


def _open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise _Refusal("expected an image, found a folder")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise _Refusal("expected an image, found a device or a pipe")
        return open(path, "rb")
    except FileNotFoundError as error:
        broken_link = os.path.islink(path)
        raise _Refusal("the link leads to no file" if broken_link else "no such file") from error
    except PermissionError as error:
        raise _Refusal("this user may not read it") from error
    except OSError as error:
        raise _Refusal(f"it cannot be opened ({error.strerror or error})") from error
    except ValueError as error:  # a NUL in the name
        raise _Refusal(f"not a possible file name ({error})") from error


def _decode(file: BinaryIO, max_pixels: int) -> Image.Image:
    try:
        start = file.read(512)
        file.seek(0)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise _Refusal(f"expected a file of bytes that can be read from its start ({error})") from error
    if not start:
        raise _Refusal("the file is empty")
    try:
        with _header_warnings_silenced():
            image = Image.open(file, formats=_formats())
    except UnidentifiedImageError as error:
        markup = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML)
        reason = "it holds HTML or XML" if markup else "its content is of no known kind or its header is broken"
        raise _Refusal(f"not an image: {reason} (readable are {', '.join(_formats())})") from error
    except Image.DecompressionBombError as error:
        raise _Refusal(f"refused: it declares far more than {max_pixels:,} pixels") from error
    except Exception as error:  # decoders meet hostile bytes and may raise anything at all
        raise _Refusal(f"broken header ({_words(error)})") from error
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise _Refusal(f"refused: it declares {width} x {height} pixels, more than {max_pixels:,}")
        return _to_rgb(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    try:
        image.load()
        turn = _turn(image)  # after loading: Pillow may have turned a TIFF by then, and dropped its tag
        if turn is not None:
            image = image.transpose(turn)
        if image.mode.startswith(("I", "F")):
            return Image.fromarray(_grey(np.asarray(image))).convert("RGB")
        if image.mode in _WITH_ALPHA or "transparency" in image.info:
            layer = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
        return image.convert("RGB") if image.mode != "RGB" else image.copy()
    except (_Refusal, MemoryError):
        raise
    except Exception as error:  # decoders meet hostile bytes and may raise anything at all
        raise _Refusal(f"broken or cut off ({_words(error)})") from error


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How to bring the picture upright; a broken EXIF block says nothing about the pixels and is passed over."""
    try:
        with _header_warnings_silenced():
            return _UPRIGHT.get(image.getexif().get(_ORIENTATION))
    except Exception:  # as above: the block is arbitrary bytes
        return None


def _grey(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey of more than 8 bits, scaled by a range that is usual for its kind, never stretched to the image's own.

    Integers are 16-bit when all of them fit and 31-bit otherwise; for floats white is the first of 1, 255 and 65535
    that none exceeds.
    """
    low, high = float(values.min()), float(values.max())
    floats = np.issubdtype(values.dtype, np.floating)
    ranges = (1.0, 255.0, 65535.0) if floats else (65535.0, 2147483647.0)
    white = next((top for top in ranges if low >= 0 and high <= top), None)
    if white is None:  # also NaN, which compares as false
        raise _Refusal(f"grey values from {low:g} to {high:g}; expected 0 to {ranges[-1]:g}")
    return np.rint(values.astype(np.float64) * (255.0 / white)).astype(np.uint8)


@contextmanager
def _header_warnings_silenced() -> Iterator[None]:
    # The list of warning filters belongs to the whole process, so only one thread at a time may put it aside.
    with _HEADER, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200] if str(error) else type(error).__name__
