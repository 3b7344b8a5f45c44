"""What happens, line by line: on standard error for who watches, in ``log.txt`` for who comes later."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path


class Journal:
    """Writes lines to standard error, and with the time to a file once there is one."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._waiting: list[str] = []

    def keep_in(self, file: Path) -> None:
        """Append all lines to this file, the earlier ones too."""
        self._file = file
        for line in self._waiting:
            self._write(line)
        self._waiting.clear()

    def say(self, text: str) -> None:
        """Tell something."""
        print(text, file=sys.stderr, flush=True)
        self.note(text)

    def note(self, text: str) -> None:
        """Keep something that would only disturb who watches."""
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n"
        if self._file is None:
            self._waiting.append(line)
        else:
            self._write(line)

    def _write(self, line: str) -> None:
        assert self._file is not None
        with self._file.open("a", encoding="utf-8") as log:
            log.write(line)


class Outlook:
    """How long it will still take, by how long each strategy took so far.

    Strategies share networks, so the first of a unit takes most of the time and single cells are a poor guide to each
    other. The same strategy with another seed is a good one.

    Args:
        processes: that work side by side.
    """

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        self._seconds: dict[str, list[float]] = {}

    def add(self, strategy: str, seconds: float) -> None:
        """A cell of a strategy took so long."""
        self._seconds.setdefault(strategy, []).append(seconds)

    def left(self, waiting: Iterable[str]) -> float | None:
        """Seconds for these cells, or None as long as one of their strategies has never been timed.

        >>> outlook = Outlook(processes=2)
        >>> outlook.add("ours", 30)
        >>> outlook.left(["ours", "ours"]), outlook.left(["ours", "flat"])
        (30.0, None)
        """
        waiting = list(waiting)
        if any(name not in self._seconds for name in waiting):
            return None
        return sum(sum(self._seconds[name]) / len(self._seconds[name]) for name in waiting) / self._processes


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(7.4), duration(65), duration(3700)
    ('7 s', '1 min 5 s', '1 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def times(number: int) -> str:
    """How often, in words.

    >>> times(1), times(2), times(30)
    ('once', 'twice', '30 times')
    """
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
