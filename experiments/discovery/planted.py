"""Embeddings in which a taxonomy is planted, so that one knows what there is to be found.

A tree is drawn first, then every clade gets a *height*: half the squared distance between classes of different children
of it, a drawn share of its parent's. A child stands apart from its siblings by an offset as long as the difference of
heights asks for, offsets of siblings at right angles, so that no two siblings are nearer than others by mere chance.
A class's mean is the sum of the offsets above it, and images scatter around it. What makes it hard differs by *regime*:

=============  =====================================================================================================
`isotropic`    noise is alike in all directions; offsets are too: a random walk down the tree
`nuisance`     offsets lie in a few dozen directions; a handful of other directions, equal for all classes, carry ten
               times the noise of all the rest (as lighting, pose and background do)
`directions`   as after a ReLU: nothing is negative, most is zero, all classes share a large part; classes differ in
               length as well as in direction, and so do the images of one class
=============  =====================================================================================================

A *shape* is ``even`` (one fan-out and one share of height per level, 40 images per class) or ``uneven`` (fan-outs from
2 to 6, branches of one to four levels, shares of height that differ, 8 to 80 images per class). *Noise* is measured
in the height of the lowest clade: the energy of the noise of an image is twice that height where it is ``low``, twelve
times where it is ``high``, so that the mean of eight images errs by more than that height.
A tree counts as planted only if average linkage on the true means shows all of its clades; else it is drawn anew. So
what is not found was lost in the noise, in a few images, or by the way of looking. Which of these it was tells the same
way of finding with very many images of each class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist

from hierclf.taxonomy import Taxonomy

# n images, K classes, D numbers of an embedding, C children of a node, S directions of a subspace

REGIMES = ("isotropic", "nuisance", "directions")
SHAPES = ("even", "uneven")
NOISES = {"low": 2.0, "high": 12.0}
"""Energy of an image's noise in units of the height of the lowest clade."""

WIDTHS = (64, 128, 256)
FAN_OUTS = ((6, 6), (10, 5), (20, 5), (4, 4, 4), (3, 4, 5), (2, 3, 6))
"""Of even trees, from the root down."""
FEWEST, MOST = 20, 100
"""Classes of an uneven tree."""
DEEPEST = 4
"""Levels of an uneven tree, at most."""
IMAGES, FEWEST_IMAGES, MOST_IMAGES = 40, 8, 80
SHARE, SHARES = 0.5, (0.3, 0.65)
"""The height of a clade as a share of its parent's: in even trees, and between what in uneven ones."""
SUBSPACE = 48
"""Directions in which offsets lie under `nuisance`."""
NUISANCE_DIRECTIONS, NUISANCE = 8, 10.0
"""Directions that carry much noise, and how much more energy they have together than the rest."""
ACTIVE = 8
"""Under `directions`, one feature in so many belongs to the pattern of a node."""
LENGTHS, SCALES = 0.2, 0.2
"""Standard deviations of the logarithm of a class's length, and of an image's."""

Path = tuple[int, ...]
"""Where a node is: the place among its siblings, from the root down; the root is ``()``."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of planted data.

    Args:
        regime: one of `REGIMES`.
        shape: one of `SHAPES`.
        noise: one of `NOISES`.
    """

    regime: str
    shape: str
    noise: str

    @property
    def name(self) -> str:
        """What to call it: ``isotropic even low``."""
        return f"{self.regime} {self.shape} {self.noise}"


CELLS = tuple(
    Cell(regime=regime, shape=shape, noise=noise) for regime in REGIMES for shape in SHAPES for noise in NOISES
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Planting:
    """A tree with heights, and what is needed to draw images of its classes.

    Args:
        cell: of which kind.
        height: of every node by its place, 0 for classes.
        mean_KD: the means of the classes before noise, in the order of `leaves`, float64, shape ``(K, D)``.
        count_K: images per class, int64.
        length_K: of the class's embeddings, float64; ones but under `directions`.
        nuisance_SD: directions of much noise, orthonormal, shape ``(S, D)``; none but under `nuisance`.
        energy: of the noise of an image, expected, without nuisance.
        seed: of everything.
    """

    cell: Cell
    height: dict[Path, float]
    mean_KD: np.ndarray
    count_K: np.ndarray
    length_K: np.ndarray
    nuisance_SD: np.ndarray
    energy: float
    seed: int

    @property
    def leaves(self) -> tuple[Path, ...]:
        """The places of the classes."""
        return tuple(path for path, height in self.height.items() if height == 0)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in an order that says nothing about the tree."""
        order = np.random.default_rng([self.seed, 3]).permutation(len(self.leaves))
        return tuple(f"class{place:03d}" for place in order)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The tree that is to be found."""
        name = dict(zip(self.leaves, self.names, strict=True))
        called = {path: name.get(path, "root" + "".join(f".{place}" for place in path)) for path in self.height}
        return Taxonomy(root="root", edges=tuple((called[path[:-1]], called[path]) for path in self.height if path))

    def drawn(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Images of every class: embeddings, float32 ``(n, D)``, and the name of each one's class."""
        chance = np.random.default_rng([self.seed, 2])
        class_n = np.repeat(np.arange(len(self.mean_KD)), self.count_K)
        size = self.mean_KD.shape[1]
        deviation = math.sqrt(self.energy / size)
        embedding_nD = chance.normal(scale=deviation, size=(len(class_n), size)) + self.mean_KD[class_n]
        if len(self.nuisance_SD):
            strength = math.sqrt(NUISANCE * self.energy / len(self.nuisance_SD))
            embedding_nD += chance.normal(scale=strength, size=(len(class_n), len(self.nuisance_SD))) @ self.nuisance_SD
        if self.cell.regime == "directions":
            scale_n = self.length_K[class_n] * np.exp(chance.normal(scale=SCALES, size=len(class_n)))
            embedding_nD = scale_n[:, None] * np.maximum(embedding_nD - deviation / 2, 0)
        return embedding_nD.astype(np.float32), tuple(self.names[place] for place in class_n)

    def with_images(self, count: int) -> Planting:
        """The same classes with so many images each."""
        return replace(self, count_K=np.full(len(self.count_K), count))


def plant(cell: Cell, seed: int) -> Planting:
    """A tree of a kind, by the seed; cells that differ in noise alone have the same tree and the same means."""
    chance = np.random.default_rng([seed, REGIMES.index(cell.regime), SHAPES.index(cell.shape)])
    size = WIDTHS[seed % len(WIDTHS)]
    while True:
        height = even_tree(FAN_OUTS[seed % len(FAN_OUTS)]) if cell.shape == "even" else uneven_tree(chance)
        place = grown(height, size, cell.regime, chance)
        leaves = [path for path, above in height.items() if above == 0]
        mean_KD = np.array([place[path] for path in leaves])
        if shows(mean_KD, leaves, height):
            break
    nuisance_SD = _frame(NUISANCE_DIRECTIONS, size, chance) if cell.regime == "nuisance" else np.zeros((0, size))
    length_K = np.ones(len(mean_KD))
    if cell.regime == "directions":
        mean_KD = mean_KD + _pattern(1, size, chance)  # what all classes share is as long as they are apart
        length_K = np.exp(chance.normal(scale=LENGTHS, size=len(mean_KD)))
    count_K = np.full(len(mean_KD), IMAGES)
    if cell.shape == "uneven":
        logs_K = chance.uniform(math.log(FEWEST_IMAGES), math.log(MOST_IMAGES), size=len(mean_KD))
        count_K = np.exp(logs_K).round().astype(np.int64)
    return Planting(
        cell=cell,
        height=height,
        mean_KD=mean_KD,
        count_K=count_K,
        length_K=length_K,
        nuisance_SD=nuisance_SD,
        energy=NOISES[cell.noise] * min(value for value in height.values() if value > 0),
        seed=seed,
    )


def shows(mean_KD: np.ndarray, leaves: Sequence[Path], tree: Iterable[Path]) -> bool:
    """Whether average linkage on squared distances between points has every clade of a tree among its merges."""
    merged = [frozenset([place]) for place in range(len(leaves))]
    for left, right in linkage(pdist(mean_KD, "sqeuclidean"), "average")[:, :2].astype(int).tolist():
        merged.append(merged[left] | merged[right])
    wanted = [frozenset(n for n, leaf in enumerate(leaves) if leaf[: len(path)] == path) for path in tree]
    return set(merged).issuperset(wanted)


def even_tree(fan_outs: Sequence[int]) -> dict[Path, float]:
    """Heights of a tree in which all nodes of a level are alike.

    >>> even_tree((2, 2))
    {(): 1.0, (0,): 0.5, (0, 0): 0.0, (0, 1): 0.0, (1,): 0.5, (1, 0): 0.0, (1, 1): 0.0}
    """

    def below(path: Path, height: float) -> dict[Path, float]:
        if len(path) == len(fan_outs):
            return {path: 0.0}
        inner = [below((*path, place), height * SHARE) for place in range(fan_outs[len(path)])]
        return {path: height} | {node: value for part in inner for node, value in part.items()}

    return below((), 1.0)


def uneven_tree(chance: np.random.Generator) -> dict[Path, float]:
    """Heights of a tree whose branches differ in depth, fan-out and height; it has `FEWEST` to `MOST` classes."""

    def below(path: Path, height: float) -> dict[Path, float]:
        if len(path) == DEEPEST or (path and chance.random() < (0.25 if len(path) == 1 else 0.5)):
            return {path: 0.0}
        count = int(chance.integers(4, 7) if not path else chance.integers(2, 7))
        inner = [below((*path, place), height * chance.uniform(*SHARES)) for place in range(count)]
        return {path: height} | {node: value for part in inner for node, value in part.items()}

    while True:
        height = below((), 1.0)
        deep = max(len(path) for path in height)
        if FEWEST <= sum(value == 0 for value in height.values()) <= MOST and deep >= 3:
            return height


def grown(height: dict[Path, float], size: int, regime: str, chance: np.random.Generator) -> dict[Path, np.ndarray]:
    """Where each node of a tree stands: its parent's place and an offset as long as the heights ask for."""
    basis_SD = _frame(min(SUBSPACE, size), size, chance) if regime == "nuisance" else None
    place: dict[Path, np.ndarray] = {(): np.zeros(size)}
    for path in height:
        if height[path] == 0:
            continue
        children = [child for child in height if child[:-1] == path and child]
        if regime == "directions":
            offset_CD = _pattern(len(children), size, chance)
        elif basis_SD is not None:
            offset_CD = _frame(len(children), len(basis_SD), chance) @ basis_SD
        else:
            offset_CD = _frame(len(children), size, chance)
        for child, offset_D in zip(children, offset_CD, strict=True):
            place[child] = place[path] + math.sqrt(height[path] - height[child]) * offset_D
    return place


def _frame(count: int, size: int, chance: np.random.Generator) -> np.ndarray:
    """Random directions at right angles, shape ``(count, size)``; each of length 1."""
    return np.asarray(np.linalg.qr(chance.normal(size=(size, count)))[0].T)


def _pattern(count: int, size: int, chance: np.random.Generator) -> np.ndarray:
    """Random features switched on, no two patterns sharing one while there are enough, each of length 1."""
    wide = max(2, size // max(ACTIVE, count))
    order = chance.permutation(size)
    pattern_CD = np.zeros((count, size))
    for row_D, start in zip(pattern_CD, range(0, count * wide, wide), strict=True):
        row_D[order[start : start + wide]] = chance.gamma(2.0, size=wide)
    return np.asarray(pattern_CD / np.linalg.norm(pattern_CD, axis=1, keepdims=True))
