"""Run folders: every run has one of its own, numbered, never overwritten, and ``DONE`` is written last."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hierclf.errors import BundleError, ConfigError
from hierclf.files import whole_file

DONE, MODEL = "DONE", "model.json"
PACKAGES = ("hierclf", "torch", "torchvision", "timm", "scikit-learn", "numpy", "scipy", "safetensors", "pillow")


class RunFolder:
    """The folder of one run.

    Args:
        path: an existing folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, wanted: str | os.PathLike[str]) -> RunFolder:
        """Make the folder of that name, or ``NAME-2``, ``NAME-3``, … when it is taken; an empty folder is free.

        A name that ends in a number counts on from there: after ``NAME-1`` comes ``NAME-2``.

        Raises:
            ConfigError: the place cannot be written.
        """
        wanted = Path(wanted)
        if wanted.name in ("", ".."):
            raise ConfigError(f"{os.fspath(wanted)!r} is no name for a run folder; give it a name of its own")
        stem, _, tail = wanted.name.rpartition("-")
        stem, first = (stem, int(tail)) if stem and tail.isascii() and tail.isdecimal() else (wanted.name, 1)
        number = first
        while True:
            path = wanted if number == first else wanted.with_name(f"{stem}-{number}")
            try:
                path.mkdir(parents=True)
                return cls(path)
            except FileExistsError:
                if path.is_dir() and os.access(path, os.W_OK) and not any(path.iterdir()):
                    return cls(path)
                number += 1
            except OSError as error:
                raise ConfigError(f"the run folder {path} cannot be made: {error.strerror or error}") from error

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """An earlier run.

        Raises:
            ConfigError: there is no run at that place.
        """
        if not (Path(path) / "config.json").is_file():
            raise ConfigError(f"there is no run in {path}: config.json is missing")
        return cls(path)

    @property
    def done(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / DONE).is_file()

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write_json(self, name: str, values: Any) -> None:
        """Write a JSON file, whole or not at all."""
        self.write_text(name, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run.

        Raises:
            ConfigError: it is missing or broken.
        """
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.path / name} cannot be read: {error}") from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all."""
        with whole_file(self.path / name) as file:
            file.write(text)

    def write_rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write one JSON object per line; the whole file, so a resumed run leaves the same bytes."""
        self.write_text(name, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))

    def finish(self) -> None:
        """Say that the run came to its end."""
        (self.path / DONE).write_text("", encoding="utf-8")

    def remove(self) -> None:
        """Take the folder away again, after a mistake that left nothing worth keeping."""
        shutil.rmtree(self.path, ignore_errors=True)


def model_folder(path: str | os.PathLike[str]) -> Path:
    """The model folder that a run folder holds, or that the path is; looked up without importing torch.

    Raises:
        BundleError: there is no model.
    """
    for folder in (Path(path) / "model", Path(path)):
        if (folder / MODEL).is_file():
            return folder
    raise BundleError(f"there is no model in {path}: {MODEL} is missing; give a run folder or a model folder")


def environment() -> dict[str, Any]:
    """What the run was made with: versions and machine, as JSON can hold it."""
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": dict(_versions()),
    }


def _versions() -> Mapping[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # noqa: PERF203
            continue
    return found
