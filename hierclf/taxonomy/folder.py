"""A taxonomy from nested folders: a folder that holds folders is a meta-class, any other is a class."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.events import MOST_NESTED
from hierclf.taxonomy.taxonomy import Edge, Taxonomy


def taxonomy_from_folder(path: str | PathLike[str], *, root: str | None = None) -> Taxonomy:
    """Build a tree from nested folders, in the order of their names.

    Files, hidden folders and the ``__MACOSX`` of an archive do not count. A folder name that stands in two places is
    refused, even where it could be a second parent: far more often it is a ``train`` beside a ``val``. A class with two
    parents is written in YAML.

    Args:
        path: the folder.
        root: the root's name; None takes the folder's.

    Raises:
        TaxonomyError: no folder, no folder inside, a name in two places, or a link that leads out of the folder.
    """
    top = Path(path)
    if not top.is_dir():
        raise TaxonomyError(f"{path}: expected a folder with one folder per class")
    real = top.resolve()
    root = root if root is not None else real.name or "root"
    edges: list[Edge] = []
    place = {root: real}
    waiting = [(root, real, 0)]
    while waiting:
        parent, folder, depth = waiting.pop(0)
        for child in _folders(folder):
            _check_place(child, real)
            if child.name in place:
                earlier, later = (_within(real, found) for found in (place[child.name], child))
                raise TaxonomyError(
                    f"{path}: the folder name {child.name!r} stands in two places, {earlier} and {later}; rename one, "
                    "or point to the folder that holds the classes, or write a taxonomy file with `shape: dag`"
                )
            if depth >= MOST_NESTED:
                raise TaxonomyError(f"{path}: folders are nested deeper than {MOST_NESTED} levels at {child.name!r}")
            place[child.name] = child
            edges.append((parent, child.name))
            waiting.append((child.name, child, depth + 1))
    if not edges:
        raise TaxonomyError(f"{path}: expected one folder per class, found no folder in it")
    try:
        return Taxonomy(root=root, edges=tuple(edges))
    except TaxonomyError as error:
        raise TaxonomyError(f"{path}: {error}") from error


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".") and entry.name != "__MACOSX"]
    except OSError as error:
        raise TaxonomyError(f"{folder}: cannot list this folder: {error.strerror or error}") from error
    return sorted((Path(entry.path) for entry in shown if _is_folder(entry)), key=lambda path: path.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise TaxonomyError(f"{entry.path}: this link cannot be followed ({reason}); remove it") from error


def _check_place(folder: Path, top: Path) -> None:
    if folder.is_symlink() and not folder.resolve().is_relative_to(top):
        raise TaxonomyError(f"{folder}: this link leads out of {top}; replace it by the folder itself")


def _within(top: Path, folder: Path) -> str:
    return str(folder.relative_to(top)) if folder != top else f"{top} itself"
