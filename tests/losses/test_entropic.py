from __future__ import annotations

import math

import pytest
import torch

from hierclf.losses import OpenSetBatch, entropic_open_set_loss, entropic_term, other_losses


def batch_of(leaf_BL, other, share_M=None):
    return OpenSetBatch(
        embedding_BD=torch.zeros(len(leaf_BL), 2, dtype=leaf_BL.dtype),
        leaf_BL=leaf_BL,
        kinds_BO=None,
        kind_M=torch.zeros(other, dtype=torch.int64),
        share_M=torch.full((other,), 1 / other, dtype=leaf_BL.dtype) if share_M is None else share_M,
    )


def test_it_is_cross_entropy_to_the_uniform_distribution(generator):
    leaf_BL = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    share_M = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    expected = 0.0
    for share, row in zip(share_M.tolist(), leaf_BL[4:].tolist(), strict=True):
        total = sum(math.exp(score) for score in row)
        expected -= share * sum(math.log(math.exp(score) / total) for score in row) / 4
    assert entropic_term(batch_of(leaf_BL, 3, share_M)).item() == pytest.approx(expected)
    alike = entropic_term(batch_of(leaf_BL, 3)).item()
    assert alike == pytest.approx(entropic_open_set_loss(leaf_BL[4:].log_softmax(1)).item())


def test_it_does_not_touch_known_images_and_is_least_where_all_leaves_are_alike(generator):
    leaf_BL = torch.randn(5, 4, generator=generator, dtype=torch.float64).requires_grad_()
    loss = entropic_term(batch_of(leaf_BL, 2))
    loss.backward()
    assert not leaf_BL.grad[:3].any()
    assert loss.item() > math.log(4)
    assert torch.autograd.gradcheck(lambda leaf_BL: entropic_term(batch_of(leaf_BL, 2)), (leaf_BL,))
    alike = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
    least = entropic_term(batch_of(alike, 2))
    least.backward()
    assert least.item() == pytest.approx(math.log(4))
    assert alike.grad.abs().max() < 1e-12


def test_outlier_exposure_is_the_same_term_later_and_with_half_the_weight(generator):
    leaf_BL = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    entropic, exposure = other_losses["entropic"], other_losses["outlier_exposure"]
    assert exposure.term(batch_of(leaf_BL, 2)) == entropic.term(batch_of(leaf_BL, 2))
    assert (entropic.weight, exposure.weight) == (1.0, 0.5)
    assert (entropic.joins, exposure.joins) == (0.0, 0.5)
