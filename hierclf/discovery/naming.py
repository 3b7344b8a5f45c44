"""Names for groups of classes that nobody has named.

A person is going to read and edit them, so a name says what is in the group:

1. the phrase that all members share (``oak_tree`` and ``pine_tree`` are a ``tree``), or at least two thirds of them,
   three or more, if fewer classes outside hold it;
2. the members themselves, for two or three with short names: ``4-7-9``;
3. the most typical member, and how many there are besides: ``bicycle + 6``.

A name depends on the members alone (and, for the third, on which of them is typical) as far as it can. Names differ, so
where groups claim the same phrase it goes to the one that holds all the others, a *tree* with kinds of trees in it, and
to none when there is no such group. A last resort is a short hash of the members, ``tree-3fa2``: a number that counts
would change with every other group.

When a taxonomy is found again, on more images or other embeddings, `keep_names` takes over the names that a person gave
before, so that what changed is all that a comparison shows.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from hierclf.discovery.words import Phrase, phrases, shared_phrase
from hierclf.errors import ConfigError
from hierclf.taxonomy import Taxonomy
from hierclf.taxonomy.names import LONGEST_NAME, complaint_about
from hierclf.taxonomy.overlap import match_by_overlap

MOST = 2 / 3
"""Share of the members that hold a phrase which not all of them hold."""
LEAST_HELD = 3
"""Members that hold it then, at least."""
LISTED = 3
"""Members that may be listed."""
LONGEST_LIST = 20
"""Characters of such a list."""
HASHED = (4, 8, 16)
"""Characters of a hash; more if fewer do not tell it from another."""

_SHORT_WORD = re.compile(r"\w+")
_COUNTED = re.compile(r"(.+) \+ ([0-9]+)", re.DOTALL)


def name_clades(
    members: Sequence[tuple[str, ...]], medoid: Sequence[str], *, taken: Collection[str] = ()
) -> tuple[str, ...]:
    """A name for each group of classes.

    Args:
        members: names of the classes in each group; groups may lie in each other.
        medoid: the most typical member of each.
        taken: names that are used already: those of all classes, and the root's.

    Returns:
        One name for each group, in their order; different from each other and from those taken, also where capitals do
        not count (file names).

    Raises:
        ConfigError: not as many typical members as groups, an empty group, or a typical member that is none.

    >>> trees, fruit = ("oak_tree", "pine_tree"), ("apple", "pear")
    >>> name_clades([trees, fruit, ("bus", "mouse", *fruit)], ["oak_tree", "pear", "bus"], taken=(*trees, *fruit))
    ('tree', 'apple-pear', 'bus + 3')
    """
    _check(members, medoid)
    sets = [frozenset(group) for group in members]
    everywhere = Counter(phrase for name in frozenset(taken).union(*sets) for phrase in phrases(name))
    claims = [_claim(group, everywhere) for group in sets]
    owners = _owners(sets, claims)
    names = [""] * len(sets)
    used = {name.casefold() for name in taken}
    for place in sorted(range(len(sets)), key=lambda place: (-len(sets[place]), sorted(sets[place]), medoid[place])):
        claim, group, typical = claims[place], sets[place], medoid[place]
        word = claim.spelling if claim is not None else typical
        owned = [word] if place in owners else []
        options = chain(owned, _described(group, typical), _hashed("group" if complaint_about(word) else word, group))
        names[place] = next(name for name in options if name.casefold() not in used and not complaint_about(name))
        used.add(names[place].casefold())
    return tuple(names)


def keep_names(found: Taxonomy, before: Taxonomy) -> Taxonomy:
    """A taxonomy that was found, with the names of an earlier one of the same classes; see `earlier_names`.

    >>> found = Taxonomy.from_edges({"root": ["4-7", "0-6"], "4-7": "47", "0-6": "06"})
    >>> keep_names(found, Taxonomy.from_edges({"root": ["round", "1"], "round": "068"})).internal_nodes
    ('root', '4-7', 'round')
    """
    names = earlier_names(found, before)

    def called(node: str) -> str:
        return names.get(node, node)

    return replace(
        found,
        root=called(found.root),
        edges=tuple((called(parent), called(child)) for parent, child in found.edges),
        labels=tuple((word, called(node)) for word, node in found.labels),
        class_weights=tuple((called(node), weight) for node, weight in found.class_weights),
    )


def earlier_names(found: Taxonomy, before: Taxonomy) -> dict[str, str]:
    """New names for the groups of a taxonomy, from an earlier one of the same classes.

    A group takes the name of the earlier group with the same classes, or else of the one whose classes, among those
    that both taxonomies know, overlap most, by one half at least. A name that only lists or counts its classes
    (``bicycle + 6``) is not kept for others. The roots are not looked at.

    Args:
        found: the taxonomy to rename.
        before: the earlier one, edited or not.

    Returns:
        Names of groups in `found` with their new names, for those that change. A group that has to give its name away
        gets a hash behind it.
    """
    news, olds = _groups(found), _groups(before)
    same = match_by_overlap(olds, news, least=1.0)
    shared = set(found.leaves) & set(before.leaves)
    telling = {
        node: leaves & shared for node, leaves in olds.items() if node not in same and not _only_describes(node, leaves)
    }
    held = set(same.values())
    same |= match_by_overlap(telling, {node: leaves & shared for node, leaves in news.items() if node not in held})

    reserved = {found.root, *found.leaves}
    names = {new: old for old, new in same.items() if old not in reserved}
    used = {name.casefold() for name in (*names.values(), *reserved)}
    for node in sorted(news.keys() - names.keys()):
        if node.casefold() in used:
            names[node] = next(name for name in _hashed(node, news[node]) if name.casefold() not in used)
        used.add(names.get(node, node).casefold())
    return {node: name for node, name in sorted(names.items()) if node != name}


def _check(members: Sequence[tuple[str, ...]], medoid: Sequence[str]) -> None:
    if len(members) != len(medoid):
        raise ConfigError(f"expected the typical member of each of {len(members):,} groups, got {len(medoid):,}")
    for group, typical in zip(members, medoid, strict=True):
        if not group:
            raise ConfigError("a group without classes has no name; leave it out")
        if typical not in group:
            raise ConfigError(f"the typical member {typical!r} is not in its group: {', '.join(sorted(group)[:5])}")


@dataclass(frozen=True, kw_only=True)
class _Claim:
    """The phrase that a group would be called by, its words, and whether all members hold it."""

    spelling: str
    phrase: Phrase
    complete: bool


def _claim(group: frozenset[str], everywhere: Mapping[Phrase, int]) -> _Claim | None:
    """What all members share, or clearly most of them and fewer classes outside."""
    found = shared_phrase(group, MOST) if len(group) > 1 else None
    if found is None:
        return None
    spelling, phrase, held = found
    complete = held == len(group)
    if not complete and (held < LEAST_HELD or everywhere[phrase] - held >= held):
        return None
    return _Claim(spelling=spelling, phrase=phrase, complete=complete)


def _owners(sets: Sequence[frozenset[str]], claims: Sequence[_Claim | None]) -> set[int]:
    """The places of the groups that hold all others of the same claim; only complete ones count where that helps."""
    claimants: defaultdict[Phrase, list[int]] = defaultdict(list)
    for place, claim in enumerate(claims):
        if claim is not None:
            claimants[claim.phrase].append(place)
    owners = set()
    for places in claimants.values():
        complete = [place for place in places if (claim := claims[place]) is not None and claim.complete]
        for rivals in (places, complete):
            largest = max(rivals, key=lambda place: len(sets[place]), default=None)
            if largest is not None and all(sets[place] <= sets[largest] for place in rivals):
                owners.add(largest)
                break
    return owners


def _described(group: frozenset[str], typical: str) -> Iterator[str]:
    """The members, if they are few and short; the typical one, and how many there are besides."""
    if (listed := _listed(group)) is not None:
        yield listed
    if len(group) > 1:
        yield f"{typical} + {len(group) - 1}"


def _listed(group: frozenset[str]) -> str | None:
    listed = "-".join(sorted(group, key=_numbers_by_value))
    short = 2 <= len(group) <= LISTED and len(listed) <= LONGEST_LIST and all(map(_SHORT_WORD.fullmatch, group))
    return listed if short else None


def _numbers_by_value(name: str) -> list[tuple[int, str]]:
    return [(int(piece) if piece.isdecimal() else -1, piece) for piece in re.split(r"([0-9]+)", name)]


def _hashed(word: str, group: frozenset[str]) -> Iterator[str]:
    """The word with ever longer hashes of the members, without end."""
    for turn in count():
        digest = _digest(group, turn)
        for length in HASHED:
            yield f"{word[: LONGEST_NAME - length - 1]}-{digest[:length]}"


def _digest(group: frozenset[str], turn: int = 0) -> str:
    return hashlib.sha256("\n".join([*sorted(group), *[""] * turn]).encode()).hexdigest()


def _only_describes(name: str, group: frozenset[str]) -> bool:
    """Whether a name lists, counts or hashes the members of a group, and would be wrong for others."""
    if (counted := _COUNTED.fullmatch(name)) is not None:
        return counted[1] in group and int(counted[2]) == len(group) - 1
    return name == _listed(group) or any(name.endswith(f"-{_digest(group)[:length]}") for length in HASHED)


def _groups(taxonomy: Taxonomy) -> dict[str, frozenset[str]]:
    """The leaves below each internal node but the root."""
    leaves: defaultdict[str, set[str]] = defaultdict(set)
    for leaf in taxonomy.leaves:
        for node in taxonomy.ancestors(leaf):
            if node != taxonomy.root:
                leaves[node].add(leaf)
    return {node: frozenset(below) for node, below in leaves.items()}
