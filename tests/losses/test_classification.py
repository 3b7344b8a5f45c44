from __future__ import annotations

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.heads import heads
from hierclf.losses import classification_losses, hierarchical_loss, label_weights, uniform_label_loss
from tests.conftest import CHAIN, DIAMOND, TWO_LEVEL


def reading(taxonomy, generator, count=6):
    plan = compile_plan(taxonomy)
    head = heads["shared"](4, plan, generator=generator).double()
    logits_BO = head(torch.randn(count, 4, generator=generator, dtype=torch.float64)).detach()
    label_B = torch.randint(plan.num_nodes, (count,), generator=generator)
    return plan, head, logits_BO, label_B


@pytest.mark.parametrize("taxonomy", [CHAIN, TWO_LEVEL, DIAMOND], ids=lambda t: t.root)
def test_without_smoothing_it_is_the_hierarchical_loss_to_the_last_bit(taxonomy, generator):
    plan, head, logits_BO, label_B = reading(taxonomy, generator)
    table = label_weights(plan, "uniform")
    got = classification_losses["hierarchical"].known(head, logits_BO, label_B, table)
    assert got.item() == hierarchical_loss(head.node_log_probs(logits_BO), label_B, plan.path_NK, table).item()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothing_spreads_a_share_of_the_label_over_all_leaves(smoothing, generator):
    plan, head, logits_BO, _ = reading(TWO_LEVEL, generator)
    slot_B = torch.randint(plan.num_leaves, (6,), generator=generator)
    got = classification_losses["hierarchical"].known(
        head, logits_BO, plan.leaf_L[slot_B], label_weights(plan, "leaf"), smoothing=smoothing
    )
    expected = torch.nn.functional.cross_entropy(head.leaf_scores(logits_BO), slot_B, label_smoothing=smoothing)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("rule", ["uniform", ("decay", 0.5)], ids=str)
def test_both_halves_weigh_what_the_image_weighs(rule, generator):
    plan, head, logits_BO, label_B = reading(DIAMOND, generator)
    label_B[0] = -1
    table = label_weights(plan, rule)
    factor_B = torch.rand(6, generator=generator, dtype=torch.float64)
    log_probs_BN = head.node_log_probs(logits_BO)
    expected = 0.0
    for row in range(1, 6):
        label = int(label_B[row])
        path = [node for node in plan.path_NK[label].tolist() if node >= 0]
        weights = table[label].tolist()[: len(path)]
        right = -sum(weight * log_probs_BN[row, node].item() for weight, node in zip(weights, path, strict=True))
        leaves = [log_probs_BN[row, leaf].item() for leaf in plan.leaf_L.tolist()]
        spread = -sum(weights) * sum(leaves) / len(leaves)
        expected += factor_B[row].item() * (0.8 * right + 0.2 * spread) / 5
    got = classification_losses["hierarchical"].known(
        head, logits_BO, label_B, table, image_weight_B=factor_B, smoothing=0.2
    )
    assert got.item() == pytest.approx(expected, rel=1e-9)


def test_images_without_a_class_add_nothing(generator):
    log_probs_BL = torch.randn(3, 2, generator=generator)
    table = torch.ones(4, 1)
    assert uniform_label_loss(log_probs_BL, torch.full((3,), -1), table).item() == 0.0
    alone = uniform_label_loss(log_probs_BL[:1], torch.tensor([1]), table)
    torch.testing.assert_close(uniform_label_loss(log_probs_BL, torch.tensor([1, -1, -1]), table), alone)


def test_smoothing_keeps_a_network_from_certainty(generator):
    plan = compile_plan(TWO_LEVEL)

    def surest(smoothing):
        head = heads["flat"](3, plan, generator=torch.Generator().manual_seed(0))
        embedding_BD = 3 * torch.eye(3)
        optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
        for _ in range(200):
            optimizer.zero_grad()
            loss = classification_losses["hierarchical"].known(
                head, head(embedding_BD), plan.leaf_L[:3], label_weights(plan, "leaf").float(), smoothing=smoothing
            )
            loss.backward()
            optimizer.step()
        return head.node_log_probs(head(embedding_BD)).exp()[:, plan.leaf_L].max().item()

    assert surest(0.0) > 0.98
    assert surest(0.3) == pytest.approx(0.7 + 0.3 / plan.num_leaves, abs=0.01)
