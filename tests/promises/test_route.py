from __future__ import annotations

import random

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import CalibrationError
from hierclf.promises import (
    RoutePromise,
    conformal_threshold,
    entering_surprise,
    p_values,
    route_surprise,
    stopping_node,
    surprise_at,
)
from hierclf.taxonomy import Taxonomy
from tests import reference


def random_taxonomy(seed):
    """Twelve nodes, each below one to three of those before it."""
    draw = random.Random(seed)
    edges = [
        (f"n{parent:02}", f"n{child:02}")
        for child in range(1, 12)
        for parent in draw.sample(range(child), k=min(child, draw.choice([1, 1, 2, 3])))
    ]
    return Taxonomy(root="n00", edges=tuple(edges))


def random_surprise(taxonomy, generator, batch=6):
    """Surprises with ties, some nodes without a gate, and nonsense at the leaves, which nobody may read."""
    surprise_BN = torch.randint(0, 6, (batch, len(taxonomy.nodes)), generator=generator).double()
    silent_BN = torch.rand(surprise_BN.shape, generator=generator) < 0.2
    minus = torch.rand(surprise_BN.shape, generator=generator) < 0.5
    surprise_BN[silent_BN & minus] = float("nan")
    surprise_BN[silent_BN & ~minus] = -float("inf")
    return surprise_BN


def gate_of(taxonomy, surprise):
    """The surprise at each node that has a gate."""
    return {
        node: value
        for node, value in zip(taxonomy.nodes, surprise, strict=True)
        if node not in taxonomy.leaves and value == value and value != -float("inf")
    }


def slow_route(taxonomy, surprise, node, own=True):
    gates = gate_of(taxonomy, surprise)
    worst = []
    for path in reference.routes(taxonomy, node):
        nodes = path if own else path[:-1]
        worst.append(max((gates[step] for step in nodes if step in gates), default=-float("inf")))
    return min(worst)


def assert_equal_to_all_paths(taxonomy, generator):
    plan, surprise_BN = compile_plan(taxonomy), random_surprise(taxonomy, generator)
    route_BN, entering_BN = route_surprise(surprise_BN, plan), entering_surprise(surprise_BN, plan)
    for row, surprise in enumerate(surprise_BN.tolist()):
        for place, node in enumerate(taxonomy.nodes):
            assert route_BN[row, place] == slow_route(taxonomy, surprise, node)
            assert entering_BN[row, place] == slow_route(taxonomy, surprise, node, own=False)


def test_the_statistic_equals_a_search_over_all_paths(taxonomy, generator):
    assert_equal_to_all_paths(taxonomy, generator)


@pytest.mark.parametrize("seed", range(30))
def test_the_statistic_equals_a_search_over_all_paths_of_random_dags(seed, generator):
    assert_equal_to_all_paths(random_taxonomy(seed), generator)


@pytest.mark.parametrize("seed", range(20))
def test_an_image_is_stopped_at_a_gate_that_it_reached_on_the_way_to_its_node(seed, generator):
    taxonomy = random_taxonomy(seed)
    plan, threshold = compile_plan(taxonomy), 3.0
    target_B = torch.arange(len(taxonomy.nodes)).repeat(6)
    surprise_BN = random_surprise(taxonomy, generator, batch=len(target_B))
    surprise_BN[:, 0] = float("nan")  # else most images end at the root
    found = stopping_node(surprise_BN, target_B, threshold, plan).tolist()
    size = {node: len(reference.leaves_below(taxonomy, node)) for node in taxonomy.nodes}
    for surprise, place, stop in zip(surprise_BN.tolist(), target_B.tolist(), found, strict=True):
        target = taxonomy.nodes[place]
        if slow_route(taxonomy, surprise, target) <= threshold:
            assert taxonomy.nodes[stop] == target
            continue
        gates = gate_of(taxonomy, surprise)
        paths = reference.routes(taxonomy, target)
        reached = [next(step for step in path if gates.get(step, 0.0) > threshold) for path in paths]
        best = min(reached, key=lambda node: (size[node], -taxonomy.index(node)))
        assert taxonomy.nodes[stop] == best


def test_the_values_at_one_node_per_image(generator):
    table_BN = torch.randn(4, 7, generator=generator)
    node_B = torch.tensor([6, 0, 3, 3])
    assert surprise_at(table_BN, node_B).tolist() == [table_BN[row, node].item() for row, node in enumerate(node_B)]


def test_float32_and_an_empty_batch(taxonomy):
    plan = compile_plan(taxonomy)
    assert route_surprise(torch.zeros(0, plan.num_nodes), plan).shape == (0, plan.num_nodes)
    assert route_surprise(torch.zeros(2, plan.num_nodes, dtype=torch.float32), plan).dtype == torch.float64
    empty = stopping_node(torch.zeros(0, plan.num_nodes), torch.empty(0, dtype=torch.int64), 1.0, plan)
    assert empty.shape == (0,)


def test_without_a_gate_nobody_is_stopped(taxonomy):
    plan = compile_plan(taxonomy)
    silent_BN = torch.full((3, plan.num_nodes), float("nan"))
    assert route_surprise(silent_BN, plan).isneginf().all()
    leaf_B = plan.leaf_L[:1].expand(3)
    assert torch.equal(stopping_node(silent_BN, leaf_B, -1e9, plan), leaf_B)


def test_in_200_draws_three_gates_of_5_percent_turn_away_more_and_the_whole_route_does_not(generator):
    """Images on their way through a chain of three gates, whose scores have a correlation of one half."""
    plan = compile_plan(Taxonomy(root="a", edges=(("a", "b"), ("b", "c"), ("c", "d"))))
    alpha, draws, gates, one_by_one, whole = 0.05, 200, slice(0, 3), [], []

    def images(number):
        shared = torch.randn(number, 1, generator=generator, dtype=torch.float64)
        own = torch.randn(number, 3, generator=generator, dtype=torch.float64)
        return (shared + own) / 2**0.5

    def surprise(split_a, scores_BG):
        columns = [-p_values(split_a[:, gate], scores_BG[:, gate]).log() for gate in range(3)]
        return torch.stack([*columns, torch.zeros_like(columns[0])], dim=1)

    for _ in range(draws):
        split_a, split_b, fresh = images(200), images(200), images(1000)
        at_leaf = [route_surprise(surprise(split_a, scores), plan)[:, 3] for scores in (split_b, fresh)]
        whole.append((at_leaf[1] > conformal_threshold(at_leaf[0], alpha)).double().mean())
        p_value_BG = surprise(split_a, fresh)[:, gates].neg().exp()
        one_by_one.append((p_value_BG <= alpha + 1e-12).any(1).double().mean())
    one_by_one, whole = torch.stack(one_by_one), torch.stack(whole)
    assert whole.mean() <= alpha + 2 * whole.std() / draws**0.5
    assert whole.mean() > 0.03, "the test is not empty"
    assert one_by_one.mean() > 0.10


def test_words_are_true_also_without_enough_images():
    few = RoutePromise(alpha=0.05, n=18, gates=2)
    assert not few.holds
    assert "takes at least 19 calibration images, and there are 18" in few.sentence
    assert "by its one gate" in RoutePromise(alpha=0.05, n=19, gates=1).sentence
    assert not RoutePromise(alpha=0.05, n=500, gates=0).holds
    assert "no image is ever turned away" in RoutePromise(alpha=0.05, n=500, gates=0).sentence


def test_a_table_of_another_width_is_refused(taxonomy):
    plan = compile_plan(taxonomy)
    with pytest.raises(CalibrationError, match=rf"shape \(B, {plan.num_nodes}\), got \(2, {plan.num_nodes + 1}\)"):
        route_surprise(torch.zeros(2, plan.num_nodes + 1), plan)
