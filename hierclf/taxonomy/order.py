"""Put the nodes of a rooted DAG in order: parents before children, generation by generation.

Kahn's algorithm over dictionaries, without recursion, so that a chain of 100,000 nodes is as welcome as a star. A
node's generation is its level: the length of the longest path from the root.

>>> order_nodes("a", [("a", "b"), ("a", "c"), ("b", "c")]).level
{'a': 0, 'b': 1, 'c': 2}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hierclf.errors import TaxonomyError


@dataclass(frozen=True, kw_only=True)
class Order:
    """Nodes in topological order, with the look-ups that go with it."""

    nodes: tuple[str, ...]
    level: dict[str, int]
    children: dict[str, list[str]]
    parents: dict[str, list[str]]


def order_nodes(root: str, edges: Iterable[tuple[str, str]]) -> Order:
    """Order the nodes that edges ``(parent, child)`` span below a root, and refuse what is no rooted DAG.

    Raises:
        TaxonomyError: an empty or non-text name, no edge at all, an edge listed twice, a loop (shown whole), a parent
            of the root, or a node out of the root's reach.
    """
    edges = tuple(edges)
    children: dict[str, list[str]] = {root: []}
    parents: dict[str, list[str]] = {root: []}
    for parent, child in edges:
        for word in (parent, child):
            if not isinstance(word, str) or not word:
                raise TaxonomyError(f"a class name is non-empty text, got {word!r} in the edge {(parent, child)!r}")
            children.setdefault(word, [])
            parents.setdefault(word, [])
        children[parent].append(child)
        parents[child].append(parent)
    if not edges:
        raise TaxonomyError(f"the taxonomy holds nothing but its root {root!r}; add at least one class")
    if len(set(edges)) != len(edges):
        (parent, child), _ = Counter(edges).most_common(1)[0]
        raise TaxonomyError(f"the edge {parent!r} -> {child!r} is listed twice; drop one")

    waiting = {node: len(above) for node, above in parents.items()}
    level: dict[str, int] = {}
    generation = [node for node, count in waiting.items() if count == 0]
    tops = [node for node in generation if node != root]
    depth = 0
    nodes: list[str] = []
    while generation:
        nodes.extend(generation)
        following: list[str] = []
        for node in generation:
            level[node] = depth
            for child in children[node]:
                waiting[child] -= 1
                if waiting[child] == 0:
                    following.append(child)
        generation, depth = following, depth + 1

    if len(nodes) != len(children):
        loop = find_loop({node: children[node] for node, count in waiting.items() if count > 0})
        raise TaxonomyError(f"classes form a loop: {' -> '.join(map(repr, loop))}; drop one of these edges")
    if parents[root]:
        raise TaxonomyError(f"the root {root!r} has a parent, {parents[root][0]!r}; drop that edge or change the root")
    if tops:
        listed = ", ".join(map(repr, tops[:5])) + (", …" if len(tops) > 5 else "")
        raise TaxonomyError(f"these nodes cannot be reached from the root {root!r}: {listed}; give each a parent")
    return Order(nodes=tuple(nodes), level=level, children=children, parents=parents)


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
