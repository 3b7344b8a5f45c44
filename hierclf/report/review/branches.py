"""The tree that a review draws: the whole dendrogram, or the groups alone where that would be unreadable.

K classes
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hierclf.report.review.cuts import bars, local_cut_of

if TYPE_CHECKING:
    from hierclf.discovery import Dendrogram, Discovery

MOST_ROWS = 400
"""With more classes than that, only groups are drawn, and no more than that."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Branches:
    """A rooted tree with heights. Nodes are numbers; what has no children is an end and gets a row of its own.

    Args:
        root: its top.
        children: of each node that is opened, in the order in which they are drawn.
        height: of each node.
        group: the node of the hierarchy that a node stands for, where it is a group that was kept.
        dropped: the place among the groups given up, where it is one of them.
        bar: the height below which a node had to join to become a group.
        wedge: how many classes, and how many groups, an end stands for; one that is a single class is not listed.
        whole: whether every class has a row.
    """

    root: int
    children: dict[int, tuple[int, ...]]
    height: Mapping[int, float]
    group: dict[int, int]
    dropped: dict[int, int] = field(default_factory=dict)
    bar: dict[int, float] = field(default_factory=dict)
    wedge: dict[int, tuple[int, int]] = field(default_factory=dict)
    whole: bool = True

    def preorder(self) -> Iterator[int]:
        """Every node, each before those below it, from top to bottom."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(self.children.get(node, ())))


def branches(discovery: Discovery, *, most_rows: int = MOST_ROWS) -> Branches:
    """What to draw of a discovery.

    Args:
        discovery: of K classes.
        most_rows: above so many classes, only the groups that were kept are drawn, those far below closed.
    """
    k = len(discovery.distances)
    if k > most_rows:
        return _groups_alone(discovery, most_rows)
    if discovery.dendrogram is None:
        hierarchy = discovery.hierarchy
        return Branches(
            root=hierarchy.root,
            children={node: _ordered(discovery, hierarchy.children(node)) for node in hierarchy.groups},
            height=dict(enumerate(hierarchy.height_N.tolist())),
            group={node: node for node in hierarchy.groups if node != hierarchy.root},
        )
    return _whole(discovery, discovery.dendrogram)


def _whole(discovery: Discovery, dendrogram: Dendrogram) -> Branches:
    k, hierarchy, cut = len(dendrogram), discovery.hierarchy, local_cut_of(discovery)
    children = dict(enumerate(_larger_first(dendrogram), start=k))
    drawn = Branches(
        root=dendrogram.root, children=children, height=dict(enumerate(dendrogram.height_N.tolist())), group={}
    )
    row_K: dict[int, int] = {}
    first: dict[int, int] = {}
    for node in drawn.preorder():
        first[node] = len(row_K)
        if node < k:
            row_K[node] = len(row_K)
    node_at = {(first[node], int(dendrogram.size_N[node])): node for node in children}

    def find(members: tuple[int, ...]) -> int | None:
        """The node with exactly these members, which stand in adjacent rows then."""
        rows = [row_K[leaf] for leaf in members]
        return node_at.get((min(rows), len(rows))) if max(rows) - min(rows) + 1 == len(rows) else None

    group = {find(hierarchy.members[node - k]): node for node in hierarchy.groups if node != hierarchy.root}
    place = {name: leaf for leaf, name in enumerate(hierarchy.classes)}
    dropped = {find(tuple(place[name] for name in clade.members)): at for at, clade in enumerate(discovery.dropped)}
    return Branches(
        root=dendrogram.root,
        children=children,
        height=drawn.height,
        group={node: at for node, at in group.items() if node is not None},
        dropped={node: at for node, at in dropped.items() if node is not None},
        bar=bars(dendrogram, cut.ratio) if cut is not None else {},
    )


def _larger_first(dendrogram: Dendrogram) -> list[tuple[int, ...]]:
    """The two nodes below each merge: the larger one first, of equals the one with the earliest class."""
    earliest, size_N = list(range(len(dendrogram))), dendrogram.size_N.tolist()
    pairs: list[tuple[int, ...]] = []
    for pair in dendrogram.child_M2.tolist():
        pairs.append(tuple(sorted(pair, key=lambda node: (-size_N[node], earliest[node]))))
        earliest.append(min(earliest[node] for node in pair))
    return pairs


def _ordered(discovery: Discovery, nodes: tuple[int, ...]) -> tuple[int, ...]:
    """Groups before classes, the larger ones first."""
    hierarchy, k = discovery.hierarchy, len(discovery.distances)
    return tuple(sorted(nodes, key=lambda node: (-len(hierarchy.members[node - k]) if node >= k else 0, node)))


def _groups_alone(discovery: Discovery, most_rows: int) -> Branches:
    """The groups from the top down as long as there is room; classes of one group share a row, a wedge."""
    hierarchy, k = discovery.hierarchy, len(discovery.distances)
    height = {node: float(hierarchy.height_N[node]) for node in hierarchy.groups}
    children: dict[int, tuple[int, ...]] = {}
    wedge: dict[int, tuple[int, int]] = {}
    waiting, rows = deque([hierarchy.root]), 1
    while waiting:
        node = waiting.popleft()
        below = hierarchy.children(node)
        groups = _ordered(discovery, tuple(child for child in below if child >= k))
        alone = len(below) - len(groups)
        ends = len(groups) + (alone > 0)
        if rows - 1 + ends > most_rows and node != hierarchy.root:
            wedge[node] = (len(hierarchy.members[node - k]), _groups_below(discovery, node))
            continue
        if not groups:
            wedge[node] = (alone, 0)
            continue
        rows += ends - 1
        rest = -1 - node  # a node of its own for the classes that are in none of the groups
        children[node] = (*groups, rest) if alone else groups
        if alone:
            wedge[rest], height[rest] = (alone, 0), height[node]
        waiting.extend(groups)
    return Branches(
        root=hierarchy.root,
        children=children,
        height=height,
        group={node: node for node in hierarchy.groups if node != hierarchy.root},
        wedge=wedge,
        whole=False,
    )


def _groups_below(discovery: Discovery, node: int) -> int:
    hierarchy, k = discovery.hierarchy, len(discovery.distances)
    count, waiting = 0, [node]
    while waiting:
        groups = [child for child in hierarchy.children(waiting.pop()) if child >= k]
        count += len(groups)
        waiting.extend(groups)
    return count
