"""The page on which a person looks at a discovered taxonomy before it is used.

A taxonomy that an algorithm found is a proposal. Whether its groups make sense is for a person to say, and this page
shows what that takes: how sure each group is, what it holds (with pictures), what lies next to it, what was given up
and where the dendrogram was cut; then the file itself, and the command lines to accept it, to compare an edited copy
and to find fewer or more groups.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hierclf.report.page import write_page
from hierclf.report.review.branches import branches
from hierclf.report.review.commands import next_steps
from hierclf.report.review.contents import Line, contents
from hierclf.report.review.dendrogram import Drawing, draw
from hierclf.report.review.doubts import Doubt, doubts, listed
from hierclf.report.review.groups import Group, found_groups
from hierclf.report.review.samples import Samples, samples
from hierclf.report.review.summary import cards, lead, settings_told
from hierclf.report.sections import Card

if TYPE_CHECKING:
    from PIL import Image

    from hierclf.discovery import Discovery

MOST_DROPPED = 100
"""Groups given up that are listed; the rest are counted."""
MOST_INNER = 24
"""Groups within a group that are shown with it; the rest are counted."""
FACES = 4
"""Classes that stand for each of them."""


class Agreement(Protocol):
    """What the page needs of a comparison with a reference."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know."""
        ...

    def rows(self) -> Sequence[tuple[str, str, str]]:
        """Lines of the table: a score's title, its value, and what it says."""
        ...


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """A group that was merged into the one around it for want of support."""

    members: str
    size: int
    support: float
    into: Group


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A group within another at a glance; pictures are pairs of a class and a data URI."""

    group: Group
    words: str
    pictures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Review:
    """All that the page shows, ready to print."""

    lead: tuple[str, ...]
    cards: tuple[Card, ...]
    doubts: tuple[Doubt, ...]
    drawing: Drawing | None
    lines: tuple[Line, ...]
    groups: Mapping[int, Group]
    root: Group
    detailed: tuple[Group, ...]
    chains: Mapping[int, tuple[Group, ...]]
    inner: Mapping[int, tuple[Inner, ...]]
    samples: Mapping[str, Samples]
    pictured: bool
    supported: bool
    draws: int
    dropped: tuple[GivenUp, ...]
    more_dropped: int
    second: tuple[tuple[str, str, float], ...]
    agreement: Sequence[tuple[str, str, str]]
    agreement_notes: tuple[str, ...]
    notes: tuple[str, ...]
    yaml: str
    steps: tuple[tuple[str, str], ...]
    made: tuple[tuple[str, str], ...]


def write_review(
    discovery: Discovery,
    path: str | os.PathLike[str],
    *,
    title: str,
    images: Callable[[str, int], Sequence[Image.Image]] | None = None,
    commands: Mapping[str, str] | None = None,
    agreement: Agreement | None = None,
    made: Mapping[str, str] | None = None,
) -> None:
    """Write one self-contained page about a discovered taxonomy; it works offline and without scripts.

    Args:
        discovery: the taxonomy and how it was found.
        path: the file to write; an older one is replaced as a whole or not at all.
        title: the headline.
        images: gives up to so many sample pictures of a class, called as ``images(class_name, how_many)``; None shows
            none. Where it raises an error of hierclf or of reading files, the page says so beside the class.
        commands: command lines to copy, by what each is good for; None takes `next_steps`.
        agreement: how well it agrees with a reference, see `hierclf.discovery.agreement.compare`.
        made: further facts of how it was made, text by label: what the distances come from, command, versions.

    Raises:
        OSError: the file cannot be written.
    """
    shown = review(discovery, images=images, commands=commands, agreement=agreement, made=made)
    write_page(path, "review.html.jinja", title=title, shown=shown)


def review(
    discovery: Discovery,
    *,
    images: Callable[[str, int], Sequence[Image.Image]] | None = None,
    commands: Mapping[str, str] | None = None,
    agreement: Agreement | None = None,
    made: Mapping[str, str] | None = None,
) -> Review:
    """Everything on the page; arguments as for `write_review`."""
    groups = found_groups(discovery)
    root = groups[discovery.hierarchy.root]
    detailed = tuple(group for group in groups.values() if group.detailed)
    pictures = samples(images, _pictured(detailed, root))
    dropped = sorted(discovery.dropped, key=lambda clade: (-clade.support, clade.members))
    return Review(
        lead=lead(discovery),
        cards=cards(discovery),
        doubts=doubts(discovery, groups),
        drawing=draw(branches(discovery), groups, discovery.distances.classes, discovery.dropped)
        if len(discovery.distances) > 1
        else None,
        lines=tuple(contents(discovery.taxonomy, groups)),
        groups=groups,
        root=root,
        detailed=detailed,
        chains={group.node: _chain(groups, group) for group in detailed},
        inner={
            group.node: tuple(_inner(discovery, groups[node], pictures) for node in group.groups[:MOST_INNER])
            for group in detailed
        },
        samples=pictures,
        pictured=images is not None,
        supported=bool(discovery.support) or bool(discovery.dropped),
        draws=discovery.settings["bootstraps"],
        dropped=tuple(
            GivenUp(
                members=listed(clade.members, 40),
                size=len(clade.members),
                support=clade.support,
                into=_around(discovery, groups, clade.members),
            )
            for clade in dropped[:MOST_DROPPED]
        ),
        more_dropped=max(len(dropped) - MOST_DROPPED, 0),
        second=discovery.second,
        agreement=tuple(agreement.rows()) if agreement is not None else (),
        agreement_notes=tuple(agreement.notes) if agreement is not None else (),
        notes=discovery.notes,
        yaml=discovery.format(),
        steps=tuple((next_steps(discovery) if commands is None else commands).items()),
        made=(*settings_told(discovery), *(made or {}).items()),
    )


def _chain(groups: Mapping[int, Group], group: Group) -> tuple[Group, ...]:
    """The groups around one, the outermost first, the root left out."""
    chain: list[Group] = []
    above = group.above
    while groups[above].number:
        chain.append(groups[above])
        above = groups[above].above
    return tuple(reversed(chain))


def _pictured(detailed: Sequence[Group], root: Group) -> list[str]:
    """Classes to show pictures of, those of every group in turn: where there is no room for all, each gets some."""
    rows = [[member.name for member in group.classes] for group in (*detailed, root)]
    longest = max(map(len, rows))
    typical = [group.medoid for group in detailed]
    return list(dict.fromkeys([*typical, *(row[at] for at in range(longest) for row in rows if at < len(row))]))


def _inner(discovery: Discovery, group: Group, pictures: Mapping[str, Samples]) -> Inner:
    hierarchy = discovery.hierarchy
    names = [hierarchy.classes[leaf] for leaf in hierarchy.members[group.node - len(hierarchy.classes)]]
    names.sort(key=lambda name: name != group.medoid)
    seen = [(name, pictures[name].sources[0]) for name in names if name in pictures and pictures[name].sources]
    return Inner(group=group, words=listed(tuple(names), FACES), pictures=tuple(seen[:FACES]))


def _around(discovery: Discovery, groups: Mapping[int, Group], members: Sequence[str]) -> Group:
    """The lowest group that holds all of some classes."""
    hierarchy = discovery.hierarchy
    wanted = {hierarchy.classes.index(name) for name in members}
    node = int(hierarchy.parent_N[min(wanted)])
    while not wanted <= set(hierarchy.members[node - len(hierarchy.classes)]):
        node = int(hierarchy.parent_N[node])
    return groups[node]
