from __future__ import annotations

import math

import pytest
import torch

from hierclf.dag import compile_plan, conditional_log_probs, node_log_probs
from hierclf.errors import ConfigError
from hierclf.losses import entropic_open_set_loss, gate_weight, hierarchical_loss, hxe_weights, label_weights
from tests import reference
from tests.conftest import DIAMOND, TWO_LEVEL


def log_probs_for(plan, generator, batch, dtype=torch.float64):
    return node_log_probs(torch.randn(batch, plan.num_edges, generator=generator, dtype=dtype), plan)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_equals_the_sum_over_the_set_of_ancestors_for_labels_at_any_node(taxonomy, generator, dtype):
    plan = compile_plan(taxonomy)
    labels = list(taxonomy.nodes)  # the root among them: it adds nothing
    log_probs_BN = log_probs_for(plan, generator, len(labels), dtype)
    by_level = [0.7, 1.0, 0.5]
    factor = {taxonomy.nodes[-1]: 3.0}
    weight = {node: by_level[min(taxonomy.level(node), 2)] * factor.get(node, 1.0) for node in taxonomy.nodes}
    expected = reference.hierarchical_loss(taxonomy, log_probs_BN.exp().double(), labels, weight)
    got = hierarchical_loss(
        log_probs_BN, torch.arange(len(labels)), plan.path_NK, label_weights(plan, tuple(by_level), factor)
    )
    assert got.dtype == dtype
    assert math.isclose(float(got), expected, rel_tol=1e-5)


def test_weight_on_the_label_alone_is_cross_entropy_over_leaves(generator):
    plan = compile_plan(TWO_LEVEL)
    log_probs_BN = log_probs_for(plan, generator, 6)
    target = torch.arange(6)
    got = hierarchical_loss(log_probs_BN, plan.leaf_L[target], plan.path_NK, label_weights(plan, "leaf"))
    torch.testing.assert_close(got, torch.nn.functional.nll_loss(log_probs_BN[:, plan.leaf_L], target))


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_with_its_weights_it_is_the_hierarchical_cross_entropy(generator, alpha):
    plan = compile_plan(TWO_LEVEL)
    log_probs_BN = log_probs_for(plan, generator, 6)
    label_B = plan.leaf_L
    conditional = conditional_log_probs(log_probs_BN, plan)
    height = {"digit": 1, "letter": 1}
    expected = 0.0
    for row, label in enumerate(label_B.tolist()):
        for edge, child in enumerate(plan.child_E.tolist()):
            if plan.nodes[child] in reference.ancestor_set(TWO_LEVEL, plan.nodes[label]):
                expected -= math.exp(-alpha * height.get(plan.nodes[child], 0)) * float(conditional[row, edge])
    got = hierarchical_loss(log_probs_BN, label_B, plan.path_NK, hxe_weights(plan, alpha))
    assert math.isfinite(float(got))  # one of the labels is a leaf right under the root
    assert math.isclose(float(got), expected / len(label_B), rel_tol=1e-9)


def test_hierarchical_cross_entropy_needs_a_tree():
    with pytest.raises(ConfigError, match="two parents"):
        hxe_weights(compile_plan(DIAMOND), 0.1)


def test_images_of_other_add_nothing_and_image_weights_multiply(generator):
    plan = compile_plan(TWO_LEVEL)
    log_probs_BN = log_probs_for(plan, generator, 4)
    table = label_weights(plan, "uniform")
    label_B = torch.tensor([3, -1, 4, -1])
    alone = hierarchical_loss(log_probs_BN[[0, 2]], label_B[[0, 2]], plan.path_NK, table)
    torch.testing.assert_close(hierarchical_loss(log_probs_BN, label_B, plan.path_NK, table), alone)
    doubled = hierarchical_loss(log_probs_BN, label_B, plan.path_NK, table, torch.full((4,), 2.0))
    torch.testing.assert_close(doubled, 2 * alone)
    assert float(hierarchical_loss(log_probs_BN, torch.full((4,), -1), plan.path_NK, table)) == 0.0


def test_gradients_are_finite_for_logits_of_a_hundred(taxonomy, generator):
    plan = compile_plan(taxonomy)
    logits = (torch.randint(0, 2, (4, plan.num_edges), generator=generator) * 200.0 - 100).requires_grad_()
    label_B = torch.randint(0, plan.num_nodes, (4,), generator=generator)
    loss = hierarchical_loss(node_log_probs(logits, plan), label_B, plan.path_NK, label_weights(plan))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("leaf", [0.0, 1.0]), ("uniform", [1.0, 1.0]), (("decay", 0.5), [0.5, 0.25]), ((9.0, 2.0), [2.0, 2.0])],
    ids=str,
)
def test_level_rules(rule, expected):
    plan = compile_plan(TWO_LEVEL)
    assert label_weights(plan, rule)[TWO_LEVEL.index("0")].tolist() == expected


def test_the_first_weight_of_a_list_is_the_gate_s():
    assert gate_weight((0.25, 1.0)) == 0.25
    assert gate_weight("leaf") == 1.0
    assert gate_weight(("decay", 0.5)) == 1.0


@pytest.mark.parametrize(
    ("rule", "nodes", "message"),
    [
        ("unifrom", {}, "did you mean 'uniform'"),
        ((), {}, "empty list"),
        ((1.0, -1.0), {}, "at least 0, got -1.0"),
        ((1.0, float("nan")), {}, "got nan"),
        ("uniform", {"digti": 1.0}, "did you mean 'digit'"),
        ("uniform", {"digit": -2.0}, "at least 0"),
    ],
)
def test_bad_weights_are_refused(rule, nodes, message):
    with pytest.raises(ConfigError, match=message):
        label_weights(compile_plan(TWO_LEVEL), rule, nodes)


def test_entropic_open_set_is_least_for_the_uniform_answer(generator):
    uniform = torch.zeros(3, 4).log_softmax(1)
    assert math.isclose(float(entropic_open_set_loss(uniform)), math.log(4), rel_tol=1e-6)
    assert float(entropic_open_set_loss(torch.randn(3, 4, generator=generator).log_softmax(1))) > math.log(4)
    assert float(entropic_open_set_loss(torch.zeros(0, 4))) == 0.0
