from __future__ import annotations

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan, membership_of_leaves, stop_log_probs
from hierclf.decisions import Novelty, decide, likeliest_answer, likeliest_novelty, nearest_to_stops
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.reference import hops, leaves_below


def stops_of(taxonomy, generator, count=40, sharpness=3.0):
    """Stop distributions as gates give them, some of them sure and some not."""
    plan = compile_plan(taxonomy)
    logits_BL = sharpness * torch.randn(count, plan.num_leaves, generator=generator, dtype=torch.float64)
    known_BN = membership_of_leaves(logits_BL.log_softmax(1), plan)
    novel_BN = torch.rand(count, plan.num_nodes, generator=generator, dtype=torch.float64) ** 2
    return stop_log_probs(known_BN, novel_BN.log(), plan), plan


def test_something_new_is_likeliest_at_the_internal_node_with_most_of_it(taxonomy, generator):
    stops_BN, plan = stops_of(taxonomy, generator)
    internal = [node for node in taxonomy.nodes if node not in taxonomy.leaves]
    for row, node in zip(stops_BN, likeliest_novelty(stops_BN, plan).tolist(), strict=True):
        best = max(internal, key=lambda name: float(row[taxonomy.index(name)]))
        assert taxonomy.nodes[node] == best


def test_the_nearest_node_has_the_least_expected_hops(taxonomy, generator):
    stops_BN, plan = stops_of(taxonomy, generator)
    nodes = taxonomy.nodes
    hop_NN = np.array([[hops(taxonomy, first, second) for second in nodes] for first in nodes], dtype=float)
    cost_BN = stops_BN.exp().numpy() @ hop_NN.T
    found_B = nearest_to_stops(stops_BN, plan).numpy()
    np.testing.assert_allclose(cost_BN[np.arange(len(cost_BN)), found_B], cost_BN.min(1), atol=1e-7)
    near_BN = cost_BN <= cost_BN.min(1, keepdims=True) + 1e-12
    later_B = np.array([np.flatnonzero(row).max() for row in near_BN])
    assert (found_B >= later_B).all()  # the deeper of equals


def test_equal_costs_go_to_the_deeper_node():
    plan = compile_plan(TWO_LEVEL)
    half = torch.full((1, 9), -torch.inf, dtype=torch.float64)
    half[0, [TWO_LEVEL.index("digit"), TWO_LEVEL.index("0")]] = np.log(0.5)
    assert TWO_LEVEL.nodes[int(nearest_to_stops(half, plan))] == "0"


@pytest.mark.parametrize("rule", ["threshold", "leaf", "information"])
def test_without_a_promise_the_likeliest_place_answers(taxonomy, generator, rule):
    stops_BN, plan = stops_of(taxonomy, generator)
    said_B = torch.randint(len(taxonomy), (len(stops_BN),), generator=generator)
    node_B, novel_B = likeliest_answer(stops_BN, rule, said_B, plan)
    for row in range(len(stops_BN)):
        best = taxonomy.nodes[int(stops_BN[row].argmax())]
        assert bool(novel_B[row]) == (best not in taxonomy.leaves)
        expected = taxonomy.index(best) if best not in taxonomy.leaves else int(said_B[row])
        assert int(node_B[row]) == expected


def test_expected_distance_answers_with_the_nearest_and_says_what_is_likelier_there(taxonomy, generator):
    stops_BN, plan = stops_of(taxonomy, generator)
    said_B = torch.zeros(len(stops_BN), dtype=torch.int64)
    node_B, novel_B = likeliest_answer(stops_BN, "expected_distance", said_B, plan)
    assert torch.equal(node_B, nearest_to_stops(stops_BN, plan))
    for row, node in enumerate(node_B.tolist()):
        name, probs = taxonomy.nodes[node], stops_BN[row].exp()
        known = sum(float(probs[taxonomy.index(leaf)]) for leaf in leaves_below(taxonomy, name))
        assert bool(novel_B[row]) == (name not in taxonomy.leaves and float(probs[node]) >= known - 1e-12)


def test_a_row_does_not_depend_on_its_batch(taxonomy, generator):
    stops_BN, plan = stops_of(taxonomy, generator)
    said_B = torch.zeros(len(stops_BN), dtype=torch.int64)
    for rule in ("threshold", "expected_distance"):
        whole = likeliest_answer(stops_BN, rule, said_B, plan)
        for row in range(len(stops_BN)):
            alone = likeliest_answer(stops_BN[row : row + 1], rule, said_B[:1], plan)
            assert [int(one) for one in alone] == [int(column[row]) for column in whole]
        assert [len(column) for column in likeliest_answer(stops_BN[:0], rule, said_B[:0], plan)] == [0, 0]


def decided(away, stops, *, bound=True, uncertain=None, rule="leaf", taxonomy=TWO_LEVEL):
    plan = compile_plan(taxonomy)
    known_BN = membership_of_leaves(torch.full((1, plan.num_leaves), 1 / plan.num_leaves).log(), plan)
    stops_BN = torch.full((1, plan.num_nodes), 1e-9)
    for name, share in stops.items():
        stops_BN[0, taxonomy.index(name)] = share
    novelty = Novelty(
        away_B=torch.tensor([away]),
        stop_log_probs_BN=(stops_BN / stops_BN.sum()).log(),
        uncertain_B=None if uncertain is None else torch.tensor([uncertain]),
        bound=bound,
    )
    p_value_B = torch.tensor([0.01 if away else 0.5])
    return decide(["x"], known_BN, p_value_B, plan, rule=rule, point=0.5, alpha=0.05, errors={}, novelty=novelty)[0]


def test_what_is_turned_away_stops_where_something_new_is_likeliest():
    one = decided(True, {"digit": 0.3, "character": 0.1, "0": 0.6})
    assert (one.status, one.node, one.route) == ("novel_child", "digit", ("character", "digit"))
    assert one.probability == pytest.approx(0.9)
    assert one.reason == "under digit (0.90), but none of its known children: p = 0.01 ≤ 0.05"
    other = decided(True, {"digit": 0.3, "character": 0.4, "0": 0.3})
    assert (other.status, other.node, other.probability) == ("other", "character", 1.0)
    assert other.reason == "turned away at the root: p = 0.01 ≤ 0.05"


def test_what_is_let_in_is_known_whatever_is_likeliest():
    assert decided(False, {"digit": 0.9, "0": 0.1}).status == "known"
    assert decided(False, {"0": 1.0}, uncertain=True).status == "uncertain"
    assert decided(True, {"digit": 1.0}, uncertain=True).status == "novel_child"


def test_without_a_promise_p_values_turn_nobody_away():
    one = decided(True, {"0": 0.6, "digit": 0.3, "character": 0.1}, bound=False)
    assert (one.status, one.node) == ("known", one.leaf)
    novel = decided(False, {"0": 0.3, "digit": 0.6, "character": 0.1}, bound=False)
    assert (novel.status, novel.node) == ("novel_child", "digit")
    assert novel.reason == "under digit (0.90), but none of its known children: p = 0.5, the likeliest"


def test_on_a_dag_the_route_goes_to_the_novel_node():
    one = decided(True, {"pet": 0.6, "wolf": 0.4}, taxonomy=DEEP_DAG)
    assert (one.status, one.route) == ("novel_child", ("thing", "pet"))


def test_by_p_value_alone_everything_turned_away_is_other():
    novelty = Novelty.by_p_value(torch.tensor([0.05, 0.06]), 0.05)
    assert novelty.away_B.tolist() == [True, False]
    assert novelty.stop_log_probs_BN is None
