"""How often a group of classes comes again when the images are drawn anew.

Every dendrogram shows groups; some would be others with other photos of the same classes. So the images of each class
are drawn with replacement, again and again, and a group's support is the share of the resampled dendrograms in which
exactly the same classes stand together (Felsenstein, *Confidence limits on phylogenies: an approach using the
bootstrap*, Evolution 1985). A support of 0.7 or more usually means a group that is real with 95 % (Hillis and Bull, *An
empirical test of bootstrapping as a method for assessing confidence in phylogenetic analysis*, Systematic Biology
1993). It speaks of the images, not of the classes: with other *classes* there may be other groups.

S samples, G groups
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from hierclf.discovery.dendrogram import Marks
from hierclf.discovery.distances import ClassDistances, Floats
from hierclf.discovery.hierarchy import Finder
from hierclf.progress import Progress, silent

STREAM = 0xD15C


def chance(seed: int, *more: int) -> np.random.Generator:
    """A source of randomness of discovery's own."""
    return np.random.default_rng([STREAM, seed, *more])


def class_marks(count: int) -> Marks:
    """A random number for each class, the same every time; see `Dendrogram.marks`."""
    return chance(0).integers(0, 2**64, size=count, dtype=np.uint64)


def group_marks(groups: Iterable[Iterable[int]], mark_K: Marks) -> Marks:
    """The number of each set of classes: the sum of its members' own, modulo 2⁶⁴."""
    return np.array([mark_K[list(group)].sum(dtype=np.uint64) for group in groups], dtype=np.uint64)


def resamples(distances: ClassDistances, count: int, seed: int) -> Iterator[ClassDistances]:
    """So many tables of distances from images drawn with replacement; the same for the same seed."""
    for sample in range(count):
        yield distances.resampled(chance(seed, 1, sample))


def support_of(
    mark_G: Marks,
    distances: ClassDistances,
    finder: Finder,
    *,
    bootstraps: int,
    seed: int = 0,
    progress: Progress = silent,
) -> Floats:
    """The share of resampled dendrograms that hold each group.

    Args:
        mark_G: the groups, see `group_marks`.
        distances: that can be resampled.
        finder: of the groups; where it has no dendrogram, its hierarchies are searched.
        bootstraps: how often to draw.
        seed: of the draws.
        progress: how to show how far it is.

    Returns:
        From 0 to 1, float64, shape ``(G,)``.
    """
    mark_K = class_marks(len(distances))
    found_G = np.zeros(len(mark_G))
    for place, sample in enumerate(progress(resamples(distances, bootstraps, seed), bootstraps, "resampling")):
        found_G += np.isin(mark_G, _held(sample, finder, mark_K, chance(seed, 2, place)))
    shares: npt.NDArray[np.float64] = found_G / bootstraps
    return shares


def _held(sample: ClassDistances, finder: Finder, mark_K: Marks, generator: np.random.Generator) -> Marks:
    """The groups that one sample shows."""
    dendrogram = finder.dendrogram(sample)
    if dendrogram is not None:
        return dendrogram.marks(mark_K)
    return group_marks(finder(sample, generator).members, mark_K)
