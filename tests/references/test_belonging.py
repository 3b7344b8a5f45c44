from __future__ import annotations

import networkx as nx
import torch

from hierclf.dag import compile_plan
from hierclf.references.belonging import belonging, first_largest, internal_nodes
from tests import reference


def test_the_tables_are_those_of_a_walk(taxonomy):
    plan, graph = compile_plan(taxonomy), reference.graph_of(taxonomy)
    tables = belonging(plan)
    assert [plan.nodes[node] for node in internal_nodes(plan)] == list(taxonomy.internal_nodes)
    for row, node in enumerate(taxonomy.nodes):
        above = {node} | nx.ancestors(graph, node)
        assert {taxonomy.nodes[place] for place in tables.under_NN[row].nonzero()[:, 0]} == above
        edges = {reference.edge_order(taxonomy)[place] for place in tables.along_NE[row].nonzero()[:, 0]}
        assert edges == {(parent, child) for parent, child in taxonomy.edges if child in above}
        inner = {taxonomy.internal_nodes[place] for place in tables.within_NG[row].nonzero()[:, 0]}
        assert inner == above & set(taxonomy.internal_nodes)


def test_the_first_largest_of_each_group(generator):
    group_K = torch.tensor([0, 1, 1, 1, 2, 2])
    values_BK = torch.randint(0, 3, (20, 6), generator=generator).double()  # with ties
    for values, came in zip(values_BK.tolist(), first_largest(values_BK, group_K).tolist(), strict=True):
        for group, places in enumerate(([0], [1, 2, 3], [4, 5])):
            assert came[group] == max(places, key=lambda place, values=values: values[place])
