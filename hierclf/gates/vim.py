"""Virtual logit matching: what the classifier says against how much of the embedding it has never had a use for.

B images, D embedding, C known leaf classes, S dimensions outside the principal subspace, X images left to float64
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from hierclf.eigen import symmetric_eigen
from hierclf.errors import ConfigError
from hierclf.gates.energy import energy_score
from hierclf.gates.evidence import Evidence, at_least_single, products_are_single
from hierclf.gates.linear_head import linear_head
from hierclf.gates.score import Score, scores

SINGLE = 8 * 2.0**-24  # error of a length in float32, relative to the vector that was projected; mostly below an eighth
TOLERANCE = 1e-5  # relative, and absolute below 1
UNDERFLOW = 1e-15  # squares of smaller numbers are lost in float32


@scores.register("vim")
@dataclass(frozen=True, kw_only=True)
class VirtualLogit(Score):
    """Length of the embedding outside the known images' principal subspace, as a logit, less the energy.

    ``α ‖residual of (z - o)‖ - logsumexp(l)`` with ``o = -W⁺ b``; ``α`` makes the known images' mean residual as large
    as their mean largest logit (in absolute value: a head whose logits are log-probabilities has negative ones, and the
    residual must still count as evidence of the unknown).

    Wang et al., *ViM: Out-Of-Distribution with Virtual-logit Matching*, CVPR 2022, arXiv:2203.10807.

    Args:
        dimensions: of the principal subspace, below ``D``; None takes the paper's: 1000 where ``D`` is at least 1500,
            512 from 768, else half of ``D``.
    """

    dimensions: int | None = None

    @property
    def learns(self) -> tuple[str, ...]:
        """The origin, a basis of the residual space, and the factor that makes its length a logit."""
        return ("origin", "residual", "factor")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """The principal subspace of the known embeddings, seen from the point where all logits are 0."""
        weight_CD, bias_C = linear_head(known)
        origin_D = -torch.linalg.pinv(weight_CD) @ bias_C
        centred_BD = known.embedding_BD.double() - origin_D
        size = centred_BD.shape[1]
        principal = self.dimensions if self.dimensions is not None else principal_dimensions(size)
        if not 0 <= principal < size:
            raise ConfigError(f"expected fewer principal dimensions than the embedding's {size}, got {principal}")
        _, axes_DD = symmetric_eigen(centred_BD.T @ centred_BD / len(known))  # smallest variance first
        residual_DS = axes_DD[:, : size - principal].contiguous()
        length = (centred_BD @ residual_DS).norm(dim=1).mean()
        logit = known.logits_BC.double().amax(1).mean().abs()
        factor = logit / length if length > 0 else torch.ones((), dtype=torch.float64)
        return {"origin": origin_D, "residual": residual_DS, "factor": factor}

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """The virtual logit less the energy of the real ones.

        Embeddings in float32 are projected in float32, unless the residual is so small a part of them, or counts for
        so much, that rounding might be seen.
        """
        embedding_BD, origin_D = at_least_single(evidence.embedding_BD), learnt["origin"]
        if not products_are_single():
            embedding_BD = embedding_BD.double()
        energy_B = energy_score(at_least_single(evidence.logits_BC)).double()
        length_B, whole_B = residual_length(embedding_BD, origin_D, learnt["residual"])
        unknown_B: Tensor = learnt["factor"] * length_B + energy_B
        if embedding_BD.dtype == torch.float32:
            error_B = learnt["factor"] * SINGLE * (whole_B.clamp(min=UNDERFLOW) + origin_D.norm())
            sure_B = error_B < TOLERANCE * unknown_B.abs().clamp(min=1.0)  # never where float32 overflows
            row_X = (~sure_B).nonzero()[:, 0]
            length_X, _ = residual_length(embedding_BD[row_X].double(), origin_D, learnt["residual"])
            unknown_B[row_X] = learnt["factor"] * length_X + energy_B[row_X]
        return unknown_B


def residual_length(embedding_BD: Tensor, origin_D: Tensor, residual_DS: Tensor) -> tuple[Tensor, Tensor]:
    """Length of each embedding's residual, and of all of it, both seen from the origin, float64, shape ``(B,)``.

    Computed in the embedding's precision.
    """
    centred_BD = embedding_BD - origin_D.to(embedding_BD)
    residual_BS = centred_BD @ residual_DS.to(embedding_BD)
    return residual_BS.norm(dim=1).double(), centred_BD.norm(dim=1).double()


def principal_dimensions(size: int) -> int:
    """The paper's dimension of the principal subspace for embeddings of a given size.

    >>> [principal_dimensions(size) for size in (2048, 1280, 128, 1)]
    [1000, 512, 64, 0]
    """
    if size >= 1500:
        return 1000
    return 512 if size >= 768 else size // 2
