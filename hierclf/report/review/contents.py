"""The found taxonomy as an outline: a line for each group, with its support, and its classes in a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hierclf.report.outline import unfold, walk
from hierclf.report.review.groups import Group
from hierclf.taxonomy import Taxonomy

MOST_ENTRIES, DEEPEST = 15000, 40
"""The outline holds at most so many nodes, and so many levels."""
ALL_OPEN = 60
"""With at most so many groups, all are unfolded."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A step of the walk around the outline: ``kind`` is ``"open"`` or ``"close"``.

    Args:
        kind: whether a group begins or ends.
        group: which one.
        classes: those right below it, with whether they stand under another group, too.
        hidden: how many nodes right below it are not shown.
        unfolded: whether it is open at first.
    """

    kind: str
    group: Group
    classes: tuple[tuple[str, bool], ...]
    hidden: int
    unfolded: bool


def contents(taxonomy: Taxonomy, groups: Mapping[int, Group]) -> Iterator[Line]:
    """The steps of the walk.

    Args:
        taxonomy: what was found, second parents among it.
        groups: its groups and the root, by node of the hierarchy.
    """
    by_name = {group.name: group for group in groups.values()}
    for event in walk(unfold(taxonomy, limit=MOST_ENTRIES, deepest=DEEPEST)):
        entry = event.entry
        if entry.node not in by_name:
            continue
        kind = "open" if event.kind == "alone" else event.kind
        line = Line(
            kind=kind,
            group=by_name[entry.node],
            classes=tuple((below.node, below.shared) for below in entry.below if below.node not in by_name),
            hidden=entry.hidden,
            unfolded=len(groups) <= ALL_OPEN or entry.depth < 1,
        )
        yield line
        if event.kind == "alone":
            yield Line(kind="close", group=line.group, classes=(), hidden=0, unfolded=False)
