from __future__ import annotations

import math

import pytest
import torch

from hierclf.losses import OpenSetBatch, entropic_term, objectosphere_term
from hierclf.losses.objectosphere import LENGTH_WEIGHT, SHORTEST_KNOWN


def batch_of(embedding_BD, leaf_BL, share_M):
    return OpenSetBatch(
        embedding_BD=embedding_BD,
        leaf_BL=leaf_BL,
        kinds_BO=None,
        kind_M=torch.zeros(len(share_M), dtype=torch.int64),
        share_M=share_M,
    )


def test_known_embeddings_should_be_long_and_others_short(generator):
    embedding_BD = 20 * torch.randn(7, 5, generator=generator, dtype=torch.float64)
    leaf_BL = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    share_M = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    batch = batch_of(embedding_BD, leaf_BL, share_M)
    lengths = [math.sqrt(sum(value**2 for value in row)) for row in embedding_BD.tolist()]
    assert min(lengths[:4]) < SHORTEST_KNOWN < max(lengths[:4])
    known = sum(max(SHORTEST_KNOWN - length, 0.0) ** 2 for length in lengths[:4]) / 4
    other = sum(share * length**2 for share, length in zip(share_M.tolist(), lengths[4:], strict=True))
    expected = entropic_term(batch).item() + LENGTH_WEIGHT * (known + other)
    assert objectosphere_term(batch).item() == pytest.approx(expected)


def test_gradients_agree_with_finite_differences_and_long_known_embeddings_have_none(generator):
    embedding_BD = 20 * torch.randn(5, 3, generator=generator, dtype=torch.float64)
    embedding_BD[0] *= 100
    embedding_BD.requires_grad_()
    leaf_BL = torch.randn(5, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    share_M = torch.tensor([0.5, 0.5], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *both: objectosphere_term(batch_of(*both, share_M)), (embedding_BD, leaf_BL))
    objectosphere_term(batch_of(embedding_BD, leaf_BL, share_M)).backward()
    assert not embedding_BD.grad[0].any()
    direction = (embedding_BD.grad * embedding_BD).sum(1)
    assert (direction[1:3] < 0).all()  # a step downhill makes known ones longer
    assert (direction[3:] > 0).all()  # and others shorter


def test_an_embedding_of_length_0_has_a_finite_gradient():
    embedding_BD = torch.zeros(2, 3, requires_grad=True)
    objectosphere_term(batch_of(embedding_BD, torch.zeros(2, 4), torch.ones(1))).backward()
    assert embedding_BD.grad.isfinite().all()
