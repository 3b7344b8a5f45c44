"""L3: what training minimises."""

from hierclf.losses.classification import ClassificationLoss, KnownLoss, LogitReader, classification_losses
from hierclf.losses.embedding import EmbeddingChoice, EmbeddingLoss, EmbeddingLossBuilder, embedding_losses
from hierclf.losses.hierarchical import hierarchical_loss
from hierclf.losses.open_set import (
    OpenSetBatch,
    OtherLoss,
    entropic_open_set_loss,
    known_or_other_loss,
    other_losses,
)
from hierclf.losses.weights import gate_weight, hxe_weights, label_weights

__all__ = [
    "ClassificationLoss",
    "EmbeddingChoice",
    "EmbeddingLoss",
    "EmbeddingLossBuilder",
    "KnownLoss",
    "LogitReader",
    "OpenSetBatch",
    "OtherLoss",
    "classification_losses",
    "embedding_losses",
    "entropic_open_set_loss",
    "gate_weight",
    "hierarchical_loss",
    "hxe_weights",
    "known_or_other_loss",
    "label_weights",
    "other_losses",
]
