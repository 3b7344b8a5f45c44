"""Taxonomies to compare: one worked by hand, random trees, random DAGs, and changes that must not matter."""

from __future__ import annotations

import numpy as np

from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG, DIAMOND, STAR, TWO_LEVEL

REFERENCE = Taxonomy.from_edges({"r": ["ab", "cde", "f"], "ab": ["a", "b"], "cde": ["c", "d", "e"]})
FOUND = Taxonomy.from_edges({"r": ["abc", "de", "f"], "abc": ["a", "b", "c"], "de": ["d", "e"]})
FLAT = Taxonomy.from_edges({"r": list("abcdef")})
BINARY = Taxonomy.from_edges({"r": ["1", "f"], "1": ["2", "e"], "2": ["3", "4"], "3": ["a", "b"], "4": ["c", "d"]})

FIXED = (REFERENCE, FOUND, FLAT, BINARY, STAR, TWO_LEVEL, DIAMOND, DEEP_DAG)


def random_tree(seed: int, leaves: int = 14, *, start: int = 0) -> Taxonomy:
    """A tree over ``x00``, ``x01``, … with leaves at any depth and chains of only children."""
    random = np.random.default_rng(seed)
    names = [f"x{start + leaf:02d}" for leaf in range(leaves)]
    edges, waiting = [], [("root", list(random.permutation(names)))]
    while waiting:
        node, below = waiting.pop()
        kind = random.random()
        cuts = 0 if kind < 0.15 else random.integers(1, 5)  # without a cut all stay together: a chain
        for part in np.array_split(below, np.sort(random.integers(1, len(below), size=cuts))):
            if len(part) < 2 or kind > 0.9:
                edges += [(node, str(leaf)) for leaf in part]
            else:
                waiting.append((f"n{len(edges)}", list(part)))
                edges.append((node, waiting[-1][0]))
    return Taxonomy(root="root", edges=tuple(edges))


def random_dag(seed: int, leaves: int = 14, *, second_parents: int = 6) -> Taxonomy:
    """A random tree with more parents for some nodes."""
    tree = random_tree(seed, leaves)
    random = np.random.default_rng(seed)
    edges = dict.fromkeys(tree.edges)
    for _ in range(second_parents):
        parent = tree.internal_nodes[random.integers(len(tree.internal_nodes))]
        child = tree.nodes[random.integers(1, len(tree.nodes))]
        if child != parent and child not in tree.ancestors(parent):
            grown = Taxonomy(root="root", edges=tuple(edges))
            if child not in grown.ancestors(parent):
                edges[parent, child] = None
    return Taxonomy(root="root", edges=tuple(edges))


def renamed(taxonomy: Taxonomy) -> Taxonomy:
    """The same with other names for all meta-classes and the root."""
    new = {node: f"meta {place}" for place, node in enumerate(taxonomy.internal_nodes)}
    return relabelled(taxonomy, new)


def relabelled(taxonomy: Taxonomy, new: dict[str, str]) -> Taxonomy:
    edges = tuple((new.get(parent, parent), new.get(child, child)) for parent, child in taxonomy.edges)
    return Taxonomy(root=new.get(taxonomy.root, taxonomy.root), edges=edges)


def reordered(taxonomy: Taxonomy, seed: int) -> Taxonomy:
    """The same with every node's children in another order."""
    order = np.random.default_rng(seed).permutation(len(taxonomy.edges))
    return Taxonomy(root=taxonomy.root, edges=tuple(taxonomy.edges[place] for place in order))


def chained(taxonomy: Taxonomy) -> Taxonomy:
    """The same with an only child put between every meta-class and its children, and above every leaf."""
    edges = []
    for parent, child in taxonomy.edges:
        edges += [(f"{parent} below", f"{child} above"), (f"{child} above", child)]
    edges += [(node, f"{node} below") for node in taxonomy.internal_nodes]
    return Taxonomy(root=taxonomy.root, edges=tuple(dict.fromkeys(edges)))


PAIRS = [
    (REFERENCE, FOUND),
    (FLAT, REFERENCE),
    (BINARY, REFERENCE),
    (FLAT, FLAT),
    *((random_tree(seed), random_tree(seed + 100, 14, start=seed % 3)) for seed in range(8)),
]
DAG_PAIRS = [
    (DEEP_DAG, DEEP_DAG),
    (DIAMOND, DIAMOND),
    *((random_dag(seed), random_dag(seed + 100)) for seed in range(6)),
    (random_tree(3), random_dag(4)),
    (random_dag(5), random_tree(6)),
]
