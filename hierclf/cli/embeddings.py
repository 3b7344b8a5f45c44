"""Embeddings from an .npz or .npy file, for ``--backbone none``."""

from __future__ import annotations

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
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            loaded = {"embeddings": loaded}
        values = {name: loaded[name] for name in ("embeddings", "labels") if name in loaded}
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is no readable .npz or .npy file: {error}") from error
    if "embeddings" not in values:
        raise DataError(f"{path} holds no array named 'embeddings' (it has: {', '.join(loaded)})")
    if labelled and "labels" not in values:
        raise DataError(f"{path} holds no array named 'labels'; it is needed to learn from")
    return values["embeddings"], values.get("labels")
