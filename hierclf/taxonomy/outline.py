"""The outline of names: from nested lists and mappings to edges, and everything that can be wrong with them.

A mapping gives each of its keys what stands under it; a sequence lists names, or mappings of names; a single scalar
is an only child; nothing, ``~`` or ``null`` after a key leaves it a leaf. A class that is listed again has a second
parent. Walks use a stack, never recursion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import TypeAlias

from hierclf.taxonomy.events import Collection, Scalar, Value, report
from hierclf.taxonomy.names import all_plain, complaint_about, normalise_name, quoted
from hierclf.taxonomy.source import Source

MOST_LOOPS = 20
MOST_SHOWN = 50  # classes of one loop

Edge: TypeAlias = tuple[str, str]
Below: TypeAlias = list[tuple[str, Value]]  # names with what stands under each


@dataclass(kw_only=True)
class Outline:
    """Edges ``(parent, child)`` with the scalar that names each child.

    Args:
        root: the name that stands above the top-level names.
        edges: the pairs, in the order of the file once `check_edges` has run.
        places: for each edge the scalar that names its child.
        spelling: names outside ASCII, in normal form, with the first spelling of each.
    """

    root: str
    edges: list[Edge] = field(default_factory=list)
    places: list[Scalar] = field(default_factory=list)
    spelling: dict[str, str] = field(default_factory=dict)


def read_outline(source: Source, root: str, tree: Value | None) -> Outline:
    """Gather the edges below the root; faults in the shape and in the names are noted on the way."""
    outline = Outline(root=root)
    if not root.isascii():
        outline.spelling[root] = root
    waiting: Below = [(root, tree)] if tree is not None else []
    while waiting:
        parent, value = waiting.pop()
        if not isinstance(value, Collection):
            if not is_nothing(value):
                _add(source, outline, parent, value)
            continue
        below: Below = []
        if value.is_mapping:
            _add_pairs(source, outline, parent, value, below)
        else:
            _add_items(source, outline, parent, value, below)
        waiting.extend(reversed(below))
    return outline


def is_nothing(value: Value) -> bool:
    """Whether a value after a key leaves it empty: nothing at all, ``~`` or ``null``, without quotes."""
    return isinstance(value, Scalar) and not value.style and value.value in ("", "~", "null")


def check_edges(source: Source, outline: Outline, *, is_tree: bool) -> None:
    """Note what is wrong between the names: listed twice, a second parent in a tree, under itself, loops."""
    children = {child for _, child in outline.edges}
    if len(children) == len(outline.edges) and outline.root not in children:
        return  # each name once, all below the root: a tree
    order = sorted(range(len(outline.edges)), key=lambda index: _offset(outline.places[index]))
    outline.edges = [outline.edges[index] for index in order]
    outline.places = [outline.places[index] for index in order]

    first_place: dict[Edge, Scalar] = {}
    first_parent: dict[str, Edge] = {}
    seconds: list[tuple[Edge, Edge]] = []
    for edge, scalar in zip(outline.edges, outline.places, strict=True):
        parent, child = edge
        if parent == child:
            help = "drop it here, or rename one of the two"
            report(source, "class-under-itself", f"{quoted(child)} is listed under itself", scalar, help)
        elif edge in first_place:
            line = first_place[edge].line + 1
            message = f"{quoted(child)} is listed twice under {quoted(parent)}, first in line {line}"
            report(source, "listed-twice", message, scalar, "drop one of the two")
        else:
            first_place[edge] = scalar
            if first_parent.setdefault(child, edge) != edge:
                seconds.append((first_parent[child], edge))

    looped = _report_loops(source, first_place)
    in_loop = {child for _, child in looped}
    for earlier, edge in seconds if is_tree else ():
        if edge[1] not in in_loop:  # mending the loop may mend this too
            above, line = quoted(earlier[0]), first_place[earlier].line + 1
            message = f"{quoted(edge[1])} is listed under {above} in line {line} and again under {quoted(edge[0])}"
            help = "add `shape: dag` if it has two parents, or give one of the two another name"
            report(source, "second-parent", message, first_place[edge], help)


def read_name(source: Source, scalar: Scalar, spelling: dict[str, str], *, what: str = "a class") -> str | None:
    """The name that a scalar spells, in normal form, or None after noting why it cannot be one.

    Args:
        source: where faults go.
        scalar: the scalar.
        spelling: the names outside ASCII that were met so far, each with its first spelling; grows.
        what: what is being named, for the message about an empty name.
    """
    raw: str = scalar.value
    complaint = complaint_about(raw)
    if complaint is not None:
        if not raw:
            report(source, "empty-name", f"{what} without a name", scalar, "write a name, or drop the entry")
        else:
            report(source, "bad-name", f"{quoted(raw)} {complaint}", scalar, "type the name again without it")
        return None
    if raw.isascii():
        return raw
    name = normalise_name(raw)
    if spelling.setdefault(name, raw) != raw:
        spelt = f"{spelling[name]!a} and {raw!a}"
        message = f"{quoted(raw)} is spelt in two ways that look alike: {spelt}"
        report(source, "nfc-twin", message, scalar, f"they are one name in Unicode normal form C; write {name!a}")
        return None
    return name


def _add(source: Source, outline: Outline, parent: str, scalar: Scalar) -> str | None:
    name = read_name(source, scalar, outline.spelling)
    if name is not None:
        outline.edges.append((parent, name))
        outline.places.append(scalar)
    return name


def _add_plain(outline: Outline, parent: str, scalars: list[Scalar]) -> bool:
    """Add many children at once when none of their names needs a closer look; whether it was done."""
    names = [scalar.value for scalar in scalars]
    if not all_plain(names):
        return False
    outline.edges.extend(zip(repeat(parent), names))
    outline.places.extend(scalars)
    return True


def _add_items(source: Source, outline: Outline, parent: str, items: Collection, below: Below) -> None:
    names = [item for item in items.items if isinstance(item, Scalar)]
    if len(names) == len(items.items) and _add_plain(outline, parent, names):
        return
    for item in items.items:
        if not isinstance(item, Collection):
            _add(source, outline, parent, item)
        elif item.is_mapping:
            _add_pairs(source, outline, parent, item, below)
        else:
            help = "list names, or mappings such as `- upper: [shirt, coat]`"
            report(source, "wrong-type", "a list right inside a list says nothing", item, help)


def _add_pairs(source: Source, outline: Outline, parent: str, mapping: Collection, below: Below) -> None:
    pairs = list(mapping.pairs())
    if _add_plain(outline, parent, [key for key, _ in pairs]):
        below.extend((key.value, value) for key, value in pairs)
        return
    for key, value in pairs:
        name = _add(source, outline, parent, key)
        if name is not None:
            below.append((name, value))


def _report_loops(source: Source, places: dict[Edge, Scalar]) -> set[Edge]:
    """Note each loop with the lines of its edges; gives the edges that lie on one."""
    children: dict[str, list[str]] = {}
    parents: dict[str, list[str]] = {}
    for parent, child in places:
        children.setdefault(parent, []).append(child)
        parents.setdefault(child, []).append(parent)
    blocked = {name: len(above) for name, above in parents.items()}
    free = [name for name in children if name not in blocked]
    names = iter(list(blocked))
    looped: set[Edge] = set()
    for _ in range(MOST_LOOPS):
        while free:  # whoever waits for no parent frees its children; what stays waiting lies on or below a loop
            for child in children.get(free.pop(), ()):
                blocked[child] -= 1
                if blocked[child] == 0:
                    free.append(child)
        start = next((name for name in names if blocked[name]), None)
        if start is None:
            break
        loop = _loop_above(start, parents, blocked)
        _report_loop(source, loop, places)
        looped.update(loop)
        parent, child = _last(loop, places)
        children[parent].remove(child)
        parents[child].remove(parent)
        blocked[child] -= 1
        free = [child] if not blocked[child] else []
        names = chain([start], names)
    return looped


def _loop_above(start: str, parents: dict[str, list[str]], blocked: dict[str, int]) -> list[Edge]:
    """The edges of a loop met on the way up from a name that waits, over parents that wait."""
    walk: dict[str, str] = {}
    name = start
    while name not in walk:
        walk[name] = next(parent for parent in parents[name] if blocked.get(parent))
        name = walk[name]
    edges = [(walk[name], name)]
    while edges[-1][0] != name:
        above = edges[-1][0]
        edges.append((walk[above], above))
    return edges[::-1]


def _report_loop(source: Source, edges: list[Edge], places: dict[Edge, Scalar]) -> None:
    first = min(range(len(edges)), key=lambda place: _offset(places[edges[place]]))
    edges = edges[first:] + edges[:first]
    shown = edges if len(edges) <= MOST_SHOWN else edges[:MOST_SHOWN]
    left_out = f" -> … {len(edges) - len(shown):,} more …" if len(shown) < len(edges) else ""
    loop = " -> ".join([*(quoted(parent) for parent, _ in shown)]) + left_out + f" -> {quoted(edges[0][0])}"
    lines = "; ".join(f"line {places[edge].line + 1} puts {quoted(edge[1])} under {quoted(edge[0])}" for edge in shown)
    report(source, "cycle", f"classes form a loop: {loop}", places[_last(edges, places)], f"{lines}; drop one of these")


def _last(edges: list[Edge], places: dict[Edge, Scalar]) -> Edge:
    """The edge that stands last in the file."""
    return max(edges, key=lambda edge: _offset(places[edge]))


def _offset(scalar: Scalar) -> tuple[int, int]:
    return scalar.line, scalar.column
