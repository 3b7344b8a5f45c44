"""The stop distribution against a walk that takes every way down, one image and one node at a time."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch

from hierclf.dag import compile_plan, membership_of_leaves, membership_of_stops, route_log_shares, stop_log_probs
from hierclf.taxonomy import Taxonomy

TREE = Taxonomy.from_edges(
    {"sign": ["digit", "letter", "dot"], "digit": ["0", "1"], "letter": ["vowel"], "vowel": ["a", "e"]}
)
DIAMOND = Taxonomy.from_edges({"root": ["l", "r"], "l": ["x", "p"], "r": ["x", "q"]})
DEEP = Taxonomy.from_edges({"r": ["a", "b", "x"], "a": ["x", "c"], "b": ["c", "y"], "c": ["z", "x"], "y": ["z", "w"]})
ONE = Taxonomy.from_edges({"root": ["only"]})
ALL = pytest.mark.parametrize("taxonomy", [TREE, DIAMOND, DEEP, ONE], ids=["tree", "diamond", "deep", "one"])


def going_up(taxonomy, leaf_probs):
    """Flow of the walk up from the leaves, by recursion over children."""

    def flow(node):
        children = taxonomy.children(node)
        if not children:
            return leaf_probs[node]
        return sum(flow(child) / len(taxonomy.parents(child)) for child in children)

    return {node: flow(node) for node in taxonomy.nodes}


def walk(taxonomy, leaf_probs, novel):
    """Stop probabilities by following every path from the root."""
    up = going_up(taxonomy, leaf_probs)
    stops = defaultdict(float)

    def descend(node, mass):
        children = taxonomy.children(node)
        if not children:
            stops[node] += mass
            return
        stops[node] += mass * novel[node]
        arrives = {child: up[child] / len(taxonomy.parents(child)) for child in children}
        for child in children:
            descend(child, mass * (1 - novel[node]) * arrives[child] / sum(arrives.values()))

    descend(taxonomy.root, 1.0)
    return stops


def drawn(taxonomy, seed=0, count=6):
    generator = torch.Generator().manual_seed(seed)
    plan = compile_plan(taxonomy)
    leaf_BL = (3 * torch.randn(count, plan.num_leaves, generator=generator, dtype=torch.float64)).log_softmax(1)
    novel_BN = torch.rand(count, plan.num_nodes, generator=generator, dtype=torch.float64)
    return plan, leaf_BL, novel_BN


@ALL
def test_stops_equal_a_walk_down_every_path(taxonomy):
    plan, leaf_BL, novel_BN = drawn(taxonomy)
    stops_BN = stop_log_probs(membership_of_leaves(leaf_BL, plan), novel_BN.log(), plan).exp()
    for row in range(len(leaf_BL)):
        leaf_probs = {leaf: float(leaf_BL[row, place].exp()) for place, leaf in enumerate(taxonomy.leaves)}
        novel = {node: float(novel_BN[row, place]) for place, node in enumerate(taxonomy.nodes)}
        expected = walk(taxonomy, leaf_probs, novel)
        torch.testing.assert_close(stops_BN[row].tolist(), [expected[node] for node in taxonomy.nodes])


@ALL
def test_stops_sum_to_one_and_memberships_follow(taxonomy):
    plan, leaf_BL, novel_BN = drawn(taxonomy, seed=1)
    stops_BN = stop_log_probs(membership_of_leaves(leaf_BL, plan), novel_BN.log(), plan)
    torch.testing.assert_close(stops_BN.exp().sum(1), torch.ones(len(leaf_BL), dtype=torch.float64))
    below = {
        node: [other for other in taxonomy.nodes if node == other or node in taxonomy.ancestors(other)]
        for node in taxonomy.nodes
    }
    expected_BN = torch.stack(
        [stops_BN.exp()[:, [taxonomy.index(one) for one in below[node]]].sum(1) for node in taxonomy.nodes], dim=1
    )
    torch.testing.assert_close(membership_of_stops(stops_BN, plan).exp(), expected_BN)


@ALL
def test_without_novelty_the_leaves_keep_their_probabilities(taxonomy):
    plan, leaf_BL, _ = drawn(taxonomy, seed=2)
    known_BN = membership_of_leaves(leaf_BL, plan)
    nothing_BN = torch.full_like(known_BN, -torch.inf)
    stops_BN = stop_log_probs(known_BN, nothing_BN, plan)
    torch.testing.assert_close(stops_BN[:, plan.leaf_L], leaf_BL)
    torch.testing.assert_close(membership_of_stops(stops_BN, plan), known_BN)


def test_certain_novelty_stops_everything_above():
    plan, leaf_BL, _ = drawn(TREE)
    novel_BN = torch.full((len(leaf_BL), plan.num_nodes), -torch.inf, dtype=torch.float64)
    novel_BN[:, 0] = 0.0
    stops_BN = stop_log_probs(membership_of_leaves(leaf_BL, plan), novel_BN, plan).exp()
    assert stops_BN[:, 0].tolist() == [1.0] * len(leaf_BL)
    assert (stops_BN[:, 1:] == 0).all()


@ALL
def test_shares_of_one_parent_sum_to_one_even_where_nothing_arrives(taxonomy):
    plan, leaf_BL, _ = drawn(taxonomy)
    leaf_BL[0] = -torch.inf
    leaf_BL[0, 0] = 0.0
    share_BE = route_log_shares(membership_of_leaves(leaf_BL, plan), plan).exp()
    sums_BG = torch.zeros(len(leaf_BL), plan.num_groups, dtype=torch.float64).index_add(1, plan.group_E, share_BE)
    torch.testing.assert_close(sums_BG, torch.ones_like(sums_BG))


def test_extreme_logits_stay_finite_and_a_row_does_not_depend_on_its_batch():
    plan, _, novel_BN = drawn(DEEP)
    leaf_BL = (1000 * torch.randn(6, plan.num_leaves, dtype=torch.float64)).log_softmax(1)
    known_BN = membership_of_leaves(leaf_BL, plan)
    stops_BN = stop_log_probs(known_BN, novel_BN.log(), plan)
    assert not stops_BN.isnan().any()
    torch.testing.assert_close(stops_BN[2:3], stop_log_probs(known_BN[2:3], novel_BN[2:3].log(), plan))


def test_float32_agrees():
    plan, leaf_BL, novel_BN = drawn(DIAMOND)
    known_BN = membership_of_leaves(leaf_BL, plan)
    fine = stop_log_probs(known_BN, novel_BN.log(), plan)
    coarse = stop_log_probs(known_BN.float(), novel_BN.float().log(), plan)
    torch.testing.assert_close(coarse.double(), fine, rtol=1e-4, atol=1e-4)
