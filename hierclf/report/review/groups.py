"""The groups of a discovery, one by one, with what a person needs to judge each.

K classes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierclf.report.numbers import defined
from hierclf.report.review.cuts import local_cut_of
from hierclf.report.review.neighbours import Neighbours, neighbours

if TYPE_CHECKING:
    from hierclf.discovery import Discovery

STYLES = 5
"""Colours that groups take in turn."""
MOST_GROUPS = 150
"""Groups that are shown one by one; of more, those that are least sure."""
MOST_CLASSES = 12
"""Classes of a group that are shown one by one; of more, the most and the least typical."""
LEAST_TYPICAL = 4
"""How many of these are the least typical."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A class right below a group or the root.

    Args:
        name: the class.
        own: its mean distance to the other classes of its group; None below the root.
        other: the node of the nearest other group, or None.
        far: its mean distance to that.
    """

    name: str
    own: float | None
    other: int | None
    far: float | None

    @property
    def strays(self) -> bool:
        """Whether another group is nearer than its own."""
        return self.own is not None and self.far is not None and self.far < self.own * (1 - 1e-9)


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group that was kept, or the root.

    Args:
        node: in the hierarchy.
        name: in the taxonomy.
        number: its place in the order of the page, 0 for the root.
        style: number of its colour, 1 to `STYLES`; 0 for the root.
        above: the node that it stands under, -1 for the root.
        size: classes below it.
        support: the share of draws in which they stand together; None without draws, and for the root.
        height: the distance at which they join.
        medoid: the most typical class, empty for the root.
        groups: nodes of the groups right below.
        classes: the classes right below, the most typical first; below the root in the order of the hierarchy.
        skipped: how many of these were left out, just before the last `LEAST_TYPICAL`.
        further: names of those that were left out.
        other: the node of the nearest other group, or None.
        far: the mean distance to that.
        for_size: whether it was added because its parent had too many children.
        detailed: whether it is shown with its classes; of very many groups not all are.
    """

    node: int
    name: str
    number: int
    style: int
    above: int
    size: int
    support: float | None
    height: float
    medoid: str
    groups: tuple[int, ...]
    classes: tuple[Member, ...]
    further: tuple[str, ...]
    other: int | None
    far: float | None
    for_size: bool
    detailed: bool

    @property
    def anchor(self) -> str:
        """What a link to its description says."""
        return f"group-{self.number}" if self.number else "classes"


def found_groups(discovery: Discovery) -> dict[int, Group]:
    """Every group and the root by node, each before those below it, the larger ones of siblings first.

    Args:
        discovery: of K classes.
    """
    order = _order(discovery)
    chosen = _chosen(discovery, order)
    near = neighbours(discovery.distances, discovery.hierarchy, chosen)
    nearest = {
        node: (int(other), float(far)) for node, other, far in zip(chosen, near.other_C, near.far_C, strict=True)
    }
    added = _for_size(discovery)
    found: dict[int, Group] = {}
    for number, (node, above) in enumerate(order):
        shown, further = _members(discovery, near, node, number == 0)
        other, far = nearest.get(node, (-1, float("nan")))
        name = discovery.name[node]
        found[node] = Group(
            node=node,
            name=name,
            number=number,
            style=_style(number, found[above].style) if number else 0,
            above=above,
            size=len(discovery.hierarchy.members[node - len(discovery.distances)]),
            support=discovery.support.get(name) if number else None,
            height=float(discovery.hierarchy.height_N[node]),
            medoid=discovery.medoid.get(name, ""),
            groups=_groups_below(discovery, node),
            classes=shown,
            further=further,
            other=other if other >= 0 else None,
            far=defined(far),
            for_size=node in added,
            detailed=node in nearest,
        )
    return found


def _style(number: int, above: int) -> int:
    """The next colour, another one than that of the group above."""
    style = (number - 1) % STYLES + 1
    return style % STYLES + 1 if style == above else style


def _order(discovery: Discovery) -> list[tuple[int, int]]:
    """Every group with the one above it, the root first."""
    order, waiting = [], [(discovery.hierarchy.root, -1)]
    while waiting:
        node, above = waiting.pop()
        order.append((node, above))
        waiting += [(child, node) for child in reversed(_groups_below(discovery, node))]
    return order


def _groups_below(discovery: Discovery, node: int) -> tuple[int, ...]:
    hierarchy, k = discovery.hierarchy, len(discovery.distances)
    below = [child for child in hierarchy.children(node) if child >= k]
    return tuple(sorted(below, key=lambda child: (-len(hierarchy.members[child - k]), discovery.name[child])))


def _chosen(discovery: Discovery, order: Sequence[tuple[int, int]]) -> list[int]:
    """The groups to show one by one: all of them, or those with the least support."""
    nodes = [node for node, above in order if above >= 0]
    if len(nodes) <= MOST_GROUPS:
        return nodes
    weakest = sorted(nodes, key=lambda node: discovery.support.get(discovery.name[node], 1.0))
    kept = set(weakest[:MOST_GROUPS])
    return [node for node in nodes if node in kept]


def _members(
    discovery: Discovery, near: Neighbours, node: int, top: bool
) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """The classes right below a node that are shown, and the names of the others."""
    k, names = len(discovery.distances), discovery.distances.classes
    below = [child for child in discovery.hierarchy.children(node) if child < k]
    if not top:
        below.sort(key=lambda leaf: near.own_K[leaf])
    most = 5 * MOST_CLASSES if top else MOST_CLASSES
    last = 0 if top else LEAST_TYPICAL
    shown = below if len(below) <= most else below[: most - last] + below[len(below) - last :]
    further = below[len(shown) - last : len(below) - last] if len(shown) < len(below) else []
    members = tuple(
        Member(
            name=names[leaf],
            own=defined(near.own_K[leaf]),
            other=int(near.other_K[leaf]) if near.other_K[leaf] >= 0 else None,
            far=defined(near.far_K[leaf]),
        )
        for leaf in shown
    )
    return members, tuple(names[leaf] for leaf in further)


def _for_size(discovery: Discovery) -> frozenset[int]:
    """Groups that the cut itself would not have kept."""
    cut, dendrogram = local_cut_of(discovery), discovery.dendrogram
    if cut is None or dendrogram is None:
        return frozenset()
    from hierclf.discovery.cut import hierarchy_of, local_cut

    clear = hierarchy_of(discovery.hierarchy.classes, dendrogram, local_cut(dendrogram, cut.ratio)).clades
    k, hierarchy = len(discovery.distances), discovery.hierarchy
    return frozenset(
        node
        for node in hierarchy.groups
        if node != hierarchy.root and frozenset(hierarchy.members[node - k]) not in clear
    )
