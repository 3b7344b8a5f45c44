"""Tables of numbers from files: arrays of an .npz, and a confusion matrix as CSV."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from hierclf.errors import DataError


def read_arrays(path: str, *, needed: Sequence[str]) -> dict[str, Any]:
    """The arrays of an .npz file by name.

    Raises:
        DataError: no such file, another format, or an array that is needed is missing.
    """
    try:
        with np.load(path, allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        told = "it holds no arrays of numbers or text" if "pickle" in str(error) else error
        raise DataError(f"{path} is no readable .npz file: {told}") from error
    for name in needed:
        if name not in arrays:
            raise DataError(f"{path} holds no array named {name!r} (it has: {', '.join(arrays) or 'none'})")
    return arrays


def read_counts(path: str) -> tuple[np.ndarray, list[str]]:
    """A confusion matrix: counts ``(K, K)``, and the names of the classes.

    The first row names the classes that were answered, the first column those that were true, in the same order.

    Raises:
        DataError: the file cannot be read, is not square, names classes in two orders, or holds what is no count.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no readable CSV file: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{path}: expected a row of class names and a row of counts for each class")
    names = [cell.strip() for cell in rows[0][1:]]
    down = [row[0].strip() for row in rows[1:]]
    if names != down:
        raise DataError(f"{path}: the first row and the first column must name the same classes in the same order")
    counts = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            counts.append([float(cell) for cell in row[1:]])
        except ValueError as error:
            raise DataError(f"{path}:{line}: counts are numbers: {error}") from error
        if len(row) != len(names) + 1:
            raise DataError(f"{path}:{line}: expected {len(names)} counts, got {len(row) - 1}")
    return np.array(counts), names
