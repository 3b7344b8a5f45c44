"""Put the nodes of a rooted DAG in order: parents before children, generation by generation.

Kahn's algorithm over dictionaries, without recursion, so that a chain of 100,000 nodes is as welcome as a star. A
node's generation is its level: the length of the longest path from the root.

>>> order_nodes("a", [("a", "b"), ("a", "c"), ("b", "c")]).level
{'a': 0, 'b': 1, 'c': 2}
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from hierclf.errors import TaxonomyError


@dataclass(frozen=True, kw_only=True)
class Order:
    """Nodes in topological order, with the look-ups that go with it.

    Args:
        nodes: every node, parents first.
        level: each node's generation.
        children: the children of each internal node, in the order of the edges; leaves have no entry.
    """

    nodes: tuple[str, ...]
    level: dict[str, int]
    children: dict[str, list[str]]


def order_nodes(root: str, edges: Iterable[tuple[str, str]]) -> Order:
    """Order the nodes that edges ``(parent, child)`` span below a root, and refuse what is no rooted DAG.

    Raises:
        TaxonomyError: an empty or non-text name, no edge at all, an edge listed twice, a loop (shown whole), a parent
            of the root, or a node out of the root's reach.
    """
    edges = tuple(edges)
    if not edges:
        raise TaxonomyError(f"the taxonomy holds nothing but its root {root!r}; add at least one class")
    children: defaultdict[str, list[str]] = defaultdict(list)
    for parent, child in edges:
        children[parent].append(child)
    waiting = Counter(child for _, child in edges)
    for word in (root, *children, *waiting):
        if not isinstance(word, str) or not word:
            raise TaxonomyError(f"a class name is non-empty text, got {word!r}")
    if len(set(edges)) != len(edges):
        (parent, child), _ = Counter(edges).most_common(1)[0]
        raise TaxonomyError(f"the edge {parent!r} -> {child!r} is listed twice; drop one")

    tops = [node for node in children if node not in waiting and node != root]
    unfinished = waiting.keys() | children.keys() | {root}
    level: dict[str, int] = {}
    generation = tops if root in waiting else [root, *tops]
    depth = 0
    while generation:
        level.update(dict.fromkeys(generation, depth))
        following: list[str] = []
        for node in generation:
            for child in children.get(node, ()):
                waiting[child] -= 1
                if waiting[child] == 0:
                    following.append(child)
        generation, depth = following, depth + 1

    if len(level) != len(unfinished):
        stuck = [node for node in children if node not in level]
        loop = find_loop({node: children[node] for node in stuck})
        raise TaxonomyError(f"classes form a loop: {' -> '.join(map(repr, loop))}; drop one of these edges")
    if waiting.get(root) is not None:
        above = next(parent for parent, child in edges if child == root)
        raise TaxonomyError(f"the root {root!r} has a parent, {above!r}; drop that edge or change the root")
    if tops:
        listed = ", ".join(map(repr, tops[:5])) + (", …" if len(tops) > 5 else "")
        raise TaxonomyError(f"these nodes cannot be reached from the root {root!r}: {listed}; give each a parent")
    return Order(nodes=tuple(level), level=level, children=dict(children))


def find_loop(children: dict[str, list[str]]) -> list[str]:
    """One loop, its first node repeated at the end, in a graph every node of which has a parent in the graph.

    >>> find_loop({"b": ["c"], "c": ["b", "d"], "d": []})
    ['b', 'c', 'b']
    """
    parent_of = {child: node for node, below in children.items() for child in below if child in children}
    node = next(iter(children))
    seen: dict[str, None] = {}
    while node not in seen:  # every node here has a parent that waits too, so walking up must meet itself
        seen[node] = None
        node = parent_of[node]
    walk = list(seen)
    upwards = walk[walk.index(node) :]
    downwards = [node, *reversed(upwards[1:])]
    return [*downwards, node]
