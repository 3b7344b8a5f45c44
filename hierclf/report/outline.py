"""A taxonomy unfolded for drawing: every node once under each of its parents, cut where it would grow too large.

A DAG unfolds into a tree that can be exponentially larger, and a taxonomy may have 100,000 nodes or be one chain of
them. So the unfolding goes level by level until a limit; a node shows all of its children or none (the root
alone may show a part), and every entry knows how many are not shown. Nothing here is recursive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from hierclf.taxonomy import Taxonomy


@dataclass
class Entry:
    """One place where a node is drawn.

    Attributes:
        node: the node's name.
        depth: steps from the root along the way drawn.
        shared: whether the node stands under other parents too.
        below: the entries of its children that are drawn.
        hidden: how many of its children are not.
    """

    node: str
    depth: int
    shared: bool
    below: list[Entry] = field(default_factory=list)
    hidden: int = 0


def unfold(taxonomy: Taxonomy, *, limit: int, deepest: int) -> Entry:
    """The entry of the root, with at most ``limit`` entries in all and none deeper than ``deepest``.

    >>> top = unfold(Taxonomy(root="r", edges=(("r", "a"), ("r", "b"), ("a", "c"), ("b", "c"))), limit=9, deepest=5)
    >>> [(entry.node, entry.depth, entry.shared) for entry in preorder(top)]
    [('r', 0, False), ('a', 1, False), ('c', 2, True), ('b', 1, False), ('c', 2, True)]
    """
    root = Entry(taxonomy.root, 0, False)
    waiting = deque([root])
    room = limit - 1
    while waiting:
        entry = waiting.popleft()
        children = taxonomy.children(entry.node)
        fits = entry.depth < deepest and (len(children) <= room or entry is root)
        shown = children[:room] if fits else ()
        entry.below = [Entry(child, entry.depth + 1, len(taxonomy.parents(child)) > 1) for child in shown]
        entry.hidden = len(children) - len(shown)
        room -= len(shown)
        waiting.extend(entry.below)
    return root


def preorder(root: Entry) -> Iterator[Entry]:
    """Every entry, each before those below it."""
    waiting = [root]
    while waiting:
        entry = waiting.pop()
        yield entry
        waiting.extend(reversed(entry.below))


@dataclass(frozen=True)
class Event:
    """A step of a walk around an outline: a node opens, stands alone, or closes.

    A template turns these into nested elements without calling itself.
    """

    kind: str  # "open" | "alone" | "close"
    entry: Entry


def walk(root: Entry) -> Iterator[Event]:
    """Open each entry that has something below it, walk what is below, and close it.

    >>> [event.kind for event in walk(Entry("a", 0, False, below=[Entry("b", 1, False)]))]
    ['open', 'alone', 'close']
    """
    waiting = [Event("open", root)]
    while waiting:
        event = waiting.pop()
        entry = event.entry
        if event.kind == "open" and not entry.below and not entry.hidden:
            event = Event("alone", entry)
        yield event
        if event.kind == "open":
            waiting.append(Event("close", entry))
            waiting.extend(Event("open", below) for below in reversed(entry.below))


@dataclass(frozen=True, kw_only=True)
class Block:
    """A node's rectangle in the icicle: a column per level, as many rows high as it has ends below it."""

    entry: Entry
    column: int
    row: int
    rows: int


def icicle(root: Entry) -> tuple[Block, ...]:
    """Rectangles for an outline, each child right of its parent and within its height.

    >>> top = Entry("r", 0, False, below=[Entry("a", 1, False), Entry("b", 1, False)])
    >>> [(block.entry.node, block.column, block.row, block.rows) for block in icicle(top)]
    [('r', 0, 0, 2), ('a', 1, 0, 1), ('b', 1, 1, 1)]
    """
    entries = list(preorder(root))
    height: dict[int, int] = {}
    for entry in reversed(entries):  # children before parents
        height[id(entry)] = max(1, sum(height[id(below)] for below in entry.below))
    start = {id(root): 0}
    for entry in entries:
        row = start[id(entry)]
        for below in entry.below:
            start[id(below)] = row
            row += height[id(below)]
    return tuple(
        Block(entry=entry, column=entry.depth, row=start[id(entry)], rows=height[id(entry)]) for entry in entries
    )
