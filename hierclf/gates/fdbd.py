"""Distance to the decision boundaries: known images lie far from all of them, for how far they lie from the middle.

B images, D embedding, C known leaf classes, X images left to float64
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from hierclf.gates.evidence import Evidence, at_least_single
from hierclf.gates.linear_head import linear_head
from hierclf.gates.score import Score, scores

NEAR = (
    1 / 32
)  # of the point's own length; farther off, rounding it to float32 changes the distance by at most 2e-6 of it


@scores.register("fdbd")
@dataclass(frozen=True, kw_only=True)
class BoundaryDistance(Score):
    """Sum of distances to the boundaries of the predicted class, over the distance to the mean, negated.

    ``-Σ_{c≠ŷ} |l_ŷ - l_c| / ‖w_ŷ - w_c‖ / ‖z - μ‖``. With a single class there is no boundary: 0 for every image.
    Classes with the same weights have no boundary either.

    Liu and Qin, *Fast Decision Boundary based Out-of-Distribution Detector*, ICML 2024, arXiv:2312.11536.
    """

    @property
    def learns(self) -> tuple[str, ...]:
        """The mean embedding and one over the distance between the weights of each two classes."""
        return ("mean", "steepness")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """The mean of the known images and how steep the logits are between each two classes."""
        gap_CC = weight_gaps(linear_head(known)[0])
        flat_CC = gap_CC <= 1e-9 * gap_CC.max()
        return {
            "mean": known.embedding_BD.double().mean(0),
            "steepness": gap_CC.masked_fill(flat_CC, torch.inf).reciprocal(),
        }

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """The negated, normalised sum of distances."""
        logits_BC = at_least_single(evidence.logits_BC)
        top_B1, predicted_B1 = logits_BC.max(1, keepdim=True)
        gap_BC = top_B1 - logits_BC
        distance_B = gap_BC.mul_(learnt["steepness"].to(logits_BC)[predicted_B1[:, 0]]).sum(1).double()
        from_mean_B = distance_to(learnt["mean"], at_least_single(evidence.embedding_BD))
        return -distance_B / from_mean_B.clamp(min=1e-8)


def distance_to(point_D: Tensor, embedding_BD: Tensor) -> Tensor:
    """Euclidean distance from a float64 point to each embedding, float64, shape ``(B,)``.

    Embeddings in float32 are compared in float32, unless they lie so near that the point's rounding might be seen.
    """
    distance_B: Tensor = (embedding_BD - point_D.to(embedding_BD)).norm(dim=1).double()
    if embedding_BD.dtype == torch.float32:
        sure_B = (distance_B >= point_D.norm() * NEAR) & distance_B.isfinite()  # squares may overflow in float32
        row_X = (~sure_B).nonzero()[:, 0]
        distance_B[row_X] = (embedding_BD[row_X].double() - point_D).norm(dim=1)
    return distance_B


def weight_gaps(weight_CD: Tensor) -> Tensor:
    """Euclidean distance between the weights of each two classes, shape ``(C, C)``, zero on the diagonal."""
    return torch.cdist(weight_CD, weight_CD, compute_mode="donot_use_mm_for_euclid_dist")
