from __future__ import annotations

import math

import pytest
import torch

from hierclf.dag import BorrowedTree, compile_plan, hop_table, node_log_probs
from hierclf.decisions import correct_or_ancestor, likeliest_leaf, operating_point, route_along, rules, top_down
from hierclf.errors import ConfigError
from tests import reference
from tests.conftest import TWO_LEVEL


def memberships(taxonomy, generator, batch=30, scale=2.0):
    plan = compile_plan(taxonomy)
    logits = scale * torch.randn(batch, plan.num_edges, generator=generator, dtype=torch.float64)
    return plan, node_log_probs(logits, plan)


def test_hops_equal_the_shortest_way_over_every_common_ancestor(taxonomy):
    plan = compile_plan(taxonomy)
    table = hop_table(plan)
    for row, node in enumerate(taxonomy.nodes):
        for column, leaf in enumerate(taxonomy.leaves):
            assert int(table[row, column]) == reference.hops(taxonomy, node, leaf)


def test_leaf_is_the_likeliest(taxonomy, generator):
    plan, log_probs_BN = memberships(taxonomy, generator)
    for row, node in zip(log_probs_BN, rules["leaf"].decide(log_probs_BN, plan, 0.0), strict=True):
        assert plan.nodes[node] == max(taxonomy.leaves, key=lambda leaf: row[taxonomy.index(leaf)])


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.6, 0.9, 1.1])
def test_threshold_climbs_to_the_lowest_ancestor_that_is_sure_enough(taxonomy, generator, threshold):
    plan, log_probs_BN = memberships(taxonomy, generator)
    for row, node in zip(log_probs_BN.exp(), rules["threshold"].decide(log_probs_BN, plan, threshold), strict=True):
        leaf = max(taxonomy.leaves, key=lambda leaf: row[taxonomy.index(leaf)])
        way = reference.ancestor_set(taxonomy, leaf)
        sure = [n for n in way if row[taxonomy.index(n)] >= threshold] + [taxonomy.root]
        detail = {n: -len(reference.leaves_below(taxonomy, n)) for n in sure}
        best = max(sure, key=lambda n: (detail[n], taxonomy.level(n), float(row[taxonomy.index(n)])))
        assert plan.nodes[node] == best


def test_expected_distance_is_least(taxonomy, generator):
    plan, log_probs_BN = memberships(taxonomy, generator)
    leaf_BL = log_probs_BN[:, plan.leaf_L].exp()
    for row, node in zip(leaf_BL.tolist(), rules["expected_distance"].decide(log_probs_BN, plan, 0.0), strict=True):
        cost = {
            n: sum(p * reference.hops(taxonomy, n, leaf) for p, leaf in zip(row, taxonomy.leaves, strict=True))
            for n in taxonomy.nodes
        }
        assert math.isclose(cost[plan.nodes[node]], min(cost.values()), abs_tol=1e-7)


@pytest.mark.parametrize("reward", [0.0, 0.5, 3.0])
def test_information_is_worth_most(taxonomy, generator, reward):
    plan, log_probs_BN = memberships(taxonomy, generator)
    for row, node in zip(log_probs_BN.exp(), rules["information"].decide(log_probs_BN, plan, reward), strict=True):
        total = len(taxonomy.leaves)
        value = {
            n: (math.log2(total / len(reference.leaves_below(taxonomy, n))) + reward) * float(row[taxonomy.index(n)])
            for n in taxonomy.nodes
        }
        assert math.isclose(value[plan.nodes[node]], max(value.values()), rel_tol=1e-9)


@pytest.mark.parametrize("name", tuple(rules))
def test_a_row_does_not_depend_on_the_rest_of_its_batch(name, taxonomy, generator):
    plan, log_probs_BN = memberships(taxonomy, generator)
    together = rules[name].decide(log_probs_BN, plan, 0.7)
    alone = [rules[name].decide(log_probs_BN[row : row + 1], plan, 0.7).item() for row in range(len(log_probs_BN))]
    assert together.tolist() == alone
    assert len(rules[name].decide(log_probs_BN[:0], plan, 0.7)) == 0


@pytest.mark.parametrize("name", ["threshold", "information"])
def test_the_calibrated_point_keeps_its_promise_and_is_not_wasteful(name, generator):
    shares = []
    for _ in range(60):
        plan, log_probs_BN = memberships(TWO_LEVEL, generator, batch=259, scale=1.0)
        leaf_probs_BL = log_probs_BN[:, plan.leaf_L].exp()
        label_B = plan.leaf_L[torch.multinomial(leaf_probs_BL, 1, generator=generator)[:, 0]]
        point = operating_point(name, log_probs_BN[:59], label_B[:59], plan, correct=0.8)
        answer_B = rules[name].decide(log_probs_BN[59:], plan, point)
        shares.append(correct_or_ancestor(answer_B, label_B[59:], plan).double().mean())
    mean, error = torch.stack(shares).mean().item(), torch.stack(shares).std().item() / math.sqrt(60)
    assert mean >= 0.8 - 2 * error
    assert mean <= 0.9


def test_too_few_images_make_no_promise(generator):
    plan, log_probs_BN = memberships(TWO_LEVEL, generator, batch=18)
    label_B = likeliest_leaf(log_probs_BN, plan)
    assert operating_point("threshold", log_probs_BN, label_B, plan, correct=0.95) is None
    plan, log_probs_BN = memberships(TWO_LEVEL, generator, batch=19)
    label_B = likeliest_leaf(log_probs_BN, plan)
    assert operating_point("threshold", log_probs_BN, label_B, plan, correct=0.95) == 0.0


def test_a_label_at_an_internal_node_is_met_by_anything_on_its_way(generator):
    plan = compile_plan(TWO_LEVEL)
    index = TWO_LEVEL.index
    answers = torch.tensor([index("digit"), index("0"), index("character"), index("a"), index("letter")])
    labels = torch.full((5,), index("digit"))
    assert correct_or_ancestor(answers, labels, plan).tolist() == [True, True, True, False, False]


def test_rules_without_a_point_cannot_be_calibrated(generator):
    plan, log_probs_BN = memberships(TWO_LEVEL, generator)
    with pytest.raises(ConfigError, match="no operating point"):
        operating_point("leaf", log_probs_BN, plan.leaf_L[:1].expand(30), plan, correct=0.9)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        operating_point("threshold", log_probs_BN, plan.leaf_L[:1].expand(30), plan, correct=1.0)


def walked_down(taxonomy, row):
    """The leaf that one reaches by taking the likeliest child of every node, by hand."""
    node = taxonomy.root
    while taxonomy.children(node):
        children = sorted(taxonomy.children(node), key=taxonomy.index)
        node = max(children, key=lambda child: float(row[taxonomy.index(child)]))
    return node


def test_top_down_takes_the_likeliest_child_of_every_node(taxonomy, generator):
    plan, log_probs_BN = memberships(taxonomy, generator)
    answered = rules["top_down"].decide(log_probs_BN, plan, 0.0)
    assert [plan.nodes[node] for node in answered] == [walked_down(taxonomy, row) for row in log_probs_BN]
    torch.testing.assert_close(rules["top_down"].leaf(log_probs_BN, plan), answered)


def test_top_down_never_comes_back_from_a_wrong_turn():
    plan = compile_plan(TWO_LEVEL)
    leaves = dict.fromkeys(TWO_LEVEL.leaves, 0.0) | {"a": 0.28, "b": 0.27, "0": 0.45}
    row = [sum(leaves[leaf] for leaf in reference.leaves_below(TWO_LEVEL, node)) for node in plan.nodes]
    log_probs_BN = torch.tensor([row], dtype=torch.float64).log()
    assert plan.nodes[top_down(log_probs_BN, plan)] == "a"
    assert plan.nodes[rules["leaf"].leaf(log_probs_BN, plan)] == "0"


def test_top_down_takes_the_first_of_equals_and_any_batch():
    plan = compile_plan(TWO_LEVEL)
    equal_BN = torch.zeros(3, plan.num_nodes, dtype=torch.float64)
    first = walked_down(TWO_LEVEL, equal_BN[0])
    assert [plan.nodes[node] for node in top_down(equal_BN, plan)] == [first] * 3
    assert top_down(equal_BN[:0], plan).shape == (0,)


def test_a_route_along_another_tree_is_the_walk_in_that_tree(generator):
    plan, log_probs_BN = memberships(TWO_LEVEL, generator)
    groups = type(TWO_LEVEL)(
        root="r",
        edges=(("r", "x"), ("r", "y"), *(("x", n) for n in "0a"), ("y", "z"), ("y", "dot"), *(("z", n) for n in "12b")),
    )
    tree = BorrowedTree.between(TWO_LEVEL, groups)
    found = route_along(top_down, log_probs_BN, plan, tree)
    for row, node in zip(log_probs_BN, found, strict=True):
        sums = {
            n: sum(float(row[TWO_LEVEL.index(leaf)].exp()) for leaf in reference.leaves_below(groups, n))
            for n in groups.nodes
        }
        assert plan.nodes[node] == walked_down(groups, [sums[n] for n in groups.nodes])
