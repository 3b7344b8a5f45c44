"""Which of the groups that a method finds are kept: those with support, and as many as the fan-out limit takes.

K classes, G groups
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hierclf.discovery.cut import limit_fan_out
from hierclf.discovery.dendrogram import Dendrogram, Marks
from hierclf.discovery.distances import ClassDistances
from hierclf.discovery.hierarchy import Finder, Hierarchy
from hierclf.discovery.support import chance, class_marks, group_marks, support_of
from hierclf.progress import Progress, silent

Group = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which groups are kept.

    Args:
        kept: the groups.
        dropped: groups of the method's choice that lack the support.
        notes: what is remarkable about it, in sentences.
    """

    kept: tuple[Group, ...]
    dropped: tuple[Group, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Groups of classes that a method finds, with the support of each.

    Args:
        found: the method's own choice.
        dendrogram: the whole binary tree, or None where the method has none.
        mark_K: a random number for each class.
        share: support by the number of a group, see `Dendrogram.marks`; empty without bootstraps.
    """

    found: Hierarchy
    dendrogram: Dendrogram | None
    mark_K: Marks
    share: dict[int, float]

    @classmethod
    def of(
        cls, finder: Finder, distances: ClassDistances, *, bootstraps: int, seed: int = 0, progress: Progress = silent
    ) -> Candidates:
        """Everything that may become a group.

        Args:
            finder: the method.
            distances: between the classes.
            bootstraps: draws of the images to estimate support with, 0 for none.
            seed: of the draws.
            progress: how to show how far it is.
        """
        found = finder(distances, chance(seed, 0))
        dendrogram = found.dendrogram
        mark_K = class_marks(len(distances))
        share: dict[int, float] = {}
        if bootstraps:
            mark_G = group_marks(found.members, mark_K)
            if dendrogram is not None:
                mark_G = np.unique(np.concatenate([mark_G, dendrogram.marks(mark_K)]))
            support_G = support_of(mark_G, distances, finder, bootstraps=bootstraps, seed=seed, progress=progress)
            share = dict(zip(mark_G.tolist(), support_G.tolist(), strict=True))
        return cls(found=found, dendrogram=dendrogram, mark_K=mark_K, share=share)

    def support(self, group: Group) -> float:
        """The share of draws in which these classes stand together; 1 without bootstraps.

        Args:
            group: that was found, or a node of the dendrogram.
        """
        return self.share[int(group_marks([group], self.mark_K)[0])] if self.share else 1.0

    def chosen(self, *, support: float, largest: int | None, smallest: int) -> Chosen:
        """The groups to keep, and those of the method's choice that lack the support.

        Args:
            support: what a group needs, from 0 to 1.
            largest: children that a node may have, or None. Where there are more, the node is divided further, into
                nodes of the dendrogram that have the support.
            smallest: classes that a group has at least.
        """
        k = len(self.found.classes)
        groups = [group for group in self.found.members if max(smallest, 2) <= len(group) < k]
        kept = [group for group in groups if self.support(group) >= support]
        more: list[Group] = []
        if self.dendrogram is not None and largest is not None:
            more = self._divisions(self.dendrogram, kept, largest, support, smallest)
        held = {*kept, *more}
        told = f"Of {len(held)} groups, {len(more)} were taken in only to divide nodes of more than {largest} children."
        return Chosen(
            kept=(*kept, *more),
            dropped=tuple(group for group in groups if group not in held),
            notes=(told,) if more else (),
        )

    def hierarchy(self, groups: Sequence[Group]) -> Hierarchy:
        """The hierarchy of these groups, each at its height."""
        height = dict(zip(self.found.members, self.found.height_N[len(self.found.classes) :].tolist(), strict=True))
        if self.dendrogram is not None:
            nodes = self._nodes(self.dendrogram)
            for group in groups:
                node = nodes[int(group_marks([group], self.mark_K)[0])]
                height[group] = float(self.dendrogram.height_N[node])
        top = tuple(range(len(self.found.classes)))
        return Hierarchy.of(self.found.classes, groups, [height[group] for group in [*groups, top]])

    def _divisions(
        self, dendrogram: Dendrogram, kept: Sequence[Group], largest: int, support: float, smallest: int
    ) -> list[Group]:
        nodes = self._nodes(dendrogram)
        allowed = {
            node
            for mark, node in nodes.items()
            if self.share.get(mark, 1.0) >= support and dendrogram.size_N[node] >= smallest
        }
        stays = [nodes[mark] for mark in group_marks(kept, self.mark_K).tolist()]
        return [dendrogram.members(node) for node in limit_fan_out(dendrogram, stays, largest, allowed)]

    def _nodes(self, dendrogram: Dendrogram) -> dict[int, int]:
        return {mark: node for node, mark in enumerate(dendrogram.marks(self.mark_K).tolist())}
