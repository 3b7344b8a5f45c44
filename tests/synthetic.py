"""Small data about which everything is known: clouds of embeddings, and glyphs of a few strokes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from hierclf.taxonomy import Taxonomy

SIDE = 12
GLYPHS = ("bar", "pole", "slash", "cross")
STRANGE = ("square", "dots")

SHAPES = Taxonomy.from_edges({"straight": ["bar", "pole"], "slanted": ["slash", "cross"]}, root="shape")
LETTERS = Taxonomy.from_edges({"vowel": ["a", "e"], "consonant": ["b", "c"]}, root="letter")


def clouds(
    labels: str | list[str] = "aebc", count: int = 60, *, size: int = 8, spread: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of classes around corners 3 apart in each of two axes, as many of each; with their labels.

    Where a class lies depends on its name alone.
    """
    random = np.random.default_rng(seed)
    centres = {name: 3.0 * np.random.default_rng(list(name.encode())).normal(size=size) for name in labels}
    label_n = np.repeat(list(labels), count)
    order = random.permutation(len(label_n))
    noise = spread * random.normal(size=(len(label_n), size))
    return (np.array([centres[name] for name in label_n]) + noise)[order], label_n[order]


def glyph(name: str, random: np.random.Generator) -> np.ndarray:
    """One glyph, white on black with a little noise, uint8, shape (12, 12)."""
    picture = np.zeros((SIDE, SIDE))
    middle, left = SIDE // 2 + int(random.integers(-2, 3)), int(random.integers(1, 3))
    along = np.arange(left, SIDE - left)
    if name in ("bar", "cross"):
        picture[middle, along] = 1
    if name in ("pole", "cross"):
        picture[along, middle] = 1
    if name == "slash":
        picture[along, SIDE - 1 - along] = 1
    if name == "square":
        picture[left : SIDE - left, [left, SIDE - left - 1]] = picture[[left, SIDE - left - 1], left : SIDE - left] = 1
    if name == "dots":
        picture[random.integers(0, SIDE, 9), random.integers(0, SIDE, 9)] = 1
    noisy = 200 * picture + 20 * random.random(picture.shape)
    return noisy.astype(np.uint8)


def glyphs(names: tuple[str, ...] = GLYPHS, count: int = 30, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Glyphs of some kinds, as many of each, in random order, with their names."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(names, count))
    return np.stack([glyph(name, random) for name in labels]), labels


def write_folder(folder: Path, names: tuple[str, ...] = GLYPHS, count: int = 30, *, seed: int = 0) -> Path:
    """Glyphs as PNG files in one folder per kind."""
    pictures, labels = glyphs(names, count, seed=seed)
    for place, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / label / f"{place:04d}.png")
    return folder
