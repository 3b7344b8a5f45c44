from __future__ import annotations

import pytest
import torch

from hierclf.dag import BorrowedTree, compile_plan, edge_log_softmax, flow
from hierclf.errors import TaxonomyError
from hierclf.heads import BorrowedTreeHead, PerNodeHead
from hierclf.taxonomy import Taxonomy
from tests import reference
from tests.conftest import TWO_LEVEL

GROUPS = Taxonomy.from_edges({"all": ["even", "odd", "dot"], "even": ["0", "2", "a"], "odd": ["1", "b"]})
SLOTS = {node: number for number, node in enumerate((*TWO_LEVEL.leaves, "all", "even", "odd"))}


def borrowed(generator):
    """A head with random weights, and the same numbers as a `PerNodeHead` on the borrowed tree itself."""
    tree = BorrowedTree.between(TWO_LEVEL, GROUPS)
    inner = PerNodeHead(5, tree.plan, generator=generator).double()
    inner.linear.bias.data.normal_(generator=generator)
    head = BorrowedTreeHead.holding(tree, inner.linear.weight, inner.linear.bias, compile_plan(TWO_LEVEL))
    return head, inner, tree


def test_memberships_are_leaf_probabilities_of_the_tree_summed_in_the_taxonomy(generator):
    head, inner, tree = borrowed(generator)
    embedding_BD = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    inner_BT = reference.walk_membership(tree.plan.taxonomy, inner(embedding_BD).detach())
    column = {int(node): place for place, node in enumerate(tree.plan.nodes)}
    leaf_BL = torch.stack([inner_BT[:, column[SLOTS[leaf]]] for leaf in TWO_LEVEL.leaves], dim=1)
    expected = reference.sum_of_leaves(TWO_LEVEL, leaf_BL)
    torch.testing.assert_close(head.node_log_probs(head(embedding_BD)).exp(), expected)
    torch.testing.assert_close(head.leaf_scores(head(embedding_BD)).softmax(1), leaf_BL)


def test_leaf_scores_are_lifted_to_the_level_of_the_logits(generator):
    head, inner, tree = borrowed(generator)
    embedding_BD = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        head.leaf_scores(head(embedding_BD)), tree.in_order(inner.leaf_scores(inner(embedding_BD)))
    )
    sums_BT = flow(inner(embedding_BD), tree.plan)[:, tree.plan.leaf_L]
    torch.testing.assert_close(head.leaf_scores(head(embedding_BD)).logsumexp(1), sums_BT.logsumexp(1))
    assert edge_log_softmax(inner(embedding_BD), tree.plan).isfinite().all()


def test_the_tree_is_loaded_with_the_weights(generator):
    head, _, tree = borrowed(generator)
    fresh = BorrowedTreeHead(5, compile_plan(TWO_LEVEL)).double()
    assert fresh.tree.plan.num_edges == 6, "it begins with all leaves side by side"
    fresh.load_state_dict(head.state_dict())
    assert fresh.tree.plan.taxonomy == tree.plan.taxonomy
    embedding_BD = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(fresh(embedding_BD), head(embedding_BD))
    torch.testing.assert_close(fresh.node_log_probs(fresh(embedding_BD)), head.node_log_probs(head(embedding_BD)))


def test_a_table_that_is_no_tree_is_refused(generator):
    head, *_ = borrowed(generator)
    broken = head.state_dict() | {"parent": torch.full_like(head.parent, -1)}
    with pytest.raises(TaxonomyError):
        BorrowedTreeHead(5, compile_plan(TWO_LEVEL)).double().load_state_dict(broken)
