"""The score of the objectosphere loss: how sure the softmax is, times how long the embedding is.

The loss shortens the embeddings of images of other and lengthens those of known images, so both say who is known. On a
network that was trained otherwise the length means something else, or nothing.

B images, D embedding, C known leaf classes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from hierclf.gates.evidence import Evidence
from hierclf.gates.score import Score, scores


@scores.register("objectosphere")
@dataclass(frozen=True, kw_only=True)
class Objectosphere(Score):
    """Minus the length of the embedding times the largest softmax probability: ``-‖z‖ · max p``.

    Dhamija, Günther and Boult, *Reducing Network Agnostophobia*, NeurIPS 2018, arXiv:1811.04110.

    >>> evidence = Evidence(torch.tensor([[3.0, 4.0], [0.0, 0.5]]), torch.zeros(2, 2))
    >>> Objectosphere().fit(evidence, torch.Generator())(evidence)
    tensor([-2.5000, -0.2500], dtype=torch.float64)
    """

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """Nothing: the network has learnt already."""
        return {}

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """In float64."""
        length_B: Tensor = torch.linalg.vector_norm(evidence.embedding_BD.double(), dim=1)
        return -length_B * evidence.logits_BC.double().softmax(1).amax(1)
