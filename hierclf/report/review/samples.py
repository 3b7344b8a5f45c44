"""Pictures of the classes in a review: a few of each, as many as a page can carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierclf.errors import HierclfError
from hierclf.report.thumbnails import data_uri

if TYPE_CHECKING:
    from PIL import Image

PER_CLASS = 4
"""Pictures of a class, at most."""
MOST_PICTURES = 600
"""Pictures on a page; with more classes each gets fewer, and in the end some get none."""
MOST_BYTES = 3_000_000
"""Characters of all pictures together, at most; a page must open at once and go by mail."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Pictures of one class as data URIs, or the reason why there is none."""

    sources: tuple[str, ...] = ()
    missing: str = ""


def samples(images: Callable[[str, int], Sequence[Image.Image]] | None, names: Sequence[str]) -> dict[str, Samples]:
    """Pictures of some classes, the first ones first where there is no room for all.

    Args:
        images: gives up to so many images of a class; None shows none. What cannot be read becomes a sentence.
        names: of the classes.
    """
    if images is None or not names:
        return {}
    each = max(1, min(PER_CLASS, MOST_PICTURES // len(names)))
    found: dict[str, Samples] = {}
    room = MOST_BYTES
    for name in names[:MOST_PICTURES]:
        found[name] = _of_class(images, name, each)
        room -= sum(map(len, found[name].sources))
        if room < 0:
            found.pop(name)
            break
    return found


def _of_class(images: Callable[[str, int], Sequence[Image.Image]], name: str, each: int) -> Samples:
    try:
        sources = tuple(data_uri(image) for image in images(name, each)[:each])
    except (HierclfError, OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError for broken PNGs
        return Samples(missing=f"cannot be shown: {error}")
    return Samples(sources=sources, missing="" if sources else "no picture")
