"""Embeddings from an .npz or .npy file, for ``--backbone none``."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hierclf.errors import DataError


def read_embeddings(path: str, *, labelled: bool = False) -> tuple[Any, Any]:
    """Embeddings ``(n, d)`` and labels, or None where the file holds none.

    Raises:
        DataError: no such file, another format, or labels missing where they are needed.
    """
    if not Path(path).is_file():
        raise DataError(f"no such file: {path}; with --backbone none, give an .npz with 'embeddings' and 'labels'")
    try:
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                loaded = {"embeddings": loaded}
            values = {name: loaded[name] for name in ("embeddings", "labels") if name in loaded}
            names = ", ".join(loaded)
    except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        told = "it holds no arrays of numbers or text" if "pickle" in str(error) else error
        raise DataError(f"{path} is no readable .npz or .npy file: {told}") from error
    if "embeddings" not in values:
        raise DataError(f"{path} holds no array named 'embeddings' (it has: {names})")
    if labelled and "labels" not in values:
        raise DataError(f"{path} holds no array named 'labels'; it is needed to learn from")
    return values["embeddings"], values.get("labels")


def read_strangers(paths: Sequence[str]) -> Any:
    """Embeddings of other from several files, one after the other, or None without any.

    Raises:
        DataError: a file cannot be read, or the widths differ.
    """
    if not paths:
        return None
    parts = [np.atleast_2d(read_embeddings(path)[0]) for path in paths]
    if len({part.shape[1:] for part in parts}) > 1:
        widths = ", ".join(f"{path}: {part.shape}" for path, part in zip(paths, parts, strict=True))
        raise DataError(f"embeddings of other must be of one width, got {widths}")
    return np.concatenate(parts)
