from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import UnknownName
from hierclf.heads import heads
from tests import reference

ALL = tuple(heads)


def build(name, taxonomy, generator, dtype=torch.float64):
    return heads[name](6, compile_plan(taxonomy), generator=generator).to(dtype)


def test_the_heads_have_names():
    assert set(ALL) == {"per_node", "shared", "flat", "borrowed_tree"}
    with pytest.raises(UnknownName, match="did you mean 'per_node'"):
        heads["per_nod"]


@pytest.mark.parametrize("name", ALL)
def test_memberships_are_those_of_the_formula(name, taxonomy, generator):
    head = build(name, taxonomy, generator)
    embedding_BD = torch.randn(5, 6, generator=generator, dtype=torch.float64)
    logits = embedding_BD @ head.linear.weight.T + head.linear.bias
    torch.testing.assert_close(head(embedding_BD), logits)
    if name == "per_node":
        expected = reference.walk_membership(taxonomy, logits)
    elif name == "shared":
        summed = reference.sum_of_ancestors(taxonomy, torch.cat([torch.zeros(5, 1), logits], dim=1))
        scores = summed[:, [taxonomy.index(leaf) for leaf in taxonomy.leaves]]
        expected = reference.sum_of_leaves(taxonomy, scores.softmax(1))
    else:
        leaves = len(taxonomy.leaves)  # a borrowed tree begins with all leaves side by side
        expected = reference.sum_of_leaves(taxonomy, logits[:, :leaves].softmax(1))
    torch.testing.assert_close(head.node_log_probs(logits).exp(), expected.detach())


@pytest.mark.parametrize("name", ALL)
def test_a_batch_of_one_equals_its_row(name, taxonomy, generator):
    head = build(name, taxonomy, generator, torch.float32)
    embedding_BD = torch.randn(9, 6, generator=generator)
    together = head.node_log_probs(head(embedding_BD))
    for row in range(9):
        alone = head.node_log_probs(head(embedding_BD[row : row + 1]))
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_softmax_of_leaf_scores_is_the_leaf_membership(name, taxonomy, generator):
    head = build(name, taxonomy, generator)
    logits = head(torch.randn(4, 6, generator=generator, dtype=torch.float64))
    torch.testing.assert_close(
        head.leaf_scores(logits).log_softmax(1), head.node_log_probs(logits)[:, head.plan.leaf_L]
    )


def test_the_level_of_per_node_leaf_scores_adds_up_along_every_path(taxonomy, generator):
    head = build("per_node", taxonomy, generator)
    logits = head(torch.randn(2, 6, generator=generator, dtype=torch.float64)).detach()
    edges = reference.edge_order(taxonomy)
    for row in range(2):
        score = dict(zip(edges, logits[row], strict=True))
        paths = [
            sum(score[edge] for edge in pairwise(path))
            for leaf in taxonomy.leaves
            for path in reference.routes(taxonomy, leaf)
        ]
        torch.testing.assert_close(head.leaf_scores(logits)[row].logsumexp(0), torch.stack(paths).logsumexp(0))
