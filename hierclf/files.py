"""Files that are whole or absent: what a reader finds under a name was written to its end.

The text goes to a draft beside the place and is moved there in one step. A link is followed, so the file that it names
is replaced and the link stays. Something that is no regular file (a pipe, ``/dev/stdout``) is written to directly.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def whole_file(path: str | os.PathLike[str], *, newline: str | None = "\n") -> Iterator[TextIO]:
    """Open a UTF-8 text file for writing that takes its name only when the block ends well.

    Args:
        path: the name to take.
        newline: as in `open`.

    Raises:
        OSError: the place cannot be written, or names a folder.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file() and not target.is_dir():
        with target.open("w", encoding="utf-8", errors="backslashreplace", newline=newline) as file:
            yield file
        return
    if target.is_dir() or not os.fspath(path):
        raise IsADirectoryError(21, "that is a folder; name a file", str(path))
    draft = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with draft.open("x", encoding="utf-8", errors="backslashreplace", newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
