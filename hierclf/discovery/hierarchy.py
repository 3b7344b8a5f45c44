"""A hierarchy over classes, before its nodes have names.

Whatever finds it (a linkage that is cut, k-means, HDBSCAN), what comes out is the same value: which node stands right
above each, and at what distance the members of a node join.

K classes, N nodes: the classes first, then the groups
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hierclf.discovery.dendrogram import Dendrogram
from hierclf.discovery.distances import ClassDistances, Floats
from hierclf.registry import Registry

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Hierarchy:
    """Classes and nested groups of them.

    Args:
        classes: names of the K classes, which are the nodes ``0 … K - 1``.
        parent_N: the node right above each, int64; -1 for the root, which is one of the nodes from ``K`` on.
        height_N: the distance at which the members of a node join, float64; 0 for classes.
        dendrogram: the whole binary tree out of which it was cut, or None where there is none.

    >>> pets = Hierarchy.of(("cat", "dog", "rock"), [(0, 1)])
    >>> pets.parent_N.tolist(), pets.members, pets.clades
    ([4, 4, 3, -1, 3], ((0, 1, 2), (0, 1)), frozenset({frozenset({0, 1})}))
    """

    classes: tuple[str, ...]
    parent_N: Integers
    height_N: Floats
    dendrogram: Dendrogram | None = None

    @classmethod
    def of(cls, classes: tuple[str, ...], groups: Iterable[Iterable[int]], heights: Iterable[float] = ()) -> Hierarchy:
        """From nested or disjoint groups of classes; the root, above all of them, is added.

        Args:
            classes: names of the classes.
            groups: places of the members of each group, without the root.
            heights: at which the members of each group join, then the root's; zeros when left out.
        """
        k = len(classes)
        sets = [np.unique(np.fromiter(group, dtype=np.int64)) for group in groups]
        parent_N = np.full(k + 1 + len(sets), k, dtype=np.int64)
        parent_N[k] = -1
        for place in sorted(range(len(sets)), key=lambda place: (-len(sets[place]), sets[place].tolist())):
            above = parent_N[sets[place]]
            assert (above == above[0]).all(), "groups overlap without being nested"
            parent_N[k + 1 + place] = above[0]
            parent_N[sets[place]] = k + 1 + place
        height_N = np.zeros(len(parent_N))
        *inner, top = list(heights) or [0.0] * (len(sets) + 1)
        height_N[k], height_N[k + 1 :] = top, inner
        return cls(classes=classes, parent_N=parent_N, height_N=height_N)

    @property
    def root(self) -> int:
        """The node above all others."""
        return int(np.flatnonzero(self.parent_N < 0)[0])

    @property
    def groups(self) -> range:
        """Every node that is no class, the root among them."""
        return range(len(self.classes), len(self.parent_N))

    @cached_property
    def _children(self) -> dict[int, tuple[int, ...]]:
        below: dict[int, list[int]] = {}
        for child, parent in enumerate(self.parent_N.tolist()):
            below.setdefault(parent, []).append(child)
        return {parent: tuple(nodes) for parent, nodes in below.items()}

    def children(self, node: int) -> tuple[int, ...]:
        """The nodes right below one, in ascending order."""
        return self._children.get(node, ())

    @cached_property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """The classes below each of `groups`, sorted."""
        below: list[list[int]] = [[] for _ in self.groups]
        k = len(self.classes)
        parents = self.parent_N.tolist()
        for leaf in range(k):
            node = parents[leaf]
            while node >= 0:
                below[node - k].append(leaf)
                node = parents[node]
        return tuple(tuple(leaves) for leaves in below)

    @cached_property
    def clades(self) -> frozenset[frozenset[int]]:
        """The groups as sets of classes, without the root's and those of a single class."""
        k = len(self.classes)
        return frozenset(frozenset(leaves) for leaves in self.members if 1 < len(leaves) < k)


class Finder(Protocol):
    """A way to find a hierarchy in distances between classes."""

    def __call__(self, distances: ClassDistances, generator: np.random.Generator) -> Hierarchy:
        """The hierarchy; the same for the same distances and the same state of the generator."""
        ...

    def dendrogram(self, distances: ClassDistances) -> Dendrogram | None:
        """The whole binary tree alone, before anything is cut out of it, or None where there is none."""
        ...


hierarchies: Registry[Callable[..., Finder]] = Registry("way to find a hierarchy")
"""Ways by name; each is called with its options."""
