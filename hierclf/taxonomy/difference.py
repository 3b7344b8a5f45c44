"""What changed from one taxonomy to another, told in as few facts as possible.

Nodes are compared by name, meta-classes beyond that by the classes below them (`correspondence`), so that two groups
that became one read as a join instead of as two nodes that went, one that came, and a move for each class. A node
*moved* when its parents changed and no other fact says so.

>>> before = Taxonomy.from_edges({"r": ["pets", "farm", "lynx"], "pets": ["cat", "dog"], "farm": ["cow", "hog", "hen"]})
>>> after = Taxonomy.from_edges({"r": ["tame", "lynx"], "tame": ["cat", "dog", "cow", "hog"], "lynx": ["hen"]})
>>> print(difference(before, after))
& farm + pets joined into tame
> hen moved from farm to lynx
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from hierclf.taxonomy.correspondence import NOWHERE, Correspondence, correspond, up_to_known
from hierclf.taxonomy.names import quoted
from hierclf.taxonomy.taxonomy import Taxonomy

TABLES = (
    *("root", "name", "labels", "level_weights", "class_weights"),
    *("other", "keep", "promise", "confidence", "other_accepted", "node_gates", "correct", "false_discovery"),
)
LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Nodes that came, went, moved or became others, and side tables that changed; false when nothing did.

    Args:
        added: nodes of the second taxonomy alone, but for new names of old nodes; those that others below tell of too.
        removed: nodes of the first taxonomy alone, in the same way.
        renamed: pairs ``(before, after)``: a node that went, and one that came with mostly the same classes below.
        moved: triples ``(node, parents before, parents after)``, the node by its name after.
        changed: triples ``(table, before, after)`` for everything beside nodes and edges.
        joined: pairs ``(nodes before, node after)``: what was below each is mostly below the one.
        split: pairs ``(node before, nodes after)``: the opposite.
        dissolved: triples ``(node, its children, node after)``: most of what was below it hangs on one of its
            ancestors; an empty name where its children merely lost a second parent.
        grouped: triples ``(node, its children, node before)``: the opposite, a new node around what one node held; an
            empty name where its children keep all the parents that they had.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    changed: tuple[tuple[str, Any, Any], ...]
    joined: tuple[tuple[tuple[str, ...], str], ...] = ()
    split: tuple[tuple[str, tuple[str, ...]], ...] = ()
    dissolved: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    grouped: tuple[tuple[str, tuple[str, ...], str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.renamed or self.moved or self.changed)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return asdict(self)

    def _lines(self) -> Iterator[str]:
        told = {node for nodes, node in self.joined for node in (*nodes, node)}
        told |= {node for node, nodes in self.split for node in (*nodes, node)}
        told |= {node for node, *_ in (*self.dissolved, *self.grouped)}
        yield from (f"+ {node}" for node in self.added if node not in told)
        yield from (f"- {node}" for node in self.removed if node not in told)
        yield from (f"~ {before} is now called {after}" for before, after in self.renamed)
        yield from (f"& {_listed(nodes)} joined into {node}" for nodes, node in self.joined)
        yield from (f"/ {node} split into {_listed(nodes)}" for node, nodes in self.split)
        yield from (f"< {node} dissolved{f' into {home}' if home else ''}" for node, _, home in self.dissolved)
        yield from (f"* {node} groups {_listed(nodes)}" for node, nodes, _ in self.grouped)
        for node, old, new in self.moved:
            yield f"> {node} moved from {', '.join(old) or 'the top'} to {', '.join(new) or 'the top'}"
        for table, before, after in self.changed:
            if table != "root" or (before, after) not in self.renamed:
                yield f"! {table}: {before!r} became {after!r}"


def difference(before: Taxonomy, after: Taxonomy) -> Difference:
    """Compare two taxonomies; the order of children does not count.

    >>> print(difference(Taxonomy.from_edges({"r": "ab", "a": "x"}), Taxonomy.from_edges({"r": "ab", "b": "xy"})))
    + y
    > x moved from a to b
    """
    found = correspond(before, after)
    renamed = {old: new for old, new in found.same.items() if old != new}
    known = set(found.same.values())
    tables = ((table, getattr(before, table), getattr(after, table)) for table in TABLES)
    return Difference(
        added=tuple(sorted(node for node in after.nodes if node not in known)),
        removed=tuple(sorted(node for node in before.nodes if node not in found.same)),
        renamed=tuple(renamed.items()),
        moved=_moved(before, after, found),
        changed=tuple((table, old, new) for table, old, new in tables if old != new),
        joined=tuple((nodes, node) for node, nodes in found.joined.items()),
        split=tuple(found.split.items()),
        dissolved=tuple((node, _children(before, node), home) for node, home in found.dissolved.items()),
        grouped=tuple((node, _children(after, node), origin) for node, origin in found.grouped.items()),
    )


def _moved(
    before: Taxonomy, after: Taxonomy, found: Correspondence
) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
    """Nodes whose parents changed in a way that no other fact tells."""
    known = set(found.same.values())
    follows = _follows(found)

    def told(old: str, new: str, node: str) -> bool:
        """Whether the facts lead a node, by its name before, from one parent to another."""
        if new in follows[old] or found.same.get(old) == new:
            return True
        above_old, above_new = up_to_known(before, old, found.same), up_to_known(after, new, known)
        if found.grouped.get(new) in above_old:
            return True
        absorbed = found.same.get(node) in follows[old]  # the parent became a part of its child
        emerged = new in follows[node] or found.grouped.get(new) == node
        return (absorbed or emerged) and any(found.same.get(above) in above_new for above in above_old)

    moved = []
    for node, called in found.same.items():
        old, new = before.parents(node), after.parents(called)
        homes, heirs = set(new), {found.same[parent] for parent in old if parent in found.same}
        lost = [p for p in old if found.same.get(p) not in homes and (p in found.same or follows[p] - {NOWHERE})]
        gained = [p for p in new if p not in heirs and found.grouped.get(p) != NOWHERE]
        if node == before.root:
            gained = [parent for parent in gained if parent in known]  # a new root above the old one is told as such
        if called == after.root:
            lost = [parent for parent in lost if parent in found.same]
        if not all(any(told(one, other, node) for other in new) for one in lost) or not all(
            any(told(one, other, node) for one in old) for other in gained
        ):
            moved.append((called, old, new))
    for node, old in _places(before, found).items():
        new = after.parents(node)
        if node not in known and not all(any(told(one, other, "") for one in old) for other in new):
            moved.append((node, old, new))
    return tuple(sorted(moved))


def _places(before: Taxonomy, found: Correspondence) -> dict[str, tuple[str, ...]]:
    """Nodes after that others became, with the nodes before under which one would look for them."""
    places: dict[str, tuple[str, ...]] = {
        node: (origin,) for node, origin in found.grouped.items() if origin != NOWHERE
    }
    places |= {part: before.parents(node) for node, parts in found.split.items() for part in parts}
    for node, guests in found.joined.items():
        parents = (parent for guest in guests for parent in before.parents(guest))
        places[node] = tuple(dict.fromkeys(parent for parent in parents if parent not in guests))
    return places


def _follows(found: Correspondence) -> defaultdict[str, set[str]]:
    """Nodes before, with the nodes after that the facts say each became a part of."""
    follows: defaultdict[str, set[str]] = defaultdict(set)
    for node, guests in found.joined.items():
        for guest in guests:
            follows[guest].add(node)
    for node, parts in found.split.items():
        follows[node].update(parts)
    for node, home in found.dissolved.items():
        follows[node].add(home)
    return follows


def _children(taxonomy: Taxonomy, node: str) -> tuple[str, ...]:
    return tuple(sorted(taxonomy.children(node)))


def _listed(nodes: Collection[str]) -> str:
    """Names for a line: all of a few, the first of many; in quotes where a plus sign is part of a name.

    >>> _listed(["cat", "dog"]), _listed(["cat + 2", "dog"]), _listed("abcdefgh")
    ('cat + dog', '"cat + 2" + dog', 'a + b + c + d + 4 more')
    """
    shown = [quoted(node) if " + " in node else node for node in nodes]
    if len(shown) > LISTED:
        shown[LISTED - 1 :] = [f"{len(shown) - LISTED + 1:,} more"]
    return " + ".join(shown)
