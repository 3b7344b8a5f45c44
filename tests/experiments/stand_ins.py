"""Tiny data in the form that each config expects: the same files and classes, noise with a pattern for a class.

``STAND_INS["mnist"](folder)`` writes what ``experiments/configs/mnist.yaml`` reads and returns its ``data.root``.
"""

from __future__ import annotations

import string
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.experiments.conftest import write_idx

DIGITS, CAPITALS, SMALL = string.digits, string.ascii_uppercase, string.ascii_lowercase
GARMENTS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
CLOTHES = ("t-shirt", "longsleeve", "shirt", "outwear", "pants", "shorts", "skirt", "dress", "hat", "shoes")
ALPHABETS = (
    *("Balinese", "Early_Aramaic", "Greek", "Japanese_katakana"),
    *("Korean", "Latin", "Sanskrit", "Tagalog"),
)
CHARACTERS = (1, 2, 3, 8, 13)


def pictures(kind: str, count: int, shape: tuple[int, ...], source: np.random.Generator) -> np.ndarray:
    """Grey noise over a pattern of coarse blocks that belongs to the kind, uint8."""
    blocks = np.random.default_rng(zlib.crc32(kind.encode())).integers(0, 2, (4, 4)) * 170.0
    pattern = np.kron(blocks, np.ones((-(-shape[0] // 4), -(-shape[1] // 4))))[: shape[0], : shape[1]]
    return (pattern + source.integers(0, 70, (count, *shape))).astype(np.uint8)


def write_glyphs(root: Path, kinds: Sequence[str], *, learn: int, test: int, shape: tuple[int, int] = (12, 12)) -> None:
    """Idx files as MNIST is distributed, with the names of the classes beside them."""
    for seed, (part, count) in enumerate({"train": learn, "t10k": test}.items()):
        source = np.random.default_rng(seed)
        values = np.concatenate([pictures(kind, count, shape, source) for kind in kinds])
        labels = np.repeat(np.arange(len(kinds), dtype=np.uint8), count)
        write_idx(root / "MNIST" / "raw" / f"{part}-images-idx3-ubyte.gz", values)
        write_idx(root / "MNIST" / "raw" / f"{part}-labels-idx1-ubyte.gz", labels)
    root.joinpath("classes.txt").write_text("\n".join(kinds) + "\n")


def write_photos(root: Path, kinds: Sequence[str], count: int, *, size: int = 16) -> None:
    """A folder of grey pictures for each kind."""
    for kind in kinds:
        folder = root / kind
        folder.mkdir(parents=True)
        source = np.random.default_rng(zlib.crc32(str(folder.relative_to(root.parent)).encode()))
        for number, pixels in enumerate(pictures(kind, count, (size, size), source)):
            Image.fromarray(pixels).save(folder / f"{number}.png")


def printed(root: Path) -> Path:
    """Digits and capital letters but I and O."""
    write_glyphs(root, [kind for kind in DIGITS + CAPITALS if kind not in "IO"], learn=30, test=8)
    return root


def thinned(root: Path) -> Path:
    """Digits and small letters, higher than wide."""
    write_glyphs(root, DIGITS + SMALL, learn=30, test=8, shape=(16, 8))
    return root


def written(root: Path) -> Path:
    """Digits and letters of both cases."""
    write_glyphs(root, DIGITS + CAPITALS + SMALL, learn=28, test=10)
    return root


def mnist(root: Path) -> Path:
    """Digits, and letters beside them."""
    write_glyphs(root / "mnist", DIGITS, learn=40, test=8)
    write_glyphs(root / "notmnist_small", CAPITALS[:10], learn=10, test=4)
    return root / "mnist"


def garments(root: Path) -> Path:
    """Fashion-MNIST's classes by name."""
    write_glyphs(root, GARMENTS, learn=40, test=8)
    return root


def alphabets(root: Path) -> Path:
    """A few characters of each alphabet, and the alphabets as a table."""
    kinds = [f"{alphabet}__character{number:02d}" for alphabet in ALPHABETS for number in CHARACTERS]
    write_photos(root / "train", kinds, 14)
    write_photos(root / "test", kinds, 4)
    edges = [f"script,{alphabet}" for alphabet in ALPHABETS] + [f"{kind.split('__')[0]},{kind}" for kind in kinds]
    root.joinpath("edges.csv").write_text("\n".join(["parent,child", *edges]) + "\n")
    return root


def clothes(root: Path) -> Path:
    """Kinds of clothes, and other things of kinds that differ between learning and test."""
    for part, count in {"train": 28, "val": 4, "test": 5}.items():
        write_photos(root / part, CLOTHES, count, size=24)
    write_photos(root / "other_train", ("banded", "dotted", "objects"), 8, size=24)
    write_photos(root / "other_test", ("woven", "things"), 6, size=24)
    return root


STAND_INS: dict[str, Callable[[Path], Path]] = {
    "chars74k_fonts": printed,
    "digits_vs_letters": printed,
    "handwritten_16x8": thinned,
    "choice_handwriting": written,
    "mnist": mnist,
    "fashion_mnist": garments,
    "omniglot_small": alphabets,
    "clothing": clothes,
}
