"""One linear layer on embeddings, fitted to any smooth objective by L-BFGS.

The papers train the last layers of a network, or a whole one; on embeddings that are there already each becomes a
linear layer with the paper's own loss. As in `hierclf.training.linear` the embeddings are centred and brought to unit
mean variance, an L2 penalty is chosen on held-out images from the strongest on, each fit starts where the last one
ended, and the last fit uses all images. Every objective here is convex in the layer, so nothing is random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from hierclf.errors import DataError
from hierclf.training.linear import PENALTIES

# B images, n training images, D embedding, O outputs

Objective: TypeAlias = Callable[[Tensor], Callable[[Tensor], Tensor]]
"""From labels ``(n,)`` to a loss of these images: logits ``(n, O)`` to a scalar."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearMap:
    """An affine map in float64.

    Args:
        weight_OD: shape ``(O, D)``.
        bias_O: shape ``(O,)``.
    """

    weight_OD: Tensor
    bias_O: Tensor

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Logits, float64, shape ``(B, O)``.

        Raises:
            DataError: embeddings of another width, or with NaN or infinity.
        """
        width = self.weight_OD.shape[1]
        if embedding_BD.ndim != 2 or embedding_BD.shape[1] != width:
            raise DataError(f"expected embeddings of shape (B, {width}), got {tuple(embedding_BD.shape)}")
        if not embedding_BD.isfinite().all():
            raise DataError("expected finite embeddings, got NaN or infinity; drop those images")
        return torch.addmm(self.bias_O, embedding_BD.double(), self.weight_OD.T)


def fit_linear(
    objective: Objective,
    outputs: int,
    train: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    *,
    penalties: Sequence[float] = PENALTIES,
    steps: int = 100,
) -> LinearMap:
    """The layer that minimises the objective plus ``penalty / 2 · ‖W‖²``.

    Args:
        objective: the loss, made from labels.
        outputs: number of outputs O.
        train: embeddings, float32 or float64, shape ``(n, D)``, and labels to fit on.
        held_out: embeddings and labels to choose the penalty on; they join in for the last fit.
        penalties: strengths to try, strongest first.
        steps: iterations of L-BFGS per strength.

    Returns:
        The layer, for embeddings as they came. The search runs in float32.
    """
    embedding_nD, label_n = torch.cat([train[0], held_out[0]]).double(), torch.cat([train[1], held_out[1]])
    mean_D = embedding_nD.mean(0)
    scale = embedding_nD.var(0, correction=0).mean().sqrt().clamp(min=1e-12)
    ready_nD = ((embedding_nD - mean_D) / scale).float()
    count = len(train[1])
    layer = (torch.zeros(outputs, ready_nD.shape[1], requires_grad=True), torch.zeros(outputs, requires_grad=True))
    best, chosen, least = tuple(part.detach().clone() for part in layer), penalties[0], float("inf")
    judge = objective(held_out[1])
    for penalty in penalties:
        _minimise(layer, ready_nD[:count], objective(train[1]), penalty, steps)
        with torch.no_grad():
            loss = judge(ready_nD[count:] @ layer[0].T + layer[1]).item()
        if loss < least:
            best, chosen, least = tuple(part.detach().clone() for part in layer), penalty, loss
        elif loss > 1.05 * least:
            break  # weaker penalties only fit the noise
    with torch.no_grad():
        for part, value in zip(layer, best, strict=True):
            part.copy_(value)
    _minimise(layer, ready_nD, objective(label_n), chosen, steps)
    weight_OD, bias_O = (part.detach().double() for part in layer)
    weight_OD = weight_OD / scale  # W·(z - m)/s + b = (W/s)·z + (b - (W/s)·m)
    return LinearMap(weight_OD=weight_OD, bias_O=bias_O - weight_OD @ mean_D)


def _minimise(
    layer: tuple[Tensor, Tensor], embedding_nD: Tensor, loss: Callable[[Tensor], Tensor], penalty: float, steps: int
) -> None:
    weight_OD, bias_O = layer
    optimizer = torch.optim.LBFGS(
        layer, max_iter=steps, tolerance_grad=1e-5, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits_nO = torch.addmm(bias_O[:, None], weight_OD, embedding_nD.T).T
        value = loss(logits_nO) + 0.5 * penalty * weight_OD.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
