from __future__ import annotations

import math

import pytest
import torch

from hierclf.errors import ConfigError, UnknownName
from hierclf.losses import build_embedding_loss, embedding_losses

FROM_THE_LIBRARY = ("ProxyAnchorLoss", "ArcFaceLoss", "MultiSimilarityLoss", "ContrastiveLoss", "CosFaceLoss")


def separation(embedding_BD, label_B):
    """Mean cosine within classes minus mean cosine between them."""
    unit_BD = torch.nn.functional.normalize(embedding_BD.detach(), dim=1)
    cosine_BB = unit_BD @ unit_BD.T
    same_BB = label_B[:, None] == label_B
    return (cosine_BB[same_BB].mean() - cosine_BB[~same_BB].mean()).item()


@pytest.mark.parametrize("name", tuple(embedding_losses))
def test_separated_classes_cost_less_than_mixed_ones(name, generator):
    loss = embedding_losses[name]()
    label_B = torch.arange(4).repeat_interleave(8)
    noise_BD = 0.05 * torch.randn(32, 16, generator=generator)
    apart_BD = torch.eye(16)[label_B] + noise_BD
    assert loss(apart_BD, label_B).item() < 0.5 * loss(torch.randn(32, 16, generator=generator), label_B).item()


@pytest.mark.parametrize("name", [*embedding_losses, *FROM_THE_LIBRARY])
def test_following_the_gradient_separates_the_classes(name, generator):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss = build_embedding_loss(name, classes=4, width=16)
    label_B = torch.arange(4).repeat_interleave(8)
    embedding_BD = torch.randn(32, 16, generator=generator).requires_grad_()
    before = separation(embedding_BD, label_B)
    own = list(loss.parameters()) if isinstance(loss, torch.nn.Module) else []
    optimizer = torch.optim.Adam([embedding_BD, *own], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss(embedding_BD, label_B).backward()
        optimizer.step()
    assert separation(embedding_BD, label_B) > before + 0.3


def test_a_batch_without_pairs_costs_nothing(generator):
    embedding_BD = torch.randn(1, 16, generator=generator)
    for name in embedding_losses:
        assert embedding_losses[name]()(embedding_BD, torch.zeros(1, dtype=torch.int64)).item() == 0.0


def test_a_typo_gets_a_hint():
    with pytest.raises(UnknownName, match="did you mean 'triplet_semihard'"):
        embedding_losses["triplet_semi_hard"]


def test_contrastive_is_the_mean_over_pairs_that_cost_something(generator):
    embedding_BD = torch.randn(7, 5, generator=generator)
    label_B = [0, 1, 0, 2, 1, 0, 2]
    unit = [(row / row.norm()).double() for row in embedding_BD]
    near, far = [], []
    for one in range(7):
        for other in range(7):
            if one != other:
                distance = (unit[one] - unit[other]).norm().item()
                (near if label_B[one] == label_B[other] else far).append(
                    max(0.0, distance - 0.3 if label_B[one] == label_B[other] else 1.2 - distance)
                )
    near, far = ([cost for cost in costs if cost > 0] for costs in (near, far))
    expected = sum(near) / len(near) + sum(far) / len(far)
    loss = embedding_losses["contrastive"](positive=0.3, negative=1.2)
    assert loss(embedding_BD, torch.tensor(label_B)).item() == pytest.approx(expected, rel=1e-5)


def test_supcon_is_the_published_sum(generator):
    embedding_BD, label_B = torch.randn(6, 5, generator=generator), [0, 1, 0, 1, 0, 1]
    unit = [(row / row.norm()).double() for row in embedding_BD]
    expected = 0.0
    for one in range(6):
        similar = {other: (unit[one] @ unit[other]).item() / 0.2 for other in range(6) if other != one}
        total = sum(math.exp(value) for value in similar.values())
        positive = [other for other in similar if label_B[other] == label_B[one]]
        expected -= sum(similar[other] - math.log(total) for other in positive) / len(positive) / 6
    loss = embedding_losses["supcon"](temperature=0.2)
    assert loss(embedding_BD, torch.tensor(label_B)).item() == pytest.approx(expected, rel=1e-5)


def test_semihard_triplets_are_those_within_the_margin(generator):
    embedding_BD, label_B = torch.randn(12, 4, generator=generator), [0, 1, 0, 1, 2, 2, 0, 1, 2, 0, 1, 2]
    unit = [(row / row.norm()).double() for row in embedding_BD]
    costs = []
    for anchor in range(12):
        for positive in range(12):
            for negative in range(12):
                if anchor == positive or label_B[anchor] != label_B[positive] or label_B[anchor] == label_B[negative]:
                    continue
                squared = [(unit[anchor] - unit[place]).square().sum().item() for place in (positive, negative)]
                if 0 < squared[1] - squared[0] <= 0.4:  # half of it in cosines
                    costs.append(0.2 - (squared[1] - squared[0]) / 2)
    assert len(costs) > 3
    loss = embedding_losses["triplet_semihard"](margin=0.2)
    assert loss(embedding_BD, torch.tensor(label_B)).item() == pytest.approx(sum(costs) / len(costs), rel=1e-5)


def test_numbers_of_classes_and_columns_are_filled_in():
    assert build_embedding_loss("ProxyAnchorLoss", classes=3, width=8).proxies.shape == (3, 8)
    assert build_embedding_loss("ArcFaceLoss", classes=3, width=8, margin=10).W.shape == (8, 3)
    assert build_embedding_loss("P2SGradLoss", classes=3, width=8).weight.shape == (8, 3)


@pytest.mark.parametrize("name", ["supcon", "ProxyAnchorLoss"])
def test_an_option_that_a_loss_does_not_take_is_told(name):
    with pytest.raises(ConfigError, match=f"the embedding loss '{name}' takes no 'heat' \\(it takes: "):
        build_embedding_loss(name, classes=3, width=8, heat=2)


@pytest.mark.parametrize(
    ("name", "option", "meant"),
    [
        ("supcon", "temprature", "temperature"),
        ("ProxyAnchorLoss", "margn", "margin"),
        ("ArcFaceLoss", "weight_reg_wieght", "weight_reg_weight"),  # of a class that it is built on
    ],
)
def test_an_option_that_is_mistyped_is_told_with_the_one_that_was_meant(name, option, meant):
    with pytest.raises(ConfigError, match=f"takes no '{option}'; did you mean '{meant}'"):
        build_embedding_loss(name, classes=3, width=8, **{option: 1.0})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ProxyAnchorLos", "did you mean 'ProxyAnchorLoss'"),
        ("CrossBatchMemory", "known: triplet_semihard, supcon, con"),
    ],
)
def test_a_name_that_no_one_has_is_told(name, hint):
    with pytest.raises(UnknownName, match=hint):
        build_embedding_loss(name, classes=3, width=8)
