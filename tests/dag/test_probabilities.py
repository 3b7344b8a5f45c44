from __future__ import annotations

import csv

import pytest
import torch

from hierclf.dag import (
    ancestor_sum,
    compile_plan,
    conditional_log_probs,
    edge_log_softmax,
    flow,
    membership,
    membership_of_leaves,
    node_log_probs,
)
from hierclf.taxonomy import Taxonomy
from tests import reference

DTYPES = (torch.float32, torch.float64)


def logits_for(taxonomy, generator, dtype=torch.float64, scale=1.0, batch=4):
    return scale * torch.randn(batch, len(taxonomy.edges), generator=generator, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_flow_and_membership_equal_a_walk_over_all_paths(taxonomy, generator, dtype):
    plan = compile_plan(taxonomy)
    logits_BE = logits_for(taxonomy, generator, dtype)
    flow_BN = flow(edge_log_softmax(logits_BE, plan), plan)
    assert flow_BN.dtype == dtype
    torch.testing.assert_close(flow_BN.exp().double(), reference.walk_flow(taxonomy, logits_BE), rtol=1e-5, atol=1e-7)
    expected = reference.walk_membership(taxonomy, logits_BE)
    torch.testing.assert_close(membership(flow_BN, plan).exp().double(), expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(node_log_probs(logits_BE, plan).exp().double(), expected, rtol=1e-5, atol=1e-7)


def test_leaves_sum_to_one_and_no_child_exceeds_its_parent(taxonomy, generator):
    plan = compile_plan(taxonomy)
    log_probs_BN = node_log_probs(logits_for(taxonomy, generator, scale=5.0), plan)
    torch.testing.assert_close(log_probs_BN[:, plan.leaf_L].exp().sum(1), torch.ones(4, dtype=torch.float64))
    assert (log_probs_BN[:, plan.child_E] <= log_probs_BN[:, plan.parent_E] + 1e-12).all()
    assert conditional_log_probs(log_probs_BN, plan).max() <= 1e-12


def test_in_a_tree_the_conditional_is_the_softmax_again(generator):
    tree = Taxonomy(root="r", edges=(("r", "a"), ("r", "b"), ("a", "x"), ("a", "y"), ("b", "z")))
    plan = compile_plan(tree)
    logits_BE = logits_for(tree, generator)
    torch.testing.assert_close(
        conditional_log_probs(node_log_probs(logits_BE, plan), plan), edge_log_softmax(logits_BE, plan)
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("extreme", [100.0, 1000.0])
def test_extreme_logits_stay_finite_with_finite_gradients(taxonomy, generator, extreme, dtype):
    plan = compile_plan(taxonomy)
    signs = torch.randint(0, 2, (8, len(taxonomy.edges)), generator=generator) * 2 - 1
    logits_BE = (signs * extreme).to(dtype).requires_grad_()
    log_probs_BN = node_log_probs(logits_BE, plan)
    assert log_probs_BN.isfinite().all()
    log_probs_BN.sum().backward()
    assert logits_BE.grad.isfinite().all()


def test_a_row_does_not_depend_on_the_rest_of_its_batch(taxonomy, generator):
    plan = compile_plan(taxonomy)
    logits_BE = logits_for(taxonomy, generator, torch.float32, batch=16)
    together = node_log_probs(logits_BE, plan)
    for row in range(16):
        torch.testing.assert_close(node_log_probs(logits_BE[row : row + 1], plan)[0], together[row], rtol=0, atol=1e-6)


def test_an_empty_batch_gives_an_empty_answer(taxonomy):
    plan = compile_plan(taxonomy)
    assert node_log_probs(torch.zeros(0, plan.num_edges), plan).shape == (0, plan.num_nodes)


def test_leaf_probabilities_sum_upwards_over_distinct_leaves(taxonomy, generator):
    plan = compile_plan(taxonomy)
    leaf_BL = torch.randn(3, plan.num_leaves, generator=generator, dtype=torch.float64).log_softmax(1)
    got = membership_of_leaves(leaf_BL, plan)
    torch.testing.assert_close(got.exp(), reference.sum_of_leaves(taxonomy, leaf_BL.exp()))
    assert torch.equal(got[:, plan.leaf_L], leaf_BL)


def test_ancestor_sum_counts_each_ancestor_once(taxonomy, generator):
    plan = compile_plan(taxonomy)
    values_BN = torch.randn(3, plan.num_nodes, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(ancestor_sum(values_BN, plan), reference.sum_of_ancestors(taxonomy, values_BN))


def test_renaming_nodes_changes_nothing(taxonomy, generator):
    renamed = Taxonomy(root=f"~{taxonomy.root}", edges=tuple((f"~{p}", f"~{c}") for p, c in taxonomy.edges))
    logits_BE = logits_for(taxonomy, generator)
    assert torch.equal(
        node_log_probs(logits_BE, compile_plan(taxonomy)), node_log_probs(logits_BE, compile_plan(renamed))
    )


def test_gradients_are_those_of_finite_differences(taxonomy, generator):
    plan = compile_plan(taxonomy)
    logits_BE = logits_for(taxonomy, generator, batch=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda logits: node_log_probs(logits, plan), logits_BE)


def test_a_real_dag(shared_data, generator):
    with (shared_data / "choice_handwriting" / "dag_edges.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    taxonomy = Taxonomy.from_edges([(parent, child) for parent, child in rows])
    plan = compile_plan(taxonomy)
    assert not plan.is_tree
    logits_BE = logits_for(taxonomy, generator, batch=2)
    torch.testing.assert_close(node_log_probs(logits_BE, plan).exp(), reference.walk_membership(taxonomy, logits_BE))


def test_random_dags(generator):
    for trial in range(25):
        edges = []
        for child in range(1, 12):
            count = int(torch.randint(1, 4, (1,), generator=generator))
            parents = torch.randperm(child, generator=generator)[:count].tolist()
            edges += [(f"n{parent}", f"n{child}") for parent in parents]
        taxonomy = Taxonomy(root="n0", edges=tuple(edges))
        plan = compile_plan(taxonomy)
        logits_BE = logits_for(taxonomy, generator, batch=2)
        expected = reference.walk_membership(taxonomy, logits_BE)
        torch.testing.assert_close(node_log_probs(logits_BE, plan).exp(), expected, msg=f"trial {trial}")
