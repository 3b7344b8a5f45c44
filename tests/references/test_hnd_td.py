from __future__ import annotations

import math

import networkx as nx
import pytest
import torch

from hierclf.dag import compile_plan, edge_log_softmax
from hierclf.errors import ConfigError
from hierclf.references import HndTd, LinearMap
from hierclf.references.hnd_td import (
    FittedTopDown,
    best_thresholds,
    confident_objective,
    divergence_from_uniform,
    likeliest_children,
)
from hierclf.taxonomy import Taxonomy
from tests import reference
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.references.synthetic import fitted, world

HAND = Taxonomy.from_edges({"root": ["a", "b"], "a": ["x", "y"], "b": ["z", "w"]})


def conditionals(taxonomy, logits):
    """P(child | parent) of one image by (parent, child)."""
    return reference.edge_probabilities(taxonomy, logits)


def kl(taxonomy, table, node):
    """KL(U ‖ P) at a node."""
    children = taxonomy.children(node)
    return sum(math.log(1 / len(children) / table[node, child]) for child in children) / len(children)


def below(taxonomy, node):
    return {node} | nx.descendants(reference.graph_of(taxonomy), node)


@pytest.mark.parametrize("taxonomy", [TWO_LEVEL, DEEP_DAG], ids=lambda taxonomy: taxonomy.root)
def test_the_loss_is_the_slow_one(taxonomy, generator):
    plan = compile_plan(taxonomy)
    labels = [taxonomy.leaves[place % plan.num_leaves] for place in range(9)]
    logits_nE = 2 * torch.randn(9, plan.num_edges, generator=generator, dtype=torch.float64)
    tables = [conditionals(taxonomy, row) for row in logits_nE.tolist()]
    expected = 0.0
    for node in taxonomy.internal_nodes:
        right, elsewhere = [], []
        for table, label in zip(tables, labels, strict=True):
            right += [
                -math.log(table[node, child]) for child in taxonomy.children(node) if label in below(taxonomy, child)
            ]
            if label not in below(taxonomy, node):
                elsewhere.append(kl(taxonomy, table, node))
        expected += sum(right) / max(len(right), 1) + 0.5 * sum(elsewhere) / max(len(elsewhere), 1)
    label_n = torch.tensor([taxonomy.index(label) for label in labels])
    assert float(confident_objective(plan, 0.5)(label_n)(logits_nE)) == pytest.approx(expected)


@pytest.mark.parametrize("taxonomy", [TWO_LEVEL, DEEP_DAG], ids=lambda taxonomy: taxonomy.root)
def test_walking_down_is_the_slow_walk(taxonomy, generator):
    plan = compile_plan(taxonomy)
    logits_BE = 2 * torch.randn(40, plan.num_edges, generator=generator, dtype=torch.float64)
    threshold_G = 0.3 * torch.rand(plan.num_groups, generator=generator, dtype=torch.float64)
    layer = LinearMap(weight_OD=torch.eye(plan.num_edges).double(), bias_O=torch.zeros(plan.num_edges).double())
    method = FittedTopDown(plan=plan, layer=layer, threshold_G=threshold_G)
    threshold = dict(zip(taxonomy.internal_nodes, threshold_G.tolist(), strict=True))
    for bias in (-0.1, 0.0, 0.4):
        decided, known = method.decide(logits_BE, bias), method.known_score(logits_BE)
        for row, logits in enumerate(logits_BE.tolist()):
            table, node, margins = conditionals(taxonomy, logits), taxonomy.root, []
            stopped = None
            while taxonomy.children(node):
                children = taxonomy.children(node)
                if len(children) > 1:
                    margins.append(kl(taxonomy, table, node) - threshold[node])
                    if margins[-1] < bias and stopped is None:
                        stopped = node
                node = max(children, key=lambda child, node=node, table=table: table[node, child])
            assert taxonomy.nodes[decided[row]] == (stopped or node)
            assert float(known[row]) == pytest.approx(min(margins))


def test_divergence_and_children_by_hand():
    plan = compile_plan(HAND)
    log_probs_BE = torch.tensor([[0.5, 0.5, 0.8, 0.2, 0.1, 0.9]], dtype=torch.float64).log()
    expected = [0.0, (math.log(0.5 / 0.8) + math.log(0.5 / 0.2)) / 2, (math.log(5) + math.log(0.5 / 0.9)) / 2]
    assert divergence_from_uniform(log_probs_BE, plan)[0].tolist() == pytest.approx(expected)
    assert [plan.nodes[node] for node in likeliest_children(log_probs_BE, plan)[0]] == ["a", "x", "w"]


def test_thresholds_have_the_best_harmonic_mean(generator):
    plan = compile_plan(TWO_LEVEL)
    label_B = plan.leaf_L[torch.arange(60) % plan.num_leaves]
    logits_BE = 2 * torch.randn(60, plan.num_edges, generator=generator, dtype=torch.float64)
    log_probs_BE = edge_log_softmax(logits_BE, plan)
    came = dict(zip(TWO_LEVEL.internal_nodes, best_thresholds(log_probs_BE, label_B, plan).tolist(), strict=True))
    assert came["character"] == 0.0
    tables = [conditionals(TWO_LEVEL, row) for row in logits_BE.tolist()]
    labels = [TWO_LEVEL.nodes[label] for label in label_B]

    def harmonic(node, threshold):
        on, stop = [], []
        for table, label in zip(tables, labels, strict=True):
            goes_on = kl(TWO_LEVEL, table, node) >= threshold
            if label in below(TWO_LEVEL, node):
                child = max(TWO_LEVEL.children(node), key=lambda child: table[node, child])
                on.append(goes_on and label in below(TWO_LEVEL, child))
            else:
                stop.append(not goes_on)
        a, b = sum(on) / len(on), sum(stop) / len(stop)
        return 2 * a * b / (a + b) if a + b else 0.0

    for node in ("digit", "letter"):
        best = max(harmonic(node, step / 50) for step in range(100))
        assert harmonic(node, came[node] - 1e-12) >= best - 1e-9


def test_images_of_unseen_classes_stop_at_their_parent():
    here, method = world(), fitted("hnd_td")
    assert (method.decide(here.near[0]) == here.near[1]).double().mean() > 0.5
    assert (method.decide(here.test[0]) == here.test[1]).double().mean() > 0.6


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="weight is a finite number of at least 0, got -1"):
        HndTd(weight=-1)
