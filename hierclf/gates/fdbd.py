"""Distance to the decision boundaries: known images lie far from all of them, for how far they lie from the middle.

B images, D embedding, C known leaf classes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from hierclf.gates.evidence import Evidence
from hierclf.gates.linear_head import linear_head
from hierclf.gates.score import Score, scores


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
        top_B, predicted_B = evidence.logits_BC.double().max(1)
        gap_BC = top_B[:, None] - evidence.logits_BC.double()
        distance_B = (gap_BC * learnt["steepness"][predicted_B]).sum(1)
        from_mean_B: Tensor = (evidence.embedding_BD.double() - learnt["mean"]).norm(dim=1)
        return -distance_B / from_mean_B.clamp(min=1e-8)


def weight_gaps(weight_CD: Tensor) -> Tensor:
    """Euclidean distance between the weights of each two classes, shape ``(C, C)``, zero on the diagonal."""
    return torch.cdist(weight_CD, weight_CD, compute_mode="donot_use_mm_for_euclid_dist")
