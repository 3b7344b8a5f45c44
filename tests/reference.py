"""Slow and obvious answers for the DAG: dictionaries, recursion over paths, floats. Shares no code with hierclf.dag."""

from __future__ import annotations

import math
from itertools import pairwise, product

import networkx as nx
import torch
from torch import Tensor

from hierclf.taxonomy import Taxonomy


def graph_of(taxonomy: Taxonomy) -> nx.DiGraph:
    return nx.DiGraph(list(taxonomy.edges))


def edge_order(taxonomy: Taxonomy) -> list[tuple[str, str]]:
    """Edges as the plan numbers them: by parent in node order, then in the order of the taxonomy's edges."""
    place = {node: i for i, node in enumerate(taxonomy.nodes)}
    return sorted(taxonomy.edges, key=lambda edge: place[edge[0]])  # sorted() is stable


def edge_probabilities(taxonomy: Taxonomy, logits: list[float]) -> dict[tuple[str, str], float]:
    edges = edge_order(taxonomy)
    score = dict(zip(edges, logits, strict=True))
    result = {}
    for parent, child in edges:
        siblings = [score[edge] for edge in edges if edge[0] == parent]
        top = max(siblings)
        result[parent, child] = math.exp(score[parent, child] - top) / sum(math.exp(s - top) for s in siblings)
    return result


def routes(taxonomy: Taxonomy, node: str) -> list[list[str]]:
    """Every path from the root to a node."""
    if node == taxonomy.root:
        return [[node]]
    return list(nx.all_simple_paths(graph_of(taxonomy), taxonomy.root, node))


def walk_flow(taxonomy: Taxonomy, logits_BE: Tensor) -> Tensor:
    rows = []
    for logits in logits_BE.tolist():
        p = edge_probabilities(taxonomy, logits)
        rows.append(
            [
                sum(math.prod(p[edge] for edge in pairwise(path)) for path in routes(taxonomy, node))
                for node in taxonomy.nodes
            ]
        )
    return torch.tensor(rows, dtype=torch.float64)


def leaves_below(taxonomy: Taxonomy, node: str) -> set[str]:
    graph = graph_of(taxonomy)
    return {n for n in nx.descendants(graph, node) | {node} if graph.out_degree(n) == 0}


def walk_membership(taxonomy: Taxonomy, logits_BE: Tensor) -> Tensor:
    flow = walk_flow(taxonomy, logits_BE)
    place = {node: i for i, node in enumerate(taxonomy.nodes)}
    columns = [sum(flow[:, place[leaf]] for leaf in leaves_below(taxonomy, node)) for node in taxonomy.nodes]
    return torch.stack(columns, dim=1)


def sum_of_leaves(taxonomy: Taxonomy, leaf_probabilities_BL: Tensor) -> Tensor:
    place = {leaf: i for i, leaf in enumerate(taxonomy.leaves)}
    columns = [
        sum(leaf_probabilities_BL[:, place[leaf]] for leaf in leaves_below(taxonomy, node)) for node in taxonomy.nodes
    ]
    return torch.stack(columns, dim=1)


def sum_of_ancestors(taxonomy: Taxonomy, values_BN: Tensor) -> Tensor:
    place = {node: i for i, node in enumerate(taxonomy.nodes)}
    graph = graph_of(taxonomy)
    columns = []
    for node in taxonomy.nodes:
        above = (nx.ancestors(graph, node) | {node}) - {taxonomy.root}
        columns.append(sum((values_BN[:, place[other]] for other in above), torch.zeros_like(values_BN[:, 0])))
    return torch.stack(columns, dim=1)


def ancestor_set(taxonomy: Taxonomy, node: str) -> set[str]:
    """The node and its ancestors, the root left out."""
    return (nx.ancestors(graph_of(taxonomy), node) | {node}) - {taxonomy.root}


def hierarchical_loss(
    taxonomy: Taxonomy, node_probabilities_BN: Tensor, labels: list[str], weight: dict[str, float]
) -> float:
    """Mean over images of -Σ over the label's ancestors and itself of weight · log M."""
    place = {node: i for i, node in enumerate(taxonomy.nodes)}
    total = 0.0
    for row, label in zip(node_probabilities_BN.tolist(), labels, strict=True):
        total -= sum(weight[node] * math.log(row[place[node]]) for node in ancestor_set(taxonomy, label))
    return total / len(labels)


def best_common_ancestor(taxonomy: Taxonomy, first: str, second: str) -> str:
    """The common ancestor-or-self with the fewest leaves below (the largest information), the earliest on ties."""
    graph = graph_of(taxonomy)
    common = (nx.ancestors(graph, first) | {first}) & (nx.ancestors(graph, second) | {second})
    return min(taxonomy.nodes, key=lambda n: (n not in common, len(leaves_below(taxonomy, n))))


def hops(taxonomy: Taxonomy, first: str, second: str) -> int:
    """Fewest edges up from one node and down to the other, over every common ancestor-or-self."""
    graph = graph_of(taxonomy)
    return min(
        nx.shortest_path_length(graph, above, first) + nx.shortest_path_length(graph, above, second)
        for above in taxonomy.nodes
        if (above == first or nx.has_path(graph, above, first))
        and (above == second or nx.has_path(graph, above, second))
    )


def all_pairs(taxonomy: Taxonomy) -> list[tuple[str, str]]:
    return list(product(taxonomy.nodes, repeat=2))
