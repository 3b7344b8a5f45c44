"""A head for a moment: what a classifier of some of the classes would say, learnt in a fraction of a second.

The rounds of leave-one-child-out need a head that has never seen the forgotten class, and the folds of a
cross-conformal calibration one that has not seen the fold. It is a plain softmax regression with a fixed penalty. The
embeddings are brought to their strongest directions first, which costs little accuracy and makes the size of the
problem independent of theirs; the gradient is written out, and a few dozen steps of L-BFGS are enough.

B images, D embedding, R directions, L leaf classes
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.eigen import symmetric_eigen

MOST_DIRECTIONS = 128
PENALTY, STEPS = 0.03, 30


@dataclass(frozen=True, kw_only=True, eq=False)
class QuickHead:
    """A linear classifier: a function from embeddings to unnormalised scores of the leaf classes.

    Args:
        weight: float64, shape ``(L, D)``.
        bias: float64, shape ``(L,)``.
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Scores, float64, shape ``(B, L)``."""
        return torch.addmm(self.bias, embedding_BD.double(), self.weight.T)


def quick_head(embedding_BD: Tensor, slot_B: Tensor, plan: DagPlan) -> QuickHead:
    """A flat softmax over the leaves, ``-log p(y) + λ/2 ‖W‖²`` on embeddings of mean 0 and mean variance 1.

    Args:
        embedding_BD: embeddings to learn from, at least one, any float dtype, shape ``(B, D)``.
        slot_B: leaf slot of each, int64, shape ``(B,)``.
        plan: the compiled taxonomy.

    Returns:
        The classifier; a class without images gets a low score.
    """
    values_BD = embedding_BD.detach().cpu().double()
    mean_D = values_BD.mean(0)
    centred_BD = values_BD - mean_D
    scale = centred_BD.square().mean().sqrt().clamp(min=1e-12)
    directions_DR = torch.eye(values_BD.shape[1], dtype=torch.float64)
    if values_BD.shape[1] > MOST_DIRECTIONS:
        directions_DR = symmetric_eigen(centred_BD.T @ centred_BD)[1][:, -MOST_DIRECTIONS:]
    weight_LR, bias_L = _softmax_regression((centred_BD @ directions_DR / scale).float(), slot_B, plan.num_leaves)
    weight_LD = weight_LR @ directions_DR.T / scale
    return QuickHead(weight=weight_LD, bias=bias_L - weight_LD @ mean_D)


def _softmax_regression(values_BR: Tensor, slot_B: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Weights and offsets, float64; the sums over images are taken in the precision in which these come."""
    rows_B = torch.arange(len(values_BR))

    def objective(point: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """The mean loss, and its gradient ``(p - 1[y])ᵀ z / B + λ W``."""
        weight_LR, bias_L = _unpacked(point, classes)
        log_probs_BL = torch.addmm(bias_L.to(values_BR), values_BR, weight_LR.T.to(values_BR)).log_softmax(1)
        loss = -log_probs_BL[rows_B, slot_B].double().mean() + PENALTY / 2 * weight_LR.square().sum()
        excess_BL = log_probs_BL.exp_()
        excess_BL[rows_B, slot_B] -= 1
        slope_LR = (excess_BL.T @ values_BR).double() / len(rows_B) + PENALTY * weight_LR
        slope_L = excess_BL.sum(0, dtype=torch.float64) / len(rows_B)
        return float(loss), torch.cat([slope_LR, slope_L[:, None]], dim=1).flatten().numpy()

    start = np.zeros(classes * (values_BR.shape[1] + 1))
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return _unpacked(found.x, classes)


def _unpacked(point: npt.NDArray[np.float64], classes: int) -> tuple[Tensor, Tensor]:
    table = torch.from_numpy(point).view(classes, -1)
    return table[:, :-1], table[:, -1]
