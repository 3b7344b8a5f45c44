"""A stop distribution answered with the node of least expected distance, instead of the likeliest.

The distance is the number of hops in a tree, so the answer is the weighted median: the deepest node that has at least
half of the weight at or below it. The bias multiplies the weight of every internal node's own column by exp(bias), so a
leaf v is the answer as long as its weight is at least that of all else,

    S(v) ≥ Σ over other leaves of S + exp(bias)·Σ over internal nodes of S

An image without a majority leaf among the leaves is answered with an internal node at every bias but -∞.

B images, N nodes, P pairs (node, ancestor or itself)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from hierclf.errors import ConfigError
from hierclf.references.reference import FittedStops

LARGEST = 500.0
"""Biases beyond it, either way, count as it: exp of more is no number."""


@dataclass(frozen=True, kw_only=True)
class FittedNearest:
    """A method with a stop distribution on a tree, that answers with the node of least expected distance.

    Args:
        inner: the distribution.

    Raises:
        ConfigError: the taxonomy is no tree.
    """

    inner: FittedStops
    gives_stops: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.inner.plan.is_tree:
            raise ConfigError(
                f"{self.inner.name!r} answers with the node of least expected distance, which is found on trees; "
                "this taxonomy has a node with two parents, so leave the method out"
            )

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Log stop probabilities, float64, shape ``(B, N)``."""
        return self.inner(embedding_BD)

    def known_score(self, embedding_BD: Tensor) -> Tensor:
        """The largest bias at which a leaf has half of the weight, float64, shape ``(B,)``; may be infinite."""
        return self._known(self.inner(embedding_BD))

    def decide(self, embedding_BD: Tensor, bias: float = 0.0) -> Tensor:
        """The deepest node with half of the biased weight at or below it; the likeliest leaf at -∞."""
        plan, stops_BN = self.inner.plan, self.inner(embedding_BD)
        is_leaf_N = plan.leaf_slot_N >= 0
        leaf_B = plan.leaf_L[stops_BN[:, plan.leaf_L].argmax(1)]
        added_N = (~is_leaf_N) * max(min(bias, LARGEST), -LARGEST)
        weight_BN = (stops_BN + added_N).softmax(1)
        node_P, above_P = plan.ancestor_pairs
        below_BN = torch.zeros_like(weight_BN).index_add(1, above_P, weight_BN[:, node_P])
        half_BN = (below_BN >= 0.5 - 1e-12) & ~is_leaf_N
        half_BN[:, 0] = True
        deepest_B = (half_BN * torch.arange(plan.num_nodes)).max(1).values  # children have larger ids than parents
        return torch.where(self._known(stops_BN) >= bias, leaf_B, deepest_B)

    def _known(self, stops_BN: Tensor) -> Tensor:
        plan = self.inner.plan
        leaves_BL = stops_BN[:, plan.leaf_L]
        inner_B = stops_BN[:, plan.leaf_slot_N < 0].logsumexp(1)
        best_B, place_B = leaves_BL.max(1)
        others_B = leaves_BL.scatter(1, place_B[:, None], -torch.inf).logsumexp(1)
        lead_B = best_B + (-torch.expm1((others_B - best_B).clamp(max=0.0))).log()
        lead_B = lead_B.masked_fill(others_B >= best_B, -torch.inf)
        return torch.where(inner_B.isneginf() & ~lead_B.isneginf(), torch.inf, lead_B - inner_B)
