"""Losses on the embedding itself, by name, from pytorch-metric-learning.

They pull images of one class together and push others apart. They are offered as a second objective beside the
classification loss, or alone; they tend to help against far images and to cost something against near ones, so none is
on by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from hierclf.registry import Registry

# B images, D embedding


class EmbeddingLoss(Protocol):
    """A loss that reads embeddings ``(B, D)`` and class numbers ``(B,)`` and gives a scalar."""

    def __call__(self, embedding_BD: Tensor, label_B: Tensor) -> Tensor:
        """The loss of one batch; 0 when the batch holds no pair to learn from."""
        ...


class EmbeddingLossBuilder(Protocol):
    """Builds an `EmbeddingLoss` from keyword options."""

    def __call__(self, *nothing: Any, **options: Any) -> EmbeddingLoss:
        """The loss, ready to be called."""
        ...


@dataclass(frozen=True, kw_only=True)
class EmbeddingChoice:
    """One embedding loss of a training.

    Args:
        name: of `embedding_losses`.
        weight: its weight in the whole.
        levels: which classes it tells apart: "leaf", "all", or one weight per level, level 1 first.
        options: of the loss, as pairs of a name and a value.
    """

    name: str
    weight: float = 0.5
    levels: str | tuple[float, ...] = "leaf"
    options: tuple[tuple[str, Any], ...] = ()


embedding_losses: Registry[EmbeddingLossBuilder] = Registry("embedding loss")


@embedding_losses.register("triplet_semihard")
def triplet_semihard(*, margin: float = 0.2) -> EmbeddingLoss:
    """Triplet margin loss on cosine distance over semi-hard triplets of the batch.

    Args:
        margin: by how much the cosine with an image of the own class must exceed that with one of another. On vectors
            of length 1 the squared Euclidean distance is ``2 - 2·cosine``, so it is half of the margin of the paper's
            squared distances.

    Schroff, Kalenichenko and Philbin, *FaceNet*, CVPR 2015, arXiv:1503.03832.
    """
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import TripletMarginMiner

    loss = TripletMarginLoss(margin=margin, distance=CosineSimilarity())
    miner = TripletMarginMiner(margin=margin, distance=CosineSimilarity(), type_of_triplets="semihard")

    def semihard(embedding_BD: Tensor, label_B: Tensor) -> Tensor:
        result: Tensor = loss(embedding_BD, label_B, miner(embedding_BD, label_B))
        return result

    return semihard


@embedding_losses.register("supcon")
def supervised_contrastive(*, temperature: float = 0.1) -> EmbeddingLoss:
    """Supervised contrastive loss on cosine similarity.

    Args:
        temperature: what similarities are divided by.

    Khosla et al., *Supervised Contrastive Learning*, NeurIPS 2020, arXiv:2004.11362.
    """
    from pytorch_metric_learning.losses import SupConLoss

    loss: EmbeddingLoss = SupConLoss(temperature=temperature)
    return loss
