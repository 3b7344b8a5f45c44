from __future__ import annotations

import math

import pytest
import torch

from hierclf.dag import compile_plan, membership_of_leaves
from hierclf.decisions import climb, rules
from hierclf.errors import ConfigError
from hierclf.references import BackOff
from hierclf.references.back_off import FittedBackOff, critical_bias, leaf_information
from hierclf.taxonomy import Taxonomy

HAND = Taxonomy.from_edges({"root": ["a", "b"], "a": ["x", "y"], "b": ["z", "w"]})


def by_hand(rule):
    plan = compile_plan(HAND)
    leaf_BL = torch.tensor([[0.6, 0.2, 0.1, 0.1]], dtype=torch.float64).log()
    return FittedBackOff(rule=rule, plan=plan, leaf_logits=lambda embedding_BD: leaf_BL), plan


def test_climbing_by_hand():
    method, plan = by_hand("climbing")
    assert float(method.known_score(torch.zeros(1, 1))) == pytest.approx(math.log(0.6 / 0.4))
    for threshold, node in {0.5: "x", 0.59: "x", 0.61: "a", 0.79: "a", 0.81: "root"}.items():
        bias = math.log(threshold / (1 - threshold))
        assert plan.nodes[int(method.decide(torch.zeros(1, 1), bias))] == node


def test_darts_by_hand():
    method, plan = by_hand("darts")
    # I = 0, 1, 2 bits; M = 1, 0.8, 0.6: x gives 1.2 and a gives 0.8 at λ = 0; a overtakes at λ = 2, the root at 4
    assert float(method.known_score(torch.zeros(1, 1))) == pytest.approx(math.log(2))  # λ = 2·(exp(b) - 1) = 2
    for reward, node in {0.0: "x", 1.99: "x", 2.01: "a", 3.99: "a", 4.01: "root"}.items():
        assert plan.nodes[int(method.decide(torch.zeros(1, 1), math.log1p(reward / 2)))] == node


@pytest.mark.parametrize("rule", ["climbing", "darts"])
def test_any_taxonomy_equals_the_rule_at_its_own_point(taxonomy, rule, generator):
    plan = compile_plan(taxonomy)
    logits_BL = 2 * torch.randn(30, plan.num_leaves, generator=generator, dtype=torch.float64)
    method = FittedBackOff(rule=rule, plan=plan, leaf_logits=lambda embedding_BD: logits_BL)
    table_BN = membership_of_leaves(logits_BL.log_softmax(1), plan)
    for bias in (-2.0, -0.3, 0.0, 0.4, 1.5, 6.0):
        if rule == "climbing":
            expected_B = climb(table_BN, plan, 1 / (1 + math.exp(-bias)))
        else:
            expected_B = rules["information"].decide(table_BN, plan, leaf_information(plan) * math.expm1(bias))
        assert torch.equal(method.decide(torch.zeros(30, 1), bias), expected_B)


@pytest.mark.parametrize("rule", ["climbing", "darts"])
def test_the_critical_bias_is_found_by_bisection_too(taxonomy, rule, generator):
    plan = compile_plan(taxonomy)
    if plan.num_leaves == 1:  # certain at any bias, so there is nothing to bisect
        certain_BN = torch.zeros(3, plan.num_nodes, dtype=torch.float64)
        assert critical_bias(certain_BN, plan, rule).tolist() == [math.inf] * 3
        return
    table_BN = membership_of_leaves(
        (2 * torch.randn(20, plan.num_leaves, generator=generator).double()).log_softmax(1), plan
    )
    for row, critical in zip(table_BN, critical_bias(table_BN, plan, rule).tolist(), strict=True):
        low, high = -20.0, 20.0
        for _ in range(60):
            middle = (low + high) / 2
            if rule == "climbing":
                node = climb(row[None], plan, 1 / (1 + math.exp(-middle)))
            else:
                node = rules["information"].decide(row[None], plan, leaf_information(plan) * math.expm1(middle))
            low, high = (middle, high) if int(node) in plan.leaf_L.tolist() else (low, middle)
        assert critical == pytest.approx(low, abs=1e-5)


@pytest.mark.parametrize("rule", ["climbing", "darts"])
def test_a_certain_leaf_is_known_at_any_finite_bias(rule):
    plan = compile_plan(HAND)
    leaf_BL = torch.tensor([[0.0, -torch.inf, -torch.inf, -torch.inf]], dtype=torch.float64)
    method = FittedBackOff(rule=rule, plan=plan, leaf_logits=lambda embedding_BD: leaf_BL)
    assert float(method.known_score(torch.zeros(1, 1))) == torch.inf
    for bias in (-1e9, -40.0, 0.0, 40.0, 1e9):
        assert plan.nodes[int(method.decide(torch.zeros(1, 1), bias))] == "x"


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="rule is 'climbing' or 'darts', got 'leaf'"):
        BackOff(rule="leaf")
