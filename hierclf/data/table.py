"""A CSV file of paths and labels as an image set.

The first column is the path and the second the label, unless a first row names the columns; further columns are left
alone. Every cell is text: ``no``, ``010`` and ``0`` stay what was typed. A relative path counts from the folder of the
CSV file. Unlike a link found in a folder, a path in a table was written down on purpose, so it may be absolute or lead
upwards (``../images/1.jpg``); only images are ever read through it.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from hierclf.data.decoding import source_name
from hierclf.data.folder import missing
from hierclf.data.image_set import ImageSet
from hierclf.data.labels import label_text
from hierclf.errors import DataError

_PATH_NAMES = ("path", "image", "file", "filename", "file_name", "filepath", "image_path")
_LABEL_NAMES = ("label", "class", "category", "class_name", "node", "target")


def load_table(path: str | os.PathLike[str]) -> ImageSet:
    """The images that a ``.csv`` (or, with tabs, ``.tsv``) file lists, in its order.

    Raises:
        DataError: no such file, not text in UTF-8, no row, a row without a path or with fewer cells than the others,
            or a label that cannot be one; the message names file and line.
    """
    table = Path(path)
    if not table.is_file():
        raise missing(table, "file")
    rows = _rows(table)
    path_column, label_column, rows = _columns(table, rows)
    names: list[str] = []
    labels: list[str] = []
    for line, cells in rows:
        if len(cells) <= max(path_column, label_column or 0) or not cells[path_column].strip():
            expected = "a path" if label_column is None else "a path and a label"
            raise DataError(f"{source_name(table)}:{line}: expected {expected}, got {cells!r}")
        names.append(cells[path_column].strip())
        if label_column is not None:
            labels.append(_label(table, line, cells[label_column]))
    return ImageSet(
        images=tuple(table.parent / name for name in names),
        names=tuple(names),
        labels=None if label_column is None else tuple(labels),
    )


def _rows(table: Path) -> list[tuple[int, list[str]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="\t" if table.suffix.lower() == ".tsv" else ",", strict=True)
            rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except UnicodeDecodeError as error:
        raise DataError(f"{source_name(table)}: expected a table as text in UTF-8 ({error.reason})") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{source_name(table)}: it cannot be read as a table ({error})") from error
    if not rows:
        raise DataError(f"{source_name(table)}: expected rows of path,label; the file is empty")
    return rows


def _columns(table: Path, rows: list[tuple[int, list[str]]]) -> tuple[int, int | None, list[tuple[int, list[str]]]]:
    """Where the path and the label stand, and the rows below the header if there is one."""
    header = [cell.strip().casefold() for cell in rows[0][1]]
    path_column = next((header.index(name) for name in _PATH_NAMES if name in header), None)
    if path_column is None:
        return 0, (1 if len(header) > 1 else None), rows
    label_column = next((header.index(name) for name in _LABEL_NAMES if name in header), None)
    if label_column is None and len(header) > 1:
        raise DataError(f"{source_name(table)}:{rows[0][0]}: no column of labels among {rows[0][1]!r}; name it 'label'")
    if len(rows) == 1:
        raise DataError(f"{source_name(table)}: no row below the names of the columns")
    return path_column, label_column, rows[1:]


def _label(table: Path, line: int, cell: str) -> str:
    try:
        return label_text(cell)
    except DataError as error:
        raise DataError(f"{source_name(table)}:{line}: {error}") from error
