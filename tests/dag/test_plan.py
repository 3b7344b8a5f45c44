from __future__ import annotations

import math

import torch

from hierclf.dag import compile_plan
from tests import reference


def test_numbers_follow_the_taxonomy(taxonomy):
    plan = compile_plan(taxonomy)
    assert plan.nodes == taxonomy.nodes
    assert [plan.nodes[leaf] for leaf in plan.leaf_L] == list(taxonomy.leaves)
    edges = [(plan.nodes[p], plan.nodes[c]) for p, c in zip(plan.parent_E, plan.child_E, strict=True)]
    assert edges == reference.edge_order(taxonomy)
    assert plan.level_N.tolist() == [taxonomy.level(node) for node in taxonomy.nodes]
    assert plan.is_tree == taxonomy.is_tree


def test_leaf_counts_information_and_closure(taxonomy):
    plan = compile_plan(taxonomy)
    below = [reference.leaves_below(taxonomy, node) for node in taxonomy.nodes]
    assert plan.leaf_count_N.tolist() == [len(leaves) for leaves in below]
    expected = [-math.log2(len(leaves) / len(taxonomy.leaves)) for leaves in below]
    torch.testing.assert_close(plan.information_N, torch.tensor(expected, dtype=torch.float64))
    pairs = {(plan.nodes[n], taxonomy.leaves[s]) for n, s in zip(plan.closure_node_P, plan.closure_leaf_P, strict=True)}
    assert pairs == {(node, leaf) for node, leaves in zip(taxonomy.nodes, below, strict=True) for leaf in leaves}
    assert plan.closure_node_P.tolist() == sorted(plan.closure_node_P.tolist())


def test_paths_hold_each_ancestor_once_without_the_root(taxonomy):
    plan = compile_plan(taxonomy)
    for node, row in zip(taxonomy.nodes, plan.path_NK.tolist(), strict=True):
        named = [plan.nodes[place] for place in row if place >= 0]
        assert len(named) == len(set(named))
        assert set(named) == reference.ancestor_set(taxonomy, node)


def test_moving_to_the_same_device_is_free(taxonomy):
    plan = compile_plan(taxonomy)
    assert plan.to("cpu") is plan
    assert plan.to("meta") is plan.to("meta")
    assert plan.to("meta").parent_E.device.type == "meta"
