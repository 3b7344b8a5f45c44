"""L3: what training minimises."""

from hierclf.losses.embedding import EmbeddingLoss, EmbeddingLossBuilder, embedding_losses
from hierclf.losses.hierarchical import hierarchical_loss
from hierclf.losses.open_set import entropic_open_set_loss
from hierclf.losses.weights import gate_weight, hxe_weights, label_weights

__all__ = [
    "EmbeddingLoss",
    "EmbeddingLossBuilder",
    "embedding_losses",
    "entropic_open_set_loss",
    "gate_weight",
    "hierarchical_loss",
    "hxe_weights",
    "label_weights",
]
