"""Eigenvectors of symmetric matrices, by a library that can."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def symmetric_eigen(square_DD: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors in columns: `torch.linalg.eigh`, and NumPy's where that gives up.

    On one thread, the divide and conquer of Intel's MKL does not converge for some covariances of few images in many
    dimensions, which other implementations solve.

    Args:
        square_DD: symmetric and finite, float64, on the CPU.

    Raises:
        numpy.linalg.LinAlgError: neither finds any.

    >>> values_D, vectors_DD = symmetric_eigen(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    >>> values_D
    tensor([1., 2.])
    """
    try:
        values_D, vectors_DD = torch.linalg.eigh(square_DD)
    except RuntimeError:  # torch.linalg.LinAlgError is one, under a name that type checkers do not know
        values_D, vectors_DD = map(torch.from_numpy, np.linalg.eigh(square_DD.numpy()))
    return values_D, vectors_DD
