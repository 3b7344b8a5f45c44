"""Fit a head on embeddings that are there already: a convex problem, solved by L-BFGS.

The embeddings are centred and brought to unit mean variance first, so that one penalty means the same for every
backbone. All directions share one scale: giving each its own would lift the noise of those that hardly vary. The result
is folded back into the head, which stays a plain linear layer. The strength of the penalty is chosen on embeddings that
were held out, from the strongest on, each fit starting where the last one ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hierclf.heads import Head, NodeMajorLinear
from hierclf.losses import hierarchical_loss

# B images, D embedding, O outputs, N nodes, K nodes on the longest path

PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Strengths of the L2 penalty that are tried, strongest first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledEmbeddings:
    """Embeddings with what is known about them.

    Args:
        embedding_BD: float32 or float64, shape ``(B, D)``.
        label_B: node ids, int64, shape ``(B,)``, at least 0.
        weight_B: a factor per image in the loss, or None.
    """

    embedding_BD: Tensor
    label_B: Tensor
    weight_B: Tensor | None = None


def fit_head(
    head: Head,
    train: LabelledEmbeddings,
    held_out: LabelledEmbeddings,
    weight_NK: Tensor,
    *,
    penalties: Sequence[float] = PENALTIES,
    steps: int = 100,
    earlier: Head | None = None,
) -> float:
    """Fit the head's linear layer in place; at the end it has the dtype of the embeddings.

    Args:
        head: a head whose parameters are one ``linear`` layer, float32.
        train: what to fit on.
        held_out: what to choose the penalty on, and to join in for the last fit.
        weight_NK: the loss weights, from `label_weights`.
        penalties: strengths to try, strongest first.
        steps: iterations of L-BFGS per strength.
        earlier: a second head of the same kind, which becomes what this one was before the held-out images joined in:
            what it says about them is what it says about new images.

    Returns:
        The chosen strength.
    """
    both = joined(train, held_out)
    mean_D = both.embedding_BD.mean(0)
    scale = both.embedding_BD.var(0, correction=0).mean().sqrt().clamp(min=1e-12)
    layer = _layer(head)
    train, held_out, both = (_standardised(part, mean_D, scale, layer.weight.dtype) for part in (train, held_out, both))
    nn.init.zeros_(layer.weight)
    chosen, least, best = penalties[0], float("inf"), None
    if len(held_out.label_B) and len(penalties) > 1:
        for penalty in penalties:
            _minimise(head, train, weight_NK, penalty, steps)
            with torch.no_grad():
                loss = _loss(head, held_out, weight_NK).item()
            if loss < least:
                chosen, least = penalty, loss
                best = {name: values.clone() for name, values in layer.state_dict().items()}
            elif loss > 1.05 * least:
                break  # weaker penalties only fit the noise
        assert best is not None
        layer.load_state_dict(best)
    if earlier is not None:
        if best is None:
            _minimise(head, train, weight_NK, chosen, steps)
        _layer(earlier).load_state_dict(layer.state_dict())
        _fold_in(_layer(earlier), mean_D, scale)
    _minimise(head, both, weight_NK, chosen, steps)
    _fold_in(layer, mean_D, scale)
    return chosen


@torch.no_grad()
def _fold_in(layer: NodeMajorLinear, mean_D: Tensor, scale: Tensor) -> None:
    """Let the layer read embeddings as they are: ``W·(z - m)/s + b = (W/s)·z + (b - (W/s)·m)``."""
    layer.to(mean_D.dtype)
    layer.weight.div_(scale)
    layer.bias.sub_(layer.weight @ mean_D)


def joined(first: LabelledEmbeddings, second: LabelledEmbeddings) -> LabelledEmbeddings:
    """The images of both, in order."""
    weights = [
        part.weight_B if part.weight_B is not None else torch.ones(len(part.label_B)) for part in (first, second)
    ]
    weighted = first.weight_B is not None or second.weight_B is not None
    return LabelledEmbeddings(
        embedding_BD=torch.cat([first.embedding_BD, second.embedding_BD]),
        label_B=torch.cat([first.label_B, second.label_B]),
        weight_B=torch.cat(weights) if weighted else None,
    )


def _standardised(part: LabelledEmbeddings, mean_D: Tensor, scale: Tensor, dtype: torch.dtype) -> LabelledEmbeddings:
    embedding_BD = ((part.embedding_BD - mean_D) / scale).to(dtype)  # centred before anything is rounded
    return LabelledEmbeddings(embedding_BD=embedding_BD, label_B=part.label_B, weight_B=part.weight_B)


def _loss(head: Head, part: LabelledEmbeddings, weight_NK: Tensor) -> Tensor:
    log_probs_BN = head.node_log_probs(head(part.embedding_BD))
    return hierarchical_loss(log_probs_BN, part.label_B, head.plan.path_NK, weight_NK, part.weight_B)


def _minimise(head: Head, part: LabelledEmbeddings, weight_NK: Tensor, penalty: float, steps: int) -> None:
    layer = _layer(head)
    optimizer = torch.optim.LBFGS(
        layer.parameters(), max_iter=steps, tolerance_grad=1e-5, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        objective = _loss(head, part, weight_NK) + 0.5 * penalty * layer.weight.square().sum()
        objective.backward()  # type: ignore[no-untyped-call]
        return objective

    optimizer.step(closure)  # type: ignore[no-untyped-call]


def _layer(head: Head) -> NodeMajorLinear:
    layer = getattr(head, "linear", None)
    if not isinstance(layer, NodeMajorLinear):
        raise TypeError(
            f"a head to be fitted on embeddings has one layer named 'linear', {type(head).__name__} has none"
        )
    return layer
