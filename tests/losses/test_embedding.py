from __future__ import annotations

import pytest
import torch

from hierclf.errors import UnknownName
from hierclf.losses import embedding_losses


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


@pytest.mark.parametrize("name", tuple(embedding_losses))
def test_following_the_gradient_separates_the_classes(name, generator):
    loss = embedding_losses[name]()
    label_B = torch.arange(4).repeat_interleave(8)
    embedding_BD = torch.randn(32, 16, generator=generator).requires_grad_()
    before = separation(embedding_BD, label_B)
    optimizer = torch.optim.Adam([embedding_BD], lr=0.05)
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
