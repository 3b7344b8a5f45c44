"""Training that can be cut off at any moment: checkpoints that are whole or absent.

A checkpoint is written beside its place, flushed to the disk and moved there; its SHA-256 stands in the file's name.
The last two are kept, so when the newest turns out to be damaged there is one before it. Files are read with
``weights_only=True``: they hold tensors, numbers and text, and run no code.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from dataclasses import asdict
from pathlib import Path

import torch

from hierclf.errors import DataError
from hierclf.training.fine_tune import TrainingState

KEPT = 2


def save_checkpoint(state: TrainingState, folder: str | os.PathLike[str]) -> Path:
    """Write the state, drop all but the last two checkpoints, and return the new file.

    Raises:
        DataError: the disk is full or the folder cannot be written; the checkpoint before stays as it was.
    """
    folder = Path(folder)
    buffer = io.BytesIO()
    torch.save(asdict(state), buffer)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"epoch-{state.epoch:05d}-{digest}.pt"
    draft = folder / f".draft-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        megabytes = len(content) / 1e6
        raise DataError(f"{error.strerror or error} on {folder}: a checkpoint needs {megabytes:.0f} MB") from error
    for old in sorted(folder.glob("epoch-*.pt"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: str | os.PathLike[str]) -> TrainingState | None:
    """The newest state that is whole, or None when there is none; a damaged file costs a warning that names it."""
    for path in sorted(Path(folder).glob("epoch-*.pt"), reverse=True):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != path.stem.rpartition("-")[2]:
            warnings.warn(f"{path} is damaged and was passed over", RuntimeWarning, stacklevel=2)
            continue
        return TrainingState(**torch.load(io.BytesIO(content), weights_only=True, map_location="cpu"))
    return None
