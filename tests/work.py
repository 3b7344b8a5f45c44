"""How much work a function does, counted instead of timed.

Seconds say as much about the machine as about the code, so no test waits for them. The number of calls that Python
makes, its own and into C, is the same on every machine: quadratic code shows in it, a busy neighbour does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def calls(function: Callable[[], Any]) -> int:
    """Calls that Python makes while `function` runs, those into C included.

    >>> calls(lambda: [abs(number) for number in range(1000)]) >= 1000
    True
    """
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count
