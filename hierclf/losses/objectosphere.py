"""An image of other should make every leaf equally likely and leave the features cold.

A network that sees nothing that it knows has features near 0, and those of known images are long; then the softmax,
which is linear in the features, is undecided by itself, and the length of the features is a score of its own.

B images, the known ones first, C known images, M images of other among them, D embedding, L leaves
"""

from __future__ import annotations

from torch import Tensor

from hierclf.losses.entropic import entropic_term
from hierclf.losses.open_set import OpenSetBatch, OtherLoss, other_losses

SHORTEST_KNOWN = 50.0
"""ξ: length that embeddings of known images should have at least, as in the authors' programs."""

LENGTH_WEIGHT = 1e-4
"""λ: weight of the lengths, as in the authors' programs."""


def objectosphere_term(batch: OpenSetBatch) -> Tensor:
    """The term ``entropic``, and embeddings F of other should be short and those of known images at least ξ long.

    ``Σ_m share_m·(-mean_l log p_ml) + λ·(mean over the known of max(ξ - ‖F‖, 0)² + Σ_m share_m·‖F_m‖²)`` with ξ =
    `SHORTEST_KNOWN` and λ = `LENGTH_WEIGHT`. The length of an embedding is then a score of its own.

    Dhamija, Günther and Boult, *Reducing Network Agnostophobia*, NeurIPS 2018, arXiv:1811.04110.
    """
    known_CD, other_MD = batch.embedding_BD[: batch.known], batch.embedding_BD[batch.known :]
    too_short_C = (SHORTEST_KNOWN - known_CD.norm(dim=1)).clamp(min=0)
    lengths = too_short_C.square().mean() + (batch.share_M * other_MD.square().sum(1)).sum()
    total: Tensor = entropic_term(batch) + LENGTH_WEIGHT * lengths
    return total


other_losses.register("objectosphere")(OtherLoss(term=objectosphere_term))
