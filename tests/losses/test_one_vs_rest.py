from __future__ import annotations

import math

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.heads import heads
from hierclf.losses import OpenSetBatch, classification_losses, label_weights, nobodys_loss, one_vs_rest_loss
from tests.conftest import CHAIN, DEEP_DAG, DIAMOND, TWO_LEVEL


def leaves_below(taxonomy, node):
    waiting, found = [node], set()
    while waiting:
        one = waiting.pop()
        if one in taxonomy.leaves:
            found.add(one)
        waiting.extend(taxonomy.children(one) if one not in taxonomy.leaves else ())
    return found


def sigmoid(score):
    return 1 / (1 + math.exp(-score))


@pytest.mark.parametrize("taxonomy", [CHAIN, TWO_LEVEL, DIAMOND, DEEP_DAG], ids=lambda t: t.root)
@pytest.mark.parametrize("name", ["flat", "shared"])
def test_every_leaf_decides_for_itself(taxonomy, name, generator):
    plan = compile_plan(taxonomy)
    head = heads[name](4, plan, generator=generator).double()
    logits_BO = head(torch.randn(len(taxonomy.nodes), 4, generator=generator, dtype=torch.float64)).detach()
    label_B = torch.arange(len(taxonomy.nodes))  # every node once, the root first
    image_weight_B = torch.rand(len(label_B), generator=generator, dtype=torch.float64)
    scores = head.leaf_scores(logits_BO)
    expected = 0.0
    for row, label in enumerate(taxonomy.nodes[1:], start=1):  # a label at the root says nothing
        below = leaves_below(taxonomy, label)
        nobody, cost = 1.0, 0.0
        for column, leaf in enumerate(taxonomy.leaves):
            share = sigmoid(scores[row, column].item())
            if leaf in below:
                nobody *= 1 - share
            else:
                cost -= math.log(1 - share)
        expected += image_weight_B[row].item() * (cost - math.log(1 - nobody))
    got = classification_losses["one_vs_rest"].known(
        head, logits_BO, label_B, own_weights(plan), image_weight_B=image_weight_B
    )
    assert got.item() == pytest.approx(expected / len(label_B), rel=1e-9)


def own_weights(plan):
    return label_weights(plan, "leaf")


def test_for_leaves_it_is_binary_cross_entropy(generator):
    plan = compile_plan(TWO_LEVEL)
    head = heads["flat"](4, plan, generator=generator)
    logits_BL = torch.randn(9, plan.num_leaves, generator=generator)
    slot_B = torch.randint(plan.num_leaves, (9,), generator=generator)
    got = classification_losses["one_vs_rest"].known(head, logits_BL, plan.leaf_L[slot_B], own_weights(plan))
    target_BL = torch.nn.functional.one_hot(slot_B, plan.num_leaves).float()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits_BL, target_BL, reduction="sum") / 9
    torch.testing.assert_close(got, expected)


def test_node_weights_and_unlabelled_images(generator):
    plan = compile_plan(TWO_LEVEL)
    head = heads["flat"](4, plan, generator=generator)
    logits_BL = torch.randn(3, plan.num_leaves, generator=generator)
    loss = classification_losses["one_vs_rest"].known
    label_B = plan.leaf_L[[0, 1, 0]]
    one = loss(head, logits_BL[:1], label_B[:1], own_weights(plan))
    two = loss(head, logits_BL[1:2], label_B[1:2], own_weights(plan))
    factors = {plan.nodes[label_B[0]]: 3.0}
    label_B[2] = -1
    torch.testing.assert_close(
        loss(head, logits_BL, label_B, label_weights(plan, "leaf", factors)), (3 * one + two) / 2
    )
    assert loss(head, logits_BL, torch.full((3,), -1), own_weights(plan)).item() == 0.0


@pytest.mark.parametrize("size", [1e4, -1e4, 200.0, -200.0, 40.0, -40.0])
def test_scores_of_any_size_have_finite_losses_and_gradients(size):
    for below in ([True, False, False], [True, True, False], [True, True, True]):
        score_BL = torch.full((1, 3), size, requires_grad=True)
        loss = one_vs_rest_loss(score_BL, torch.tensor([below]), torch.ones(1))
        loss.backward()
        assert loss.isfinite()
        assert score_BL.grad.isfinite().all()
        expected = max(0.0, size) * below.count(False) + max(0.0, -size)
        assert loss.item() == pytest.approx(expected, abs=1.2)


def test_gradients_agree_with_finite_differences(generator):
    below_BL = torch.tensor([[True, False, False, False], [True, True, False, False], [False, True, True, True]])
    score_BL = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    weight_B = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda scores: one_vs_rest_loss(scores, below_BL, weight_B), (score_BL,))


def test_images_of_other_are_negatives_for_every_leaf(generator):
    leaf_BL = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    share_M = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    batch = OpenSetBatch(
        embedding_BD=torch.zeros(5, 2),
        leaf_BL=leaf_BL,
        kinds_BO=None,
        kind_M=torch.zeros(3, dtype=torch.int64),
        share_M=share_M,
    )
    expected = 0.0
    for share, row in zip(share_M.tolist(), leaf_BL[2:].tolist(), strict=True):
        expected -= share * sum(math.log(1 - sigmoid(score)) for score in row)
    assert nobodys_loss(batch).item() == pytest.approx(expected)
