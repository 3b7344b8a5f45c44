"""What every head is: a linear layer on the embedding, read as log-memberships of all nodes.

The layer computes ``W @ zᵀ`` and hands out the transpose, so the logits ``(B, O)`` lie node-major in memory, as the DAG
wants them. Everything downstream (losses, decisions, metrics) reads the same ``(B, N)`` table, whatever the head.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from hierclf.dag import DagPlan
from hierclf.registry import Registry

# B images, D embedding, O outputs of the head, N nodes, L leaves


class Head(Protocol):
    """Embedding in, log-memberships of all nodes out."""

    plan: DagPlan

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Logits, shape ``(B, O)``."""
        ...

    def node_log_probs(self, logits_BO: Tensor) -> Tensor:
        """Log M of every node, shape ``(B, N)``; what one leaf more or less likely means for all nodes above it."""
        ...

    def leaf_scores(self, logits_BO: Tensor) -> Tensor:
        """Unnormalised scores of the leaves, shape ``(B, L)``: what the gate reads as class logits."""
        ...


class HeadBuilder(Protocol):
    """Builds a head for embeddings of a width and a taxonomy."""

    def __call__(self, in_features: int, plan: DagPlan, *, generator: torch.Generator | None = None) -> nn.Module:
        """The head, with weights drawn from the generator."""
        ...


heads: Registry[HeadBuilder] = Registry("head")


class NodeMajorLinear(nn.Module):
    """An affine layer whose output lies node-major in memory: ``(W @ zᵀ + b)ᵀ``.

    Args:
        in_features: width D of the embedding.
        out_features: number of outputs O.
        generator: where the first weights come from (uniform in ±1/sqrt(D), biases 0).
    """

    def __init__(self, in_features: int, out_features: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter((torch.rand(out_features, in_features, generator=generator) * 2 - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """Logits, shape ``(B, O)``, a transposed view."""
        return torch.addmm(self.bias[:, None], self.weight, embedding_BD.T).T
