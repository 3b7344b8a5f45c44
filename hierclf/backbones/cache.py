"""Embeddings that were computed before, found again by the content of the image.

A frozen backbone gives the same embedding for the same image every time, so relabelling, another taxonomy or another
head need no second pass over the images. Rows are keyed by the fingerprint of the backbone (weights and preprocessing)
and the SHA-256 of the image's content, never by a path or a date.

The cache is one SQLite file that several processes may share. It is a convenience and never a reason to fail: a broken
file is replaced with a warning, a folder that cannot be written is read only, and a row whose checksum is wrong counts
as missing.

Legend: n images, D embedding.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

VARIABLE = "HIERCLF_CACHE"
FILE = "embeddings-1.sqlite3"  # the number changes with the layout of the table
LOCK_PATIENCE_SECONDS = 30.0
KEYS_PER_QUERY = 500  # SQLite takes 999 variables at least
SCHEMA = """
CREATE TABLE IF NOT EXISTS embeddings (
    fingerprint TEXT NOT NULL, key TEXT NOT NULL, checksum INTEGER NOT NULL, embedding BLOB NOT NULL,
    PRIMARY KEY (fingerprint, key)
)"""


class EmbeddingCache:
    """Embeddings on disk, by backbone and image content.

    Args:
        folder: where the file lies; made when something is stored first.
        limit_bytes: when the file outgrows this, the older half of the rows is dropped.

    Safe to share between threads and processes, and to pickle: every call opens a connection of its own.
    """

    def __init__(self, folder: str | os.PathLike[str], *, limit_bytes: int = 4 << 30) -> None:
        self.path = Path(folder).expanduser() / FILE
        self.limit_bytes = limit_bytes

    def __repr__(self) -> str:
        return f"EmbeddingCache({str(self.path.parent)!r}, limit_bytes={self.limit_bytes})"

    def lookup(self, fingerprint: str, keys: Sequence[str], *, dim: int) -> tuple[Tensor, Tensor]:
        """What is known about these images.

        Args:
            fingerprint: of the backbone.
            keys: of the images, see `content_key`.
            dim: width D of the backbone's embedding.

        Returns:
            A mask of the images that were found, bool ``(n,)``, and their embeddings, float32 ``(n, D)``, zero where
            nothing was found.
        """
        found_n = torch.zeros(len(keys), dtype=torch.bool)
        embedding_nD = np.zeros((len(keys), dim), dtype=np.float32)
        places: dict[str, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        with self._forgiving("read"):
            if not self.path.is_file():
                return found_n, torch.from_numpy(embedding_nD)
            with closing(self._connect(read_only=True)) as connection:
                for key, blob in _rows(connection, fingerprint, list(places)):
                    if len(blob) == 4 * dim:
                        embedding_nD[places[key]] = np.frombuffer(blob, dtype="<f4")
                        found_n[places[key]] = True
        return found_n, torch.from_numpy(embedding_nD)

    def store(self, fingerprint: str, keys: Sequence[str], embedding_nD: Tensor) -> None:
        """Remember embeddings; rows that hold NaN or infinity are left out.

        Args:
            fingerprint: of the backbone.
            keys: of the images, n of them.
            embedding_nD: shape ``(n, D)``; kept as float32.

        Raises:
            ValueError: the number of keys is not the number of rows.
        """
        array_nD = embedding_nD.detach().cpu().numpy().astype("<f4")
        usable_n = np.isfinite(array_nD).all(axis=1)
        blobs = ((key, row.tobytes()) for key, row, usable in zip(keys, array_nD, usable_n, strict=True) if usable)
        rows = [(fingerprint, key, zlib.crc32(blob), blob) for key, blob in blobs]
        if not rows:
            return
        with self._forgiving("write"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as connection, connection:
                connection.execute(SCHEMA)
                connection.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", rows)
                self._shrink(connection)

    def clear(self) -> None:
        """Forget everything."""
        for path in (self.path, self.path.with_name(FILE + "-journal")):
            path.unlink(missing_ok=True)

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        mode = "ro" if read_only else "rwc"
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(address, uri=True, timeout=LOCK_PATIENCE_SECONDS)

    def _shrink(self, connection: sqlite3.Connection) -> None:
        """Drop the older half of the rows when they take more room than allowed; SQLite uses the room again."""
        pages, free, page_bytes = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * page_bytes > self.limit_bytes:
            connection.execute(
                "DELETE FROM embeddings WHERE rowid IN "
                "(SELECT rowid FROM embeddings ORDER BY rowid LIMIT (SELECT COUNT(*) / 2 FROM embeddings))"
            )

    @contextmanager
    def _forgiving(self, purpose: str) -> Iterator[None]:
        """Turn what may go wrong with a file into a warning."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:  # locked, read-only, disk full, no permission
            if "no such table" not in str(error):
                _warn(f"the cache of embeddings at {self.path} cannot be used to {purpose} ({error}); going on without")
        except sqlite3.DatabaseError as error:  # malformed, or no database at all
            _warn(f"the cache of embeddings at {self.path} is broken ({error}) and starts afresh")
            try:
                self.clear()
            except OSError as reason:
                _warn(f"the broken cache at {self.path} could not be removed ({reason}); remove it by hand")


def content_key(content: bytes | np.ndarray) -> str:
    """SHA-256 of an image file's bytes, or of an array's dtype, shape and values, as 64 hexadecimal digits.

    >>> content_key(b"")[:8]
    'e3b0c442'
    """
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256(f"{content.dtype.str} {content.shape}\n".encode())
    digest.update(np.ascontiguousarray(content).data)
    return digest.hexdigest()


def default_cache() -> EmbeddingCache | None:
    """The user's cache: in ``$HIERCLF_CACHE``, else in ``$XDG_CACHE_HOME/hierclf``, else in ``~/.cache/hierclf``.

    Returns:
        None when ``HIERCLF_CACHE`` is set to nothing, or when nobody knows where home is.
    """
    if VARIABLE in os.environ:
        return EmbeddingCache(os.environ[VARIABLE]) if os.environ[VARIABLE].strip() else None
    if os.environ.get("XDG_CACHE_HOME"):
        return EmbeddingCache(Path(os.environ["XDG_CACHE_HOME"]) / "hierclf")
    try:
        return EmbeddingCache(Path.home() / ".cache" / "hierclf")
    except RuntimeError:
        return None


def _rows(connection: sqlite3.Connection, fingerprint: str, keys: list[str]) -> Iterator[tuple[str, bytes]]:
    """Rows with the right checksum."""
    for start in range(0, len(keys), KEYS_PER_QUERY):
        some = keys[start : start + KEYS_PER_QUERY]
        marks = ",".join("?" * len(some))
        query = f"SELECT key, checksum, embedding FROM embeddings WHERE fingerprint = ? AND key IN ({marks})"
        for key, checksum, blob in connection.execute(query, (fingerprint, *some)):
            if isinstance(blob, bytes) and zlib.crc32(blob) == checksum:
                yield key, blob


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=4)
