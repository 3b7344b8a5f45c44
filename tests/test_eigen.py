"""Eigenvectors of symmetric matrices, by a library that can."""

import numpy as np
import pytest
import torch

from hierclf.eigen import symmetric_eigen


def covariance(images, size, seed=0):
    values_BD = torch.randn(images, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values_BD.T @ values_BD / images


def gives_up(*_):
    raise RuntimeError("linalg.eigh: The algorithm failed to converge")


@pytest.mark.parametrize("images", [5, 60])
@pytest.mark.parametrize("broken", [False, True])
def test_values_and_vectors_make_up_the_matrix(images, broken, monkeypatch):
    square_DD = covariance(images, 20)
    if broken:
        monkeypatch.setattr(torch.linalg, "eigh", gives_up)
    values_D, vectors_DD = symmetric_eigen(square_DD)
    assert values_D.dtype == vectors_DD.dtype == torch.float64
    assert (values_D.diff() >= -1e-12).all()
    torch.testing.assert_close(vectors_DD @ torch.diag(values_D) @ vectors_DD.T, square_DD)
    torch.testing.assert_close(vectors_DD.T @ vectors_DD, torch.eye(20, dtype=torch.float64))


def test_what_nobody_can_solve_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.linalg, "eigh", gives_up)
    with pytest.raises(np.linalg.LinAlgError):
        symmetric_eigen(torch.full((3, 3), torch.nan, dtype=torch.float64))
