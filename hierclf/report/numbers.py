"""Numbers in words: one way to write a share, a count and an uncertainty, for every table of a report.

An undefined number is an en dash. Units are set off by a narrow space that does not break.

>>> percent(0.9712), percent(None), count(12345)
('97.1\\u202f%', '–', '12,345')
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

UNDEFINED = "–"
NARROW_SPACE = "\u202f"


def defined(value: Any) -> float | None:
    """The value as a float, or None when it is missing, not a number or not finite.

    >>> defined(np.float32(0.5)), defined(float("nan")), defined("0.5")
    (0.5, None, None)
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return None
    return float(value) if math.isfinite(value) else None


def percent(share: Any, *, digits: int = 1) -> str:
    """A share as a percentage; a positive one that would round to nothing reads ``< 0.1 %``."""
    share = defined(share)
    if share is None:
        return UNDEFINED
    least = 10.0**-digits
    if 0 < 100 * share < least / 2:
        return f"<{NARROW_SPACE}{least:.{digits}f}{NARROW_SPACE}%"
    return f"{100 * share:.{digits}f}{NARROW_SPACE}%"


def percent_within(share: Any, standard_error: Any) -> str:
    """A share with its standard error in percentage points, ``4.2 ± 0.7 %``; without one, the share alone."""
    share, error = defined(share), defined(standard_error)
    if share is None or error is None:
        return percent(share)
    return f"{100 * share:.1f} ± {100 * error:.1f}{NARROW_SPACE}%"


def count(number: Any) -> str:
    """A whole number with thousands set off by commas."""
    number = defined(number)
    return UNDEFINED if number is None else f"{round(number):,}"


def decimal(value: Any, *, digits: int = 3) -> str:
    """A plain number with a fixed number of decimals; very large and very small ones in powers of ten.

    >>> decimal(1.25), decimal(1.5e9), decimal(2.5e-7)
    ('1.250', '1.5e+09', '2.5e-07')
    """
    value = defined(value)
    if value is None:
        return UNDEFINED
    if value != 0 and not 10.0**-digits / 2 <= abs(value) < 1e6:
        return f"{value:.{max(digits - 1, 1)}g}"
    return f"{value:,.{digits}f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "image"), plural(1200, "image"), plural(2, "class", "classes")
    ('1 image', '1,200 images', '2 classes')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
