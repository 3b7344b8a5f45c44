from __future__ import annotations

import math

import networkx as nx
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.references import HndLoo
from hierclf.references.hnd_loo import leave_one_out_objective
from tests import reference
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.references.synthetic import fitted, world


def slow_loss(taxonomy, logits, labels, weight):
    """Dictionaries and loops: logits by node name, one dict per image."""
    graph = reference.graph_of(taxonomy)
    known = 0.0
    for scores, label in zip(logits, labels, strict=True):
        known += math.log(sum(math.exp(score) for score in scores.values())) - scores[label]
    terms = []
    for parent in taxonomy.internal_nodes:
        if len(taxonomy.children(parent)) == 1:
            continue
        for child in taxonomy.children(parent):
            gone = {child} | nx.descendants(graph, child)
            losses = [
                math.log(sum(math.exp(score) for node, score in scores.items() if node not in gone)) - scores[parent]
                for scores, label in zip(logits, labels, strict=True)
                if label in gone
            ]
            if losses:
                terms.append(sum(losses) / len(losses))
    return known / len(labels) + weight * sum(terms) / len(terms)


@pytest.mark.parametrize("taxonomy", [TWO_LEVEL, DEEP_DAG], ids=lambda taxonomy: taxonomy.root)
def test_the_loss_is_the_slow_one(taxonomy, generator):
    plan = compile_plan(taxonomy)
    labels = [taxonomy.leaves[place % (plan.num_leaves - 1)] for place in range(11)]  # one class has no image
    logits_nN = 2 * torch.randn(11, plan.num_nodes, generator=generator, dtype=torch.float64)
    label_n = torch.tensor([taxonomy.index(label) for label in labels])
    rows = [dict(zip(taxonomy.nodes, row, strict=True)) for row in logits_nN.tolist()]
    came = leave_one_out_objective(plan, 0.7)(label_n)(logits_nN)
    assert float(came) == pytest.approx(slow_loss(taxonomy, rows, labels, 0.7))


def test_equal_logits_by_hand():
    plan = compile_plan(TWO_LEVEL)  # 9 nodes; 8 edges, none of a node with one child
    label_n = torch.tensor([plan.nodes.index("0")])
    came = float(leave_one_out_objective(plan, 1.0)(label_n)(torch.zeros(1, 9, dtype=torch.float64)))
    # without "digit" and its 3 leaves 5 outputs are left, without "0" alone 8
    assert came == pytest.approx(math.log(9) + (math.log(5) + math.log(8)) / 2)


def test_images_of_unseen_classes_go_to_their_parent():
    here, method = world(), fitted("hnd_loo")
    assert (method.decide(here.near[0]) == here.near[1]).double().mean() > 0.5
    assert (method.decide(here.test[0]) == here.test[1]).double().mean() > 0.7


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="weight is a finite number above 0, got 0"):
        HndLoo(weight=0)
