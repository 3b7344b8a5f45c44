"""A folder of class folders as an image set.

The class of an image is the name of the folder that directly holds it, at any depth, so nested folders may mirror the
taxonomy and an image right in ``dog/`` beside ``dog/beagle/`` is a dog of unknown breed. Images right in the top folder
have no label. What macOS adds to archives (``__MACOSX``), hidden files and files that do not end like an image are left
out and counted. A link is followed only while it stays inside the folder: whatever else is on the machine does not
become training data by way of a link.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hierclf.data.decoding import IMAGE_SUFFIXES, source_name
from hierclf.data.image_set import ImageSet
from hierclf.data.labels import label_text
from hierclf.errors import DataError
from hierclf.registry import did_you_mean


def load_folder(path: str | os.PathLike[str]) -> ImageSet:
    """The images below a folder, sorted by path.

    Raises:
        DataError: there is no such folder, a folder may not be listed, a class folder's name cannot be a label, or no
            image lies in any of them.
    """
    top = Path(path)
    if not os.path.isdir(top):
        raise missing(top, "folder")
    found = _Found()
    for folder in _walk(top, found):
        if folder.path != top and (folder.images or not folder.has_folders):  # a folder of nothing is a class too
            found.classes.add(folder.label)
            if folder.images:
                found.folders.setdefault(folder.label, []).append(folder.path)
        found.images.extend((image, folder.label) for image in folder.images)
    if not found.images:
        raise DataError(f"no image in {source_name(top)!r}{_instead(found)}; images end in .jpg, .png, .webp, …")
    found.images.sort(key=lambda pair: pair[0].parts)
    labelled = any(label for _, label in found.images)
    return ImageSet(
        images=tuple(image for image, _ in found.images),
        names=tuple(source_name(image) for image, _ in found.images),
        labels=tuple(label for _, label in found.images) if labelled else None,
        classes=tuple(sorted(found.classes)),
        refused=tuple(sorted(found.refused)),
        ignored=found.ignored,
        twins=tuple(found.twins()),
    )


def missing(path: Path, kind: str) -> DataError:
    """The error for a path that leads nowhere, with the nearest name beside it."""
    try:
        beside = sorted(entry.name for entry in path.parent.iterdir())
    except PermissionError:
        return DataError(
            f"no {kind} {source_name(path)!r} that can be seen: this user may not list {source_name(path.parent)!r}"
        )
    except OSError:
        return DataError(f"no {kind} {source_name(path)!r}: there is no folder {source_name(path.parent)!r} either")
    return DataError(f"no {kind} {source_name(path)!r}{did_you_mean(path.name, beside)}")


def is_image_name(name: str) -> bool:
    """Whether a file's name ends like an image's and is not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


@dataclass
class _Found:
    images: list[tuple[Path, str]] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)
    ignored: int = 0
    folders: dict[str, list[Path]] = field(default_factory=dict)  # those that hold images, by label

    def twins(self) -> Iterator[tuple[str, str]]:
        """The first folder of a label, with each further one."""
        for _, folders in sorted(self.folders.items()):
            first, *others = sorted(folders)
            yield from ((source_name(first), source_name(other)) for other in others)


@dataclass(frozen=True)
class _Folder:
    path: Path
    label: str
    images: tuple[Path, ...]
    has_folders: bool


def _walk(top: Path, found: _Found) -> Iterator[_Folder]:
    """Every folder from the top down, without recursion, and never the same one inside itself."""
    root = top.resolve()
    waiting = [(top, root, "", frozenset((root,)))]  # a folder, where it really is, its label, what it lies in
    while waiting:
        path, real, label, above = waiting.pop()
        images: list[Path] = []
        has_folders = False
        for entry in _entries(path):
            place = path / entry.name
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                found.ignored += 1
                continue
            target = _target(place) if entry.is_symlink() else real / entry.name
            if target is None:
                found.refused.append((source_name(place), "link that leads nowhere"))
            elif not target.is_relative_to(root):
                found.refused.append((source_name(place), f"link out of the data folder, to {source_name(target)}"))
            elif entry.is_dir():
                has_folders = True
                if target in above:
                    found.refused.append((source_name(place), "link to a folder that it lies in"))
                else:
                    waiting.append((place, target, _folder_label(place), above | {target}))
            elif is_image_name(entry.name) and (entry.is_file() or entry.is_symlink()):
                images.append(place)
            else:
                found.ignored += 1
        yield _Folder(path, label, tuple(images), has_folders)


def _target(link: Path) -> Path | None:
    """Where a link leads, or None where nobody can tell (it leads to itself, or may not be read)."""
    try:
        with suppress(FileNotFoundError):  # such an image fails when it is read, under its own name
            os.stat(link)  # some versions of Python resolve a link to itself without complaint
        return link.resolve()
    except (OSError, RuntimeError):
        return None


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"the folder {source_name(path)!r} cannot be listed ({error.strerror})") from error


def _folder_label(path: Path) -> str:
    try:
        return label_text(source_name(path.name))
    except DataError as error:
        raise DataError(f"folder {str(path)!a}: {error}") from error


def _instead(found: _Found) -> str:
    parts = []
    if found.classes:
        parts.append(f"empty folders: {len(found.classes)}")
    if found.ignored:
        parts.append(f"files that are hidden or no images: {found.ignored}")
    if found.refused:
        parts.append(f"links that are not followed: {len(found.refused)}")
    return f" ({', '.join(parts)})" if parts else ""
