from __future__ import annotations

import pytest
import torch

from hierclf.dag import BorrowedTree
from hierclf.dag.borrowed import slots
from hierclf.errors import TaxonomyError
from hierclf.taxonomy import Taxonomy
from tests import reference
from tests.conftest import DEEP_DAG, ONE_LEAF, STAR, TWO_LEVEL

GROUPS = Taxonomy.from_edges({"all": ["even", "odd"], "even": ["0", "2", "only"], "only": ["a"], "odd": ["1", "b"]})
"""Over the leaves of `TWO_LEVEL`, but for the dot; one group has a single member."""


def probabilities(taxonomy, generator, batch=4):
    return torch.rand(batch, len(taxonomy.leaves), generator=generator, dtype=torch.float64).log().log_softmax(1)


def test_memberships_are_sums_over_the_leaves_of_the_borrowed_tree(generator):
    tree = BorrowedTree.between(TWO_LEVEL, GROUPS)
    leaf_BL = probabilities(TWO_LEVEL, generator)
    inner_BT = tree.memberships(leaf_BL).exp()
    of = dict(zip(TWO_LEVEL.leaves, leaf_BL.exp().T, strict=True))
    found = {}
    for place, node in enumerate(tree.plan.nodes):
        below = reference.leaves_below(tree.plan.taxonomy, node)
        names = frozenset(TWO_LEVEL.leaves[int(leaf)] for leaf in below)
        found[names] = inner_BT[:, place]
    for names, value_B in found.items():
        torch.testing.assert_close(value_B, sum(of[name] for name in names))
    assert {frozenset("02a"), frozenset("1b"), frozenset(("dot",))} <= set(found)
    assert frozenset(("a",)) in found
    assert len(found) == len(TWO_LEVEL.leaves) + 3, "the group of one makes no node of its own"


@pytest.mark.parametrize("taxonomy", [TWO_LEVEL, DEEP_DAG, STAR, ONE_LEAF], ids=lambda one: one.root)
def test_values_of_leaves_come_back_in_the_order_of_the_taxonomy(taxonomy, generator):
    tree = BorrowedTree.star(len(taxonomy.leaves))
    leaf_BL = probabilities(taxonomy, generator)
    inner_BT = tree.memberships(leaf_BL)
    torch.testing.assert_close(tree.in_order(inner_BT[:, tree.plan.leaf_L]), leaf_BL)


def test_a_tree_is_the_same_after_its_table():
    tree = BorrowedTree.between(TWO_LEVEL, GROUPS)
    again = BorrowedTree.of(tree.parent_S, leaves=6)
    assert again.plan.taxonomy == tree.plan.taxonomy
    torch.testing.assert_close(again.row_E, tree.row_E)
    assert len(tree.parent_S) == slots(6) == 11
    assert sorted(set(tree.row_E.tolist())) == sorted(tree.row_E.tolist()), "an edge has a row of its own"


def test_what_is_no_tree_over_the_leaves_is_refused():
    with pytest.raises(TaxonomyError, match="'rock' is none of them"):
        BorrowedTree.between(TWO_LEVEL, Taxonomy.from_edges({"all": ["0", "rock"]}))
    double = Taxonomy.from_edges({"all": ["x", "y"], "x": ["0", "1"], "y": ["1", "2"]})
    with pytest.raises(TaxonomyError, match="'1' has two parents"):
        BorrowedTree.between(TWO_LEVEL, double)
    with pytest.raises(TaxonomyError, match="has 5 slots"):
        BorrowedTree.of(torch.tensor([2, 2, -1]), leaves=3)
    with pytest.raises(TaxonomyError, match="no tree over 3 leaves"):
        BorrowedTree.of(torch.tensor([4, 4, -1, -1, 3]), leaves=3)
    with pytest.raises(TaxonomyError):
        BorrowedTree.of(torch.tensor([3, 3, 4, -1, 4]), leaves=3)
