"""Which nodes of a dendrogram are worth keeping: a local cut.

A dendrogram joins two nodes at a time, so of its K - 1 nodes most say nothing: three classes that are equally near to
each other still show one pair and a latecomer. A *global* cut at one height keeps the coarsest level only. So every
node is compared with the kept node above it: a group is one if its members are clearly nearer to each other than to
their next relatives,

    height(u) < ratio · (1 - 1/m) · height(kept node above u),        m classes below u.

The factor ``1 - 1/m`` asks more of small groups: among many classes the nearest two are near by chance alone, while a
larger group has to be near in all its pairs.

With a *fan-out limit*, a node that is left with too many children is divided once more: its part of the dendrogram is
cut where that many pieces remain.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from hierclf.discovery.dendrogram import LINKAGES, Dendrogram, dendrogram_of
from hierclf.discovery.distances import ClassDistances, Floats
from hierclf.discovery.hierarchy import Hierarchy, hierarchies
from hierclf.errors import ConfigError

RATIO = 0.8
"""Chosen on planted hierarchies of 64 to 256 dimensions, even and uneven, in plain and in ReLU-like embeddings, where
ratios from 0.7 to 0.85 find about as much."""


def bounds(dendrogram: Dendrogram, ratio: float) -> Floats:
    """The share of the height of the kept node above below which each node is kept: ``ratio · (1 - 1/m)``."""
    bound_N: Floats = ratio * (1 - 1 / dendrogram.size_N)
    return bound_N


def local_cut(dendrogram: Dendrogram, ratio: float = RATIO) -> tuple[int, ...]:
    """The nodes to keep, the root left out, parents before children.

    Args:
        dendrogram: of K classes.
        ratio: how much nearer the members of a group must be than those of the kept node above, between 0 and 1.
    """
    k, height_N, bound_N = len(dendrogram), dendrogram.height_N.tolist(), bounds(dendrogram, ratio).tolist()
    kept: list[int] = []
    waiting = [(dendrogram.root, dendrogram.root)]
    while waiting:
        node, above = waiting.pop()
        if node < k:
            continue
        if node != above and height_N[node] < bound_N[node] * height_N[above]:
            kept.append(node)
            above = node
        waiting.extend((child, above) for child in dendrogram.child_M2[node - k].tolist())
    return tuple(kept)


def limit_fan_out(
    dendrogram: Dendrogram, kept: Collection[int], largest: int, allowed: Collection[int] | None = None
) -> tuple[int, ...]:
    """More nodes to keep, so that no node has more than so many children.

    Args:
        dendrogram: of K classes.
        kept: nodes that stay, without the root.
        largest: children that a node may have, at least 2.
        allowed: nodes that may be kept besides; None allows all. Where one is not, its parts are tried, and the node
            above may be left with more children than it should.

    Returns:
        The nodes to keep besides those of `kept`.
    """
    k, more, stays = len(dendrogram), list[int](), set(kept)
    tops = [dendrogram.root, *kept]
    while tops:
        top = tops.pop()
        if len(_children_of(dendrogram, top, stays)) <= largest:
            continue
        waiting = _pieces(dendrogram, top, stays, largest)
        while waiting:
            node = waiting.pop()
            if not _divisible(node, top, k, stays):
                continue
            if allowed is None or node in allowed:
                more.append(node)
                stays.add(node)
                tops.append(node)
            else:
                waiting.extend(dendrogram.child_M2[node - k].tolist())
    return tuple(more)


def _pieces(dendrogram: Dendrogram, top: int, stays: Collection[int], count: int) -> list[int]:
    """What remains of a node when the highest part is divided, again and again, until there are so many."""
    k, height_N = len(dendrogram), dendrogram.height_N
    open_parts, whole = [(-height_N[top], top)], list[int]()
    while open_parts and len(open_parts) + len(whole) < count:
        _, node = heapq.heappop(open_parts)
        for child in dendrogram.child_M2[node - k].tolist():
            if _divisible(child, top, k, stays):
                heapq.heappush(open_parts, (-height_N[child], child))
            else:
                whole.append(child)
    return [node for _, node in open_parts]


def _divisible(node: int, top: int, k: int, stays: Collection[int]) -> bool:
    return node >= k and (node == top or node not in stays)


def _children_of(dendrogram: Dendrogram, top: int, stays: Collection[int]) -> list[int]:
    """What hangs right below a kept node."""
    k, found, waiting = len(dendrogram), [], [top]
    while waiting:
        node = waiting.pop()
        if _divisible(node, top, k, stays):
            waiting.extend(dendrogram.child_M2[node - k].tolist())
        else:
            found.append(node)
    return found


def hierarchy_of(classes: tuple[str, ...], dendrogram: Dendrogram, kept: Collection[int]) -> Hierarchy:
    """The hierarchy of the root and the nodes that were kept."""
    heights = [float(dendrogram.height_N[node]) for node in [*kept, dendrogram.root]]
    return Hierarchy.of(classes, [dendrogram.members(node) for node in kept], heights)


@dataclass(frozen=True, kw_only=True)
class LocalCut:
    """Agglomerative clustering, cut locally.

    Args:
        linkage: what the distance between two groups is, one of scipy's.
        ratio: see `local_cut`.

    Raises:
        ConfigError: a ratio that is not between 0 and 1.
    """

    linkage: str = "average"
    ratio: float = RATIO

    def __post_init__(self) -> None:
        if not isinstance(self.ratio, int | float) or isinstance(self.ratio, bool) or not 0 < self.ratio <= 1:
            raise ConfigError(f"ratio is above 0 and at most 1, got {self.ratio!r}")

    def __call__(self, distances: ClassDistances, generator: np.random.Generator) -> Hierarchy:
        """The hierarchy; nothing about it is random."""
        dendrogram = self.dendrogram(distances)
        found = hierarchy_of(distances.classes, dendrogram, local_cut(dendrogram, self.ratio))
        return replace(found, dendrogram=dendrogram)

    def dendrogram(self, distances: ClassDistances) -> Dendrogram:
        """What is cut."""
        return dendrogram_of(distances, self.linkage)


def _register(linkage: str) -> None:
    @hierarchies.register(linkage)
    def build(*, ratio: float = RATIO) -> LocalCut:
        return LocalCut(linkage=linkage, ratio=ratio)


for _linkage in LINKAGES:
    _register(_linkage)
