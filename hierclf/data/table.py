"""A CSV file of paths and labels as an image set.

The first column is the path and the second the label, unless a first row names the columns; further columns are left
alone. Of two columns under names nobody foresaw (``photo,species``) the one that names images is the path. Cells stand
between commas, or between semicolons or tabs where no comma divides the first row. Every cell is text: ``no``, ``010``
and ``0`` stay what was typed. A relative path counts from the folder of the CSV file. Unlike a link found in a folder,
a path in a table was written down on purpose, so it may be absolute or lead upwards (``../images/1.jpg``); only images
are ever read through it.
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from hierclf.data.decoding import source_name
from hierclf.data.folder import is_image_name, missing
from hierclf.data.image_set import ImageSet
from hierclf.data.labels import label_text
from hierclf.errors import DataError

_PATH_NAMES = ("path", "image", "file", "filename", "file_name", "filepath", "image_path")
_LABEL_NAMES = ("label", "class", "category", "class_name", "node", "target")
_MOST_PROBED = 100  # rows that are looked at to tell which column names images


def load_table(path: str | os.PathLike[str]) -> ImageSet:
    """The images that a ``.csv`` (or, with tabs, ``.tsv``) file lists, in its order.

    Raises:
        DataError: no such file, not text in UTF-8, no row, names of columns that do not say which is which, a row
            without a path or with fewer cells than the others, or a label that cannot be one; the message names file
            and line.
    """
    table = Path(path)
    if not os.path.isfile(table):
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
        text = table.read_bytes().decode("utf-8-sig")
        rows = _split(text, "\t" if table.suffix.lower() == ".tsv" else ",")
        if rows and len(rows[0][1]) == 1 and not _is_file(table, rows[0][1][0]):
            others = (_split(text, delimiter) for delimiter in ";\t" if delimiter in rows[0][1][0])
            rows = next((other for other in others if len({len(cells) for _, cells in other}) == 1), rows)
    except UnicodeDecodeError as error:
        raise DataError(f"{source_name(table)}: expected a table as text in UTF-8 ({error.reason})") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{source_name(table)}: it cannot be read as a table ({error})") from error
    if not rows:
        raise DataError(f"{source_name(table)}: expected rows of path,label; the file is empty")
    return rows


def _split(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Rows that hold anything, each with the number of its last line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]


def _columns(table: Path, rows: list[tuple[int, list[str]]]) -> tuple[int, int | None, list[tuple[int, list[str]]]]:
    """Where the path and the label stand, and the rows below the header if there is one."""
    line, first = rows[0]
    header = [cell.strip().casefold() for cell in first]
    path_column = next((header.index(name) for name in _PATH_NAMES if name in header), None)
    if path_column is None:
        path_column = _column_of_images(table, rows)
    if path_column is None:
        return 0, (1 if len(header) > 1 else None), rows
    if len(rows) == 1:
        raise DataError(f"{source_name(table)}: no row below the names of the columns")
    if len(header) == 1:
        return path_column, None, rows[1:]
    label_column = next((header.index(name) for name in _LABEL_NAMES if name in header), None)
    if label_column is None and len(header) == 2:
        label_column = 1 - path_column
    if label_column is None:
        raise DataError(
            f"{source_name(table)}:{line}: no column of labels among {first!r}; name the columns 'path' and 'label'"
        )
    return path_column, label_column, rows[1:]


def _column_of_images(table: Path, rows: list[tuple[int, list[str]]]) -> int | None:
    """The column that names images below a first row that names none; None where that row is one like the others."""
    width = len(rows[0][1])
    if any(_names_image(table, cell) for cell in rows[0][1]):
        return None
    below = [cells for _, cells in rows[1 : 1 + _MOST_PROBED]]
    images = [
        sum(_names_image(table, cells[column]) for cells in below if column < len(cells)) for column in range(width)
    ]
    return images.index(max(images)) if max(images) else None


def _names_image(table: Path, cell: str) -> bool:
    return is_image_name(os.path.basename(cell.strip())) or _is_file(table, cell)


def _is_file(table: Path, cell: str) -> bool:
    return bool(cell.strip()) and "\0" not in cell and os.path.isfile(table.parent / cell.strip())


def _label(table: Path, line: int, cell: str) -> str:
    try:
        return label_text(cell)
    except DataError as error:
        raise DataError(f"{source_name(table)}:{line}: {error}") from error
