"""Colours that carry numbers, as steps that a style sheet can name.

A share between 0 and 1 becomes a step; ``class="good-17"`` then means the same in light and in dark, and no colour is
written twice in the page. Two scales, both legible to colour-blind readers and both always beside the number itself:

- *good*: from vermilion (bad) over grey to blue (good), stretched towards 1, where good models differ;
- *much*: from the page's own shade to a deep blue, for counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hierclf.report.numbers import defined

STEPS = 20
"""Steps from 0 to 1; there are ``STEPS + 1`` colours in a scale."""

_GOOD_AT = (0.0, 0.5, 0.8, 1.0)
_MUCH_AT = (0.0, 0.5, 1.0)
_ANCHORS = {
    ("good", "light"): (_GOOD_AT, ("#b23c00", "#ee9a63", "#e6e4de", "#2f86c4")),
    ("good", "dark"): (_GOOD_AT, ("#d9541e", "#b5683a", "#4a4d52", "#2d7fbd")),
    ("much", "light"): (_MUCH_AT, ("#eef4fa", "#6fa8d6", "#0b4f8a")),
    ("much", "dark"): (_MUCH_AT, ("#1d2833", "#2f6da3", "#a9d4f5")),
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One colour of a scale and the text colour that reads best on it."""

    name: str
    fill: str
    ink: str


def step(scale: str, share: Any) -> str:
    """The style sheet's name for a share's colour; ``"none"`` when the share is undefined.

    >>> step("good", 1.0), step("much", 0.26), step("good", None)
    ('good-20', 'much-5', 'none')
    """
    share = defined(share)
    return "none" if share is None else f"{scale}-{round(min(max(share, 0.0), 1.0) * STEPS)}"


def steps(mode: str) -> tuple[Step, ...]:
    """Every step of both scales for one mode, ``"light"`` or ``"dark"``."""
    return tuple(
        Step(name=f"{scale}-{place}", fill=fill, ink=ink_on(fill))
        for scale in ("good", "much")
        for place in range(STEPS + 1)
        for fill in (_blend(*_ANCHORS[scale, mode], place / STEPS),)
    )


def ink_on(fill: str) -> str:
    """Black or white, whichever contrasts more with a fill (WCAG 2 relative luminance).

    >>> ink_on("#ffffff"), ink_on("#0b4f8a")
    ('#000000', '#ffffff')
    """
    dark, light = "#000000", "#ffffff"
    return max((dark, light), key=lambda ink: contrast(ink, fill))


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours, from 1 to 21.

    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = _channels(colour) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ np.array([0.2126, 0.7152, 0.0722]))


def _blend(places: tuple[float, ...], colours: tuple[str, ...], share: float) -> str:
    anchors = np.stack([_channels(colour) for colour in colours])
    mixed = [np.interp(share, places, anchors[:, channel]) for channel in range(3)]
    return "#" + "".join(f"{round(float(value)):02x}" for value in mixed)


def _channels(colour: str) -> np.ndarray:
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)], dtype=np.float64)
