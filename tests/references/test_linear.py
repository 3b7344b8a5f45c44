from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from hierclf.errors import DataError
from hierclf.references import LinearMap, fit_linear


def softmax_objective(label_n):
    return lambda logits_nO: torch.nn.functional.cross_entropy(logits_nO, label_n)


def blobs(generator, count, offset=0.0, scale=1.0):
    label_n = torch.arange(count) % 3
    embedding_nD = 2 * torch.eye(3, 6)[label_n] + torch.randn(count, 6, generator=generator)
    return offset + scale * embedding_nD, label_n


def test_it_finds_what_logistic_regression_finds(generator):
    train, held_out = blobs(generator, 200), blobs(generator, 40)
    layer = fit_linear(softmax_objective, 3, train, held_out, penalties=(0.05,))
    both, label = torch.cat([train[0], held_out[0]]).double(), torch.cat([train[1], held_out[1]])
    scale = both.var(0, correction=0).mean().sqrt()
    ready = ((both - both.mean(0)) / scale).numpy()
    theirs = LogisticRegression(C=1 / (0.05 * len(label)), tol=1e-8, max_iter=1000).fit(ready, label.numpy())
    expected = torch.from_numpy(theirs.predict_log_proba(ready))
    torch.testing.assert_close(layer(both).log_softmax(1), expected, rtol=0, atol=1e-2)


def test_an_offset_and_a_scale_change_nothing(generator):
    plain = blobs(torch.Generator().manual_seed(1), 90), blobs(torch.Generator().manual_seed(2), 30)
    moved = blobs(torch.Generator().manual_seed(1), 90, 3e3, 7.0), blobs(torch.Generator().manual_seed(2), 30, 3e3, 7.0)
    first, second = (fit_linear(softmax_objective, 3, *parts) for parts in (plain, moved))
    torch.testing.assert_close(first(plain[1][0]).softmax(1), second(moved[1][0]).softmax(1), rtol=0, atol=5e-3)


def test_the_penalty_that_suits_the_held_out_images_is_taken(generator):
    train, held_out = blobs(generator, 12), blobs(generator, 300)
    norms = {
        penalty: fit_linear(softmax_objective, 3, train, held_out, penalties=(penalty,)).weight_OD.norm()
        for penalty in (1.0, 0.001)
    }
    assert norms[0.001] > 3 * norms[1.0]
    noise = torch.randperm(len(held_out[1]), generator=generator)
    chosen = fit_linear(softmax_objective, 3, train, (held_out[0], held_out[1][noise]), penalties=(1.0, 0.001))
    assert chosen.weight_OD.norm() < norms[0.001] / 3  # labels without sense call for the strongest


def test_a_map_is_affine_in_float64_and_checks_its_input():
    layer = LinearMap(weight_OD=torch.tensor([[1.0, 2.0]]).double(), bias_O=torch.tensor([0.5]).double())
    assert layer(torch.tensor([[3.0, 4.0]])).tolist() == [[11.5]]
    assert layer(torch.zeros(0, 2)).shape == (0, 1)
    with pytest.raises(DataError, match=r"expected embeddings of shape \(B, 2\), got \(1, 3\)"):
        layer(torch.zeros(1, 3))
    with pytest.raises(DataError, match="expected finite embeddings"):
        layer(torch.full((1, 2), torch.nan))
