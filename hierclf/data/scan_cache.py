"""What a scan found out about files, kept between scans.

A file that has the same path, size and time of change as last time is not read again. The cache is a convenience and
never a duty: when it is damaged it is begun anew, and when its folder cannot be written the scan goes on without it and
says so in a warning.
"""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

_TABLE = "files_1"  # the number counts up when what counts as readable changes


class Finding(NamedTuple):
    """What one image holds: the SHA-256 of its content, and why it cannot be read (``""`` when it can)."""

    content_hash: str
    reason: str


class FileKey(NamedTuple):
    """A file in the state in which it was read."""

    path: str
    size: int
    changed_ns: int


def file_key(path: Path) -> FileKey:
    """The file's present state; where there is no such file, size and time are -1."""
    name = os.fsencode(path.absolute()).decode("utf-8", "backslashreplace")
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # missing, or no possible name
        return FileKey(name, -1, -1)
    return FileKey(name, status.st_size, status.st_mtime_ns)


class ScanCache:
    """Findings by file, in ``scan.sqlite`` in a folder of the caller's choice.

    Args:
        folder: where to keep it; made when missing.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / "scan.sqlite"

    def load(self) -> dict[FileKey, Finding]:
        """All findings; none when there is no cache yet."""
        if not self.path.is_file():
            return {}
        try:
            with closing(sqlite3.connect(self.path)) as base:
                rows = base.execute(f"SELECT path, size, changed_ns, hash, reason FROM {_TABLE}").fetchall()
        except sqlite3.Error:
            return {}  # damaged or of another version; `store` begins anew
        return {FileKey(*row[:3]): Finding(*row[3:]) for row in rows}

    def store(self, findings: Mapping[FileKey, Finding]) -> None:
        """Add findings; those of an earlier state of the same file are replaced."""
        if not findings:
            return
        rows = [(*key, *finding) for key, finding in findings.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._insert(rows)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self.path.unlink()  # not a database at all
                self._insert(rows)
        except (OSError, sqlite3.Error) as error:
            warnings.warn(f"the scan is not kept for the next time: {self.path} ({error})", stacklevel=2)

    def _insert(self, rows: Iterable[tuple[object, ...]]) -> None:
        with closing(sqlite3.connect(self.path, timeout=10)) as base, base:
            base.execute(
                f"CREATE TABLE IF NOT EXISTS {_TABLE} "
                "(path TEXT PRIMARY KEY, size INTEGER, changed_ns INTEGER, hash TEXT, reason TEXT)"
            )
            base.executemany(f"INSERT OR REPLACE INTO {_TABLE} VALUES (?, ?, ?, ?, ?)", rows)
