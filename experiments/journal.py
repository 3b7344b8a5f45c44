"""What happens, line by line: on standard error for who watches, in ``log.txt`` for who comes later."""

from __future__ import annotations

import sys
import time
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


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(7.4), duration(65), duration(3700)
    ('7 s', '1 min 5 s', '1 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
