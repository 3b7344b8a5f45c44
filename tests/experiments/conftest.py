"""Tiny data in every form that a config can name, made on the spot."""

from __future__ import annotations

import gzip
import struct
import textwrap
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from experiments.run import command


def glyphs(kinds, count, *, size=8, seed=0):
    """Noisy grey images, one fixed pattern per kind, and their labels."""
    source = np.random.default_rng(seed)
    patterns = [np.random.default_rng(ord(kind)).integers(0, 2, (size, size)) * 180 for kind in kinds]
    pictures = [pattern + source.integers(0, 60, (size, size)) for pattern in patterns for _ in range(count)]
    return np.array(pictures, dtype=np.uint8), np.repeat(np.arange(len(kinds)), count)


def write_idx(path: Path, values: np.ndarray) -> None:
    """An array of bytes as an idx file; gzip'd when its name says so."""
    content = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def idx_folder(tmp_path):
    """Makes a folder in the layout of MNIST: ``idx_folder(kinds, learn, test)``."""

    def make(kinds="0123AN", learn=12, test=4, *, suffix=".gz", place="MNIST/raw", names=True):
        root = tmp_path / "idx"
        for seed, (part, count) in enumerate({"train": learn, "t10k": test}.items()):
            pictures, labels = glyphs(kinds, count, seed=seed)
            write_idx(root / place / f"{part}-images-idx3-ubyte{suffix}", pictures)
            write_idx(root / place / f"{part}-labels-idx1-ubyte{suffix}", labels.astype(np.uint8))
        if names:
            (root / "classes.txt").write_text("\n".join(kinds) + "\n")
        return root

    return make


@pytest.fixture
def class_folders(tmp_path):
    """Makes folders of class folders: ``class_folders({"train": {"hat": 3}, …})``, pictures of 8×8 pixels."""

    def make(parts):
        root = tmp_path / "folders"
        for seed, (part, kinds) in enumerate(parts.items()):
            for kind, count in kinds.items():
                folder = root / part / kind
                folder.mkdir(parents=True)
                tone = np.random.default_rng(sum(map(ord, kind))).integers(40, 200, (8, 8, 3))
                source = np.random.default_rng([seed, len(kind)])
                for number in range(count):
                    pixels = (tone + source.integers(0, 50, (8, 8, 3))).astype(np.uint8)
                    Image.fromarray(pixels).save(folder / f"{number}.png")
        return root

    return make


@pytest.fixture
def write_config(tmp_path):
    """Writes a config and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "config.yaml"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HIERCLF_CACHE", str(tmp_path / "cache"))

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(command, list(words), catch_exceptions=False)

    return invoke
