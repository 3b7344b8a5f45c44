from __future__ import annotations

import math
from itertools import pairwise

import networkx as nx
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.references.belonging import internal_nodes
from hierclf.references.mos import group_log_softmax, group_objective, stops_of_groups
from hierclf.taxonomy import Taxonomy
from tests import reference
from tests.conftest import DEEP_DAG, TWO_LEVEL

HAND = Taxonomy.from_edges({"root": ["a", "dot"], "a": ["x", "y"]})


def group_tables(taxonomy, logits):
    """For each internal node a dict of probabilities of its children and, but for the root, of "others"."""
    plan = compile_plan(taxonomy)
    edges = reference.edge_order(taxonomy)
    score = {edge: logits[place] for place, edge in enumerate(edges)}
    for place, node in enumerate(internal_nodes(plan).tolist()[1:]):
        score[taxonomy.nodes[node], "others"] = logits[len(edges) + place]
    tables = {}
    for node in taxonomy.internal_nodes:
        own = {child: math.exp(value) for (parent, child), value in score.items() if parent == node}
        tables[node] = {child: value / sum(own.values()) for child, value in own.items()}
    return tables


@pytest.mark.parametrize("taxonomy", [TWO_LEVEL, DEEP_DAG], ids=lambda taxonomy: taxonomy.root)
def test_the_loss_is_the_slow_one(taxonomy, generator):
    plan, graph = compile_plan(taxonomy), reference.graph_of(taxonomy)
    labels = [taxonomy.leaves[place % plan.num_leaves] for place in range(9)]
    logits_nO = 2 * torch.randn(9, plan.num_edges + plan.num_groups - 1, generator=generator, dtype=torch.float64)
    expected = 0.0
    for logits, label in zip(logits_nO.tolist(), labels, strict=True):
        for table in group_tables(taxonomy, logits).values():
            homes = [child for child in table if child in graph and label in {child} | nx.descendants(graph, child)]
            expected -= sum(math.log(table[home]) for home in homes or ["others"]) / max(len(homes), 1) / len(labels)
    label_n = torch.tensor([taxonomy.index(label) for label in labels])
    assert float(group_objective(plan)(label_n)(logits_nO)) == pytest.approx(expected)


@pytest.mark.parametrize("taxonomy", [TWO_LEVEL, DEEP_DAG], ids=lambda taxonomy: taxonomy.root)
def test_the_stops_are_a_walk_over_all_routes(taxonomy, generator):
    plan = compile_plan(taxonomy)
    logits_BO = 2 * torch.randn(6, plan.num_edges + plan.num_groups - 1, generator=generator, dtype=torch.float64)
    stops_BN = stops_of_groups(group_log_softmax(logits_BO, plan), plan).exp()
    for logits, came in zip(logits_BO.tolist(), stops_BN.tolist(), strict=True):
        tables = group_tables(taxonomy, logits)
        root = tables[taxonomy.root]
        novel = min(tables[child]["others"] if child in tables else 1 - root[child] for child in root)
        for node, value in zip(taxonomy.nodes, came, strict=True):
            if node == taxonomy.root:
                assert value == pytest.approx(novel)
                continue
            reach = sum(
                (1 - novel) * math.prod(tables[parent][child] for parent, child in pairwise(route))
                for route in reference.routes(taxonomy, node)
            )
            assert value == pytest.approx(reach * tables.get(node, {"others": 1.0})["others"])


def test_the_stops_by_hand():
    plan = compile_plan(HAND)
    edge = {("root", "a"): 0.6, ("root", "dot"): 0.4, ("a", "x"): 0.5, ("a", "y"): 0.2}
    log_probs_BO = torch.tensor([[edge[one] for one in reference.edge_order(HAND)] + [0.3]], dtype=torch.float64).log()
    came = dict(zip(plan.nodes, stops_of_groups(log_probs_BO, plan)[0].exp().tolist(), strict=True))
    # the group of a disowns 0.3, the group of the dot 0.6
    assert came == pytest.approx(
        {"root": 0.3, "a": 0.7 * 0.6 * 0.3, "dot": 0.7 * 0.4, "x": 0.7 * 0.6 * 0.5, "y": 0.7 * 0.6 * 0.2}
    )


def test_certain_groups_stay_finite():
    plan = compile_plan(HAND)
    logits_BO = torch.tensor([[900.0, -900.0, 900.0, -900.0, -900.0], [-900.0, 900.0, 0.0, 0.0, 900.0]]).double()
    stops_BN = stops_of_groups(group_log_softmax(logits_BO, plan), plan)
    assert not stops_BN.isnan().any()
    torch.testing.assert_close(stops_BN.logsumexp(1), torch.zeros(2).double())
