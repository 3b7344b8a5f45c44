"""Where to look first: what in a discovered taxonomy is least sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierclf.report.numbers import percent, plural
from hierclf.report.review.groups import Group, Member

if TYPE_CHECKING:
    from hierclf.discovery import Discovery

SURE = 0.9
"""Groups with less support are worth a look."""
WEAKEST, STRAYS, NEAR_MISSES, BROADEST = 5, 8, 3, 3
"""How many of each kind are named."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Something to look at.

    Args:
        kind: in a word or two.
        name: of what it is about.
        words: why, as a sentence that goes on from the name.
        target: where the page says more.
    """

    kind: str
    name: str
    words: str
    target: str


def doubts(discovery: Discovery, groups: Mapping[int, Group]) -> tuple[Doubt, ...]:
    """What is worth a look: weak groups, classes nearer to others, near misses, and what was left very broad.

    Args:
        discovery: the taxonomy that was found.
        groups: its groups, by node.
    """
    return (
        *_weak(groups),
        *_strays(groups),
        *_near_misses(discovery),
        *_broad(discovery, groups),
    )


def listed(names: tuple[str, ...], most: int) -> str:
    """Some names in a row, and how many there are besides.

    >>> listed(("a", "b", "c"), 2), listed(("a", "b", "c"), 3)
    ('a, b and 1 more', 'a, b, c')
    """
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def _weak(groups: Mapping[int, Group]) -> Iterator[Doubt]:
    pairs = [(group.support, group) for group in groups.values() if group.support is not None]
    weak = sorted((pair for pair in pairs if pair[0] < SURE), key=lambda pair: pair[0])
    for support, group in weak[:WEAKEST]:
        words = f"stands together in {percent(support, digits=0)} of the draws only"
        yield Doubt(kind="unsure group", name=group.name, words=words, target=group.anchor)


def _strays(groups: Mapping[int, Group]) -> Iterator[Doubt]:
    def pull(pair: tuple[Group, Member]) -> float:
        member = pair[1]
        return (member.far or 0.0) / (member.own or 1.0)

    found = [(group, member) for group in groups.values() for member in group.classes if member.strays]
    for group, member in sorted(found, key=pull)[:STRAYS]:
        assert member.other is not None
        words = (
            f"is nearer to {groups[member.other].name} ({member.far:.3g})"
            f" than to its own group, {group.name} ({member.own:.3g})"
        )
        yield Doubt(kind="odd one out", name=member.name, words=words, target=group.anchor)


def _near_misses(discovery: Discovery) -> Iterator[Doubt]:
    bar = discovery.settings["support"]
    missed = sorted((clade for clade in discovery.dropped if clade.support >= 0.75 * bar), key=lambda c: -c.support)
    for clade in missed[:NEAR_MISSES]:
        share, asked = percent(clade.support, digits=0), percent(bar, digits=0)
        words = f"stand together in {share} of the draws, and {asked} were asked for"
        yield Doubt(kind="almost a group", name=listed(clade.members, 6), words=words, target="dropped")


def _broad(discovery: Discovery, groups: Mapping[int, Group]) -> Iterator[Doubt]:
    largest = discovery.settings["largest"]
    if largest is None:
        return
    children = {node: len(discovery.hierarchy.children(node)) for node in groups}
    broad = sorted((node for node in groups if children[node] > largest), key=lambda node: -children[node])
    for node in broad[:BROADEST]:
        words = f"has {plural(children[node], 'child', 'children')} right below it; no sure division was found"
        yield Doubt(kind="broad", name=groups[node].name, words=words, target=groups[node].anchor)
