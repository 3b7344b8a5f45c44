"""What became of each node of one taxonomy in another.

Classes are known by their names, and so are meta-classes that kept theirs. A meta-class whose name went is recognised
by the classes below it, in this order:

1. *renamed*: a new name stands above the same children, or the same classes;
2. *joined*: several that went lie, mostly, in one that came, and make up at least half of it; *split* is the opposite;
3. renamed, a few members aside: the best overlap of at least one half (`overlap`), one to one;
4. *dissolved*: most of what was below it hangs on one of its ancestors now; or joined into another node that stayed.

*Grouped* is the opposite of dissolved: a new name around some of what an old node held. Comparing the other way round
tells the same story backwards: joined becomes split, dissolved becomes grouped. "Most" counts classes, and the nearest
node that holds most is meant. Nodes that nothing is known of simply came or went.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hierclf.taxonomy.overlap import LEAST_OVERLAP, match_by_overlap, overlap
from hierclf.taxonomy.taxonomy import Taxonomy

NOWHERE = ""  # the home of nodes that kept all their other parents; no node is called so


@dataclass(frozen=True, kw_only=True)
class Correspondence:
    """What became of the nodes of one taxonomy in another; every mapping is sorted.

    Args:
        same: nodes that are in both, by the name before, with the name after.
        joined: nodes after, with the nodes before that were joined into each.
        split: nodes before, with the nodes after that each was split into.
        dissolved: nodes before, with the node after that has their children now; `NOWHERE` where these kept others.
        grouped: nodes after, with the node before that had their children; `NOWHERE` where these kept all they had.
    """

    same: Mapping[str, str]
    joined: Mapping[str, tuple[str, ...]]
    split: Mapping[str, tuple[str, ...]]
    dissolved: Mapping[str, str]
    grouped: Mapping[str, str]


def correspond(before: Taxonomy, after: Taxonomy) -> Correspondence:
    """Find out what became of each node.

    >>> before, after = Taxonomy.from_edges({"r": "gh", "g": "ab", "h": "cd"}), Taxonomy.from_edges({"r": "abcd"})
    >>> correspond(before, after).dissolved
    {'g': 'r', 'h': 'r'}
    """
    same = _by_name(before, after)
    known = [leaf for one, other in ((before, after), (after, before)) for leaf in one.leaves if leaf in other]
    went, came = _members(before, same.keys(), known), _members(after, set(same.values()), known)
    same |= _by_content(before, after, went, came)
    back = {new: old for old, new in same.items()}
    went, came = _without(went, same), _without(came, back)
    joined, split = _joined(before, after, same, went, came), _joined(after, before, back, came, went)

    renamed = match_by_overlap(_without(went, {*split, *_all(joined)}), _without(came, {*joined, *_all(split)}))
    same |= renamed
    back |= {new: old for old, new in renamed.items()}
    for _ in range(2):  # what was split off at first may be a home for others then
        guests, dissolved = _homes(before, after, same, joined, split)
        parts, grouped = _homes(after, before, back, split, joined)
        joined, split = joined | guests, split | parts
    return Correspondence(
        same=dict(sorted(same.items())),
        joined=dict(sorted(joined.items())),
        split=dict(sorted(split.items())),
        dissolved=dict(sorted(dissolved.items())),
        grouped=dict(sorted(grouped.items())),
    )


def up_to_known(taxonomy: Taxonomy, node: str, known: Collection[str]) -> set[str]:
    """The node itself and, while a node is not known, its parents too, up to the first known one on every way."""
    found = {node}
    waiting = [node]
    while waiting:
        if (lowest := waiting.pop()) not in known:
            further = [parent for parent in taxonomy.parents(lowest) if parent not in found]
            found.update(further)
            waiting += further
    return found


def _by_name(before: Taxonomy, after: Taxonomy) -> dict[str, str]:
    """Nodes that kept their names, the two roots, and nodes that went where another came above the same children."""
    same = {node: node for node in before.nodes if node in after}
    if before.root not in after and after.root not in before:
        same[before.root] = after.root
    taken = set(same.values())
    heirs = {frozenset(after.children(node)): node for node in sorted(after.internal_nodes) if node not in taken}
    for node in sorted(before.internal_nodes):
        if node not in same and (heir := heirs.pop(frozenset(before.children(node)), None)) is not None:
            same[node] = heir
    return same


def _members(taxonomy: Taxonomy, known: Collection[str], leaves: Iterable[str]) -> dict[str, set[str]]:
    """Which of some leaves are below each internal node that is not known; nodes above none are left out."""
    members: dict[str, set[str]] = {node: set() for node in taxonomy.internal_nodes if node not in known}
    for leaf in leaves if members else ():
        for node in taxonomy.ancestors(leaf):
            if node in members:
                members[node].add(leaf)
    return {node: below for node, below in members.items() if below}


def _by_content(
    before: Taxonomy, after: Taxonomy, went: Mapping[str, set[str]], came: Mapping[str, set[str]]
) -> dict[str, str]:
    """Nodes above the same leaves; several in a row are paired from the top."""
    rows: tuple[defaultdict[frozenset[str], list[str]], ...] = (defaultdict(list), defaultdict(list))
    for row, taxonomy, members in zip(rows, (before, after), (went, came), strict=True):
        for node in sorted(members, key=lambda node: (taxonomy.level(node), node)):
            row[frozenset(members[node])].append(node)
    return dict(pair for below, nodes in rows[0].items() for pair in zip(nodes, rows[1].get(below, ()), strict=False))


def _joined(
    one: Taxonomy, other: Taxonomy, same: Mapping[str, str], went: Mapping[str, set[str]], came: Mapping[str, set[str]]
) -> dict[str, tuple[str, ...]]:
    """Nodes that came, each with the nodes that went into it, two or more that make up at least half of it."""
    known = set(same.values())
    guests: defaultdict[str, list[str]] = defaultdict(list)
    for node in went:
        if home := _home(one, other, node, same, known, came):
            guests[home].append(node)
    topmost = {home: _topmost(one, nodes) for home, nodes in guests.items()}
    return {
        home: nodes
        for home, nodes in topmost.items()
        if len(nodes) > 1 and overlap(set().union(*(went[node] for node in nodes)), came[home]) >= LEAST_OVERLAP
    }


def _homes(
    one: Taxonomy,
    other: Taxonomy,
    same: Mapping[str, str],
    joined: Mapping[str, tuple[str, ...]],
    split: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Where the rest that went lives on: joined into nodes beside it, with these, or dissolved into nodes above it."""
    origins: defaultdict[str, set[str]] = defaultdict(set)
    for node, new in same.items():
        origins[new].add(node)
    for target, nodes in joined.items():
        origins[target].update(nodes)
    for node, parts in split.items():
        for part in parts:
            origins[part].add(node)

    told, known = {*same, *split, *_all(joined)}, set(same.values())
    guests: defaultdict[str, list[str]] = defaultdict(list)
    dissolved: dict[str, str] = {}
    for node in one.internal_nodes:
        home = None if node in told else _home(one, other, node, same, known, origins)
        if home is None:
            continue
        if home == NOWHERE or not origins[home].isdisjoint(one.ancestors(node)):
            dissolved[node] = home
        else:
            guests[home].append(node)
    topmost = {home: _topmost(one, nodes) for home, nodes in guests.items()}
    dissolved |= {node: home for home, nodes in guests.items() for node in nodes if node not in topmost[home]}
    return {home: tuple(sorted({*origins[home], *nodes})) for home, nodes in topmost.items()}, dissolved


def _home(
    one: Taxonomy,
    other: Taxonomy,
    node: str,
    same: Mapping[str, str],
    known: Collection[str],
    allowed: Collection[str],
) -> str | None:
    """The nearest allowed node that holds, newly, most of what was below a node that went; None where none does."""
    weights: Counter[str] = Counter()
    total = 0
    for below in _first_known(one, node, same):
        if same[below] == other.root:
            continue
        weight = len(one.leaves_below(below))
        kept = {same.get(parent) for parent in one.parents(below)}
        gained = [parent for parent in other.parents(same[below]) if parent not in kept]
        homes = set().union(*(up_to_known(other, parent, known) for parent in gained)) if gained else {NOWHERE}
        weights.update(dict.fromkeys(homes, weight))
        total += weight
    most = [home for home, weight in weights.items() if 2 * weight > total and (home == NOWHERE or home in allowed)]
    return max(most, key=lambda home: (other.level(home) if home else -1, home), default=None)


def _first_known(taxonomy: Taxonomy, node: str, known: Collection[str]) -> list[str]:
    """The first known nodes on every way down from a node."""
    found = {node}
    waiting = [node]
    while waiting:
        further = [child for child in taxonomy.children(waiting.pop()) if child not in found]
        found.update(further)
        waiting += [child for child in further if child not in known]
    return sorted(below for below in found if below in known and below != node)


def _topmost(taxonomy: Taxonomy, nodes: Collection[str]) -> tuple[str, ...]:
    """Those that are not below another of them, sorted."""
    listed = set(nodes)
    return tuple(sorted(node for node in nodes if listed.isdisjoint(taxonomy.ancestors(node))))


def _without(members: Mapping[str, set[str]], nodes: Collection[str]) -> dict[str, set[str]]:
    return {node: below for node, below in members.items() if node not in nodes}


def _all(listed: Mapping[str, tuple[str, ...]]) -> set[str]:
    return {node for nodes in listed.values() for node in nodes}
