"""Taxonomies from edges, from networkx graphs, and from graphs in networkx's node-link JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.taxonomy import Edge, Taxonomy

if TYPE_CHECKING:
    import networkx as nx

LISTED = 5


def taxonomy_from_edges(edges: Iterable[Edge] | Mapping[str, Iterable[str]], *, root: str | None = None) -> Taxonomy:
    """Build from pairs ``(parent, child)`` or from a mapping of parents to their children; see `Taxonomy.from_edges`.

    >>> taxonomy_from_edges([("digit", "0"), ("digit", "1")]).root
    'digit'
    """
    if isinstance(edges, Mapping):
        edges = [(parent, child) for parent, children in edges.items() for child in children]
    pairs = [_pair(edge) for edge in edges]
    children = {child for _, child in pairs}
    tops = list(dict.fromkeys(parent for parent, _ in pairs if parent not in children))
    if root is None:
        if len(tops) > 1:
            listed = ", ".join(map(repr, tops[:LISTED])) + (", …" if len(tops) > LISTED else "")
            raise TaxonomyError(f"{len(tops)} names have no parent ({listed}); name a root to put above them")
        if not pairs:
            raise TaxonomyError("no edges; expected at least one pair (parent, child)")
        root = tops[0] if tops else pairs[0][0]  # no top means a loop, which the taxonomy will show
    elif root not in tops and root not in children:
        pairs = [(root, top) for top in tops] + pairs
    return Taxonomy(root=root, edges=tuple(pairs))


def taxonomy_from_networkx(graph: nx.DiGraph, *, root: str | None = None, names: str | None = None) -> Taxonomy:
    """Build from a directed graph whose edges lead from parent to child; see `Taxonomy.from_networkx`."""
    if not graph.is_directed():
        raise TaxonomyError("expected a directed graph (networkx.DiGraph) with edges from parent to child")
    called = {node: node if names is None else data.get(names) for node, data in graph.nodes(data=True)}
    for node, name in called.items():
        if name is None:
            raise TaxonomyError(f"the node {node!r} has no attribute {names!r} to take its name from")
    twice = [name for name, count in Counter(map(str, called.values())).items() if count > 1]
    if twice:
        raise TaxonomyError(f"several nodes are named {twice[0]!r}; names must differ")
    edges = [(str(called[parent]), str(called[child])) for parent, child in graph.edges()]
    return taxonomy_from_edges(edges, root=root)


def taxonomy_to_networkx(taxonomy: Taxonomy) -> nx.DiGraph:
    """The same graph as a `networkx.DiGraph`, nodes in order."""
    import networkx as nx

    graph = nx.DiGraph(name=taxonomy.name)
    graph.add_nodes_from(taxonomy.nodes)
    graph.add_edges_from(taxonomy.edges)
    return graph


def parse_node_link(text: str) -> tuple[Edge, ...]:
    """Edges from node-link JSON, whether it calls them ``links`` (older networkx) or ``edges``.

    A node is called by its ``label`` where it has one that no other node has, and by its ``id`` otherwise.

    Raises:
        TaxonomyError: no JSON, or JSON that is no directed node-link graph.

    >>> parse_node_link('{"nodes": [{"id": 1, "label": "a"}, {"id": 2}], "links": [{"source": 1, "target": 2}]}')
    (('a', '2'),)
    """
    expected = "expected node-link JSON of networkx, with `nodes` and `edges` (or `links`)"
    try:
        graph = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaxonomyError(f"{expected}: {error}") from error
    if not isinstance(graph, dict):
        raise TaxonomyError(expected)
    nodes, links = graph.get("nodes"), graph.get("edges", graph.get("links"))
    if not isinstance(nodes, list) or not isinstance(links, list):
        raise TaxonomyError(expected)
    if graph.get("directed") is False:
        raise TaxonomyError("the graph is undirected; expected edges from parent to child")
    called = _names(nodes, expected)
    return tuple(_link(link, called) for link in links)


def format_node_link(taxonomy: Taxonomy) -> str:
    """Node-link JSON, as ``networkx.node_link_data(graph, edges="edges")`` gives it."""
    graph = {
        "directed": True,
        "multigraph": False,
        "graph": {"name": taxonomy.name},
        "nodes": [{"id": node} for node in taxonomy.nodes],
        "edges": [{"source": parent, "target": child} for parent, child in taxonomy.edges],
    }
    return json.dumps(graph, ensure_ascii=False, indent=1) + "\n"


def _pair(edge: Any) -> Edge:
    if isinstance(edge, str) or len(edge) != 2:
        raise TaxonomyError(f"an edge is a pair (parent, child), got {edge!r}")
    parent, child = edge
    return str(parent), str(child)


def _names(nodes: list[Any], expected: str) -> dict[Any, str]:
    if not all(isinstance(node, dict) and isinstance(node.get("id"), (str, int)) for node in nodes):
        raise TaxonomyError(f"{expected}; each node needs an `id` that is text or a number")
    taken = Counter(str(node["id"]) for node in nodes)
    taken.update(node["label"] for node in nodes if isinstance(node.get("label"), str))
    return {
        node["id"]: node["label"]
        if isinstance(node.get("label"), str) and (taken[node["label"]] == 1 or node["label"] == str(node["id"]))
        else str(node["id"])
        for node in nodes
    }


def _link(link: Any, called: dict[Any, str]) -> Edge:
    ends = (link.get("source"), link.get("target")) if isinstance(link, dict) else (None, None)
    for end in ends:
        if not isinstance(end, (str, int)) or end not in called:
            raise TaxonomyError(f"an edge needs a `source` and a `target` among the nodes, got {link!r}")
    return called[ends[0]], called[ends[1]]
