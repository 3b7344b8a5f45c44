from __future__ import annotations

import math

import networkx as nx
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.references import FittedNearest, FittedStops
from hierclf.taxonomy import Taxonomy
from tests import reference
from tests.conftest import CHAIN, DIAMOND, STAR, TWO_LEVEL

UNEVEN = Taxonomy.from_edges({"root": ["a", "dot"], "a": ["b", "x", "y"], "b": ["u", "v"]})


def method_of(taxonomy, stops_BN):
    plan = compile_plan(taxonomy)
    return FittedNearest(inner=FittedStops(name="example", plan=plan, stops=lambda embedding_BD: stops_BN))


def expected_distances(taxonomy, stops, bias):
    """The mean hops from each node, by name: shortest ways in the undirected tree."""
    hops = dict(nx.all_pairs_shortest_path_length(reference.graph_of(taxonomy).to_undirected()))
    weight = {
        node: math.exp(value + (bias if taxonomy.children(node) else 0.0))
        for node, value in zip(taxonomy.nodes, stops, strict=True)
    }
    total = sum(weight.values())
    return {node: sum(weight[other] * hops[node][other] for other in taxonomy.nodes) / total for node in taxonomy.nodes}


@pytest.mark.parametrize("taxonomy", [CHAIN, STAR, TWO_LEVEL, UNEVEN], ids=lambda taxonomy: taxonomy.root)
def test_the_answer_has_the_least_expected_distance(taxonomy, generator):
    stops_BN = (2.5 * torch.randn(60, len(taxonomy.nodes), generator=generator).double()).log_softmax(1)
    method = method_of(taxonomy, stops_BN)
    for bias in (-3.0, -0.5, 0.0, 0.5, 3.0):
        decided_B = method.decide(torch.zeros(60, 1), bias)
        for stops, node in zip(stops_BN.tolist(), decided_B.tolist(), strict=True):
            distances = expected_distances(taxonomy, stops, bias)
            assert distances[taxonomy.nodes[node]] <= min(distances.values()) + 1e-9


def test_the_critical_bias_by_hand():
    plan = compile_plan(STAR)  # the root, then x, y, z
    stops_BN = torch.tensor(
        [[0.2, 0.6, 0.1, 0.1], [0.2, 0.4, 0.2, 0.2], [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64
    ).log()
    method = method_of(STAR, stops_BN)
    assert method.known_score(torch.zeros(3, 1)).tolist() == [pytest.approx(math.log(0.4 / 0.2)), -math.inf, math.inf]
    names = [
        [plan.nodes[node] for node in method.decide(torch.zeros(3, 1), bias)] for bias in (-math.inf, 0.0, math.inf)
    ]
    assert names == [["x", "x", "x"], ["x", "star", "x"], ["star", "star", "x"]]


def test_a_dag_is_refused():
    with pytest.raises(ConfigError, match=r"'example' answers with the node of least expected distance.*on trees"):
        method_of(DIAMOND, torch.zeros(1, 6))
