"""From numbers to places on a drawing: a chart's frame, its ticks and its scales.

Charts are small vector drawings with fixed coordinates; the style sheet gives them colour, so that they follow the
reader's light or dark setting, and the page scales them to its width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 54, WIDTH - 14, 12, HEIGHT - 46


@dataclass(frozen=True)
class Tick:
    """A place along an axis and the text that stands there."""

    place: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A scale from numbers to places on the drawing.

    Args:
        label: what is measured, for the reader.
        low: the number at the start.
        high: the number at the end; must be larger.
        upright: True for the y axis.
        share: whether the numbers are shares, written as percentages.
        logarithmic: whether equal factors take equal room; then ``low`` must be positive.
    """

    label: str
    low: float
    high: float
    upright: bool = False
    share: bool = False
    logarithmic: bool = False

    def place(self, values: np.ndarray | float) -> np.ndarray:
        """Where values lie on the drawing, in its units; values beyond the ends lie at the ends."""
        scale = np.log10 if self.logarithmic else np.asarray
        inside = np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)
        part = (scale(inside) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return np.asarray(BOTTOM - part * (BOTTOM - TOP) if self.upright else LEFT + part * (RIGHT - LEFT))

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """A few round numbers between the ends."""
        values = decades(self.low, self.high) if self.logarithmic else round_numbers(self.low, self.high)
        return tuple(Tick(round(float(self.place(value)), 1), self._text(value)) for value in values)

    def _text(self, value: float) -> str:
        return f"{100 * value:.6g}\u202f%" if self.share else f"{value:.6g}"


def round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` multiples of 1, 2 or 5 times a power of ten between two numbers.

    >>> round_numbers(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> round_numbers(-3.0, 42.0)
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        width = factor * power
        first, last = math.ceil(low / width - 1e-9), math.floor(high / width + 1e-9)
        if last - first < most:
            break
    return [round(place * width, 12) + 0.0 for place in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """The powers of ten between two positive numbers, thinned to at most seven.

    >>> decades(0.002, 1.0)
    [0.01, 0.1, 1.0]
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return [10.0**power for power in range(first, last + 1, 1 + (last - first) // 7)]
