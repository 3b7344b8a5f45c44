"""Losses on the embedding itself, by name, from pytorch-metric-learning.

They pull images of one class together and push others apart. They are offered as a second objective beside the
classification loss; they tend to help against far images and to cost something against near ones, so none is on by
default.
"""

from __future__ import annotations

from typing import Protocol

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

    def __call__(self) -> EmbeddingLoss:
        """The loss, ready to be called."""
        ...


embedding_losses: Registry[EmbeddingLossBuilder] = Registry("embedding loss")


@embedding_losses.register("triplet_semihard")
def triplet_semihard() -> EmbeddingLoss:
    """Triplet margin loss on cosine distance over semi-hard triplets of the batch.

    Schroff, Kalenichenko and Philbin, *FaceNet*, CVPR 2015, arXiv:1503.03832.
    """
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import TripletMarginMiner

    loss = TripletMarginLoss(margin=0.2, distance=CosineSimilarity())
    miner = TripletMarginMiner(margin=0.2, distance=CosineSimilarity(), type_of_triplets="semihard")

    def semihard(embedding_BD: Tensor, label_B: Tensor) -> Tensor:
        result: Tensor = loss(embedding_BD, label_B, miner(embedding_BD, label_B))
        return result

    return semihard


@embedding_losses.register("supcon")
def supervised_contrastive() -> EmbeddingLoss:
    """Supervised contrastive loss on cosine similarity, temperature 0.1.

    Khosla et al., *Supervised Contrastive Learning*, NeurIPS 2020, arXiv:2004.11362.
    """
    from pytorch_metric_learning.losses import SupConLoss

    loss = SupConLoss(temperature=0.1)

    def contrastive(embedding_BD: Tensor, label_B: Tensor) -> Tensor:
        result: Tensor = loss(embedding_BD, label_B)
        return result

    return contrastive
