"""L3: what training minimises."""

from hierclf.losses.classification import ClassificationLoss, KnownLoss, LogitReader, classification_losses
from hierclf.losses.embedding import (
    EmbeddingChoice,
    EmbeddingLoss,
    EmbeddingLossBuilder,
    build_embedding_loss,
    embedding_losses,
)
from hierclf.losses.entropic import entropic_open_set_loss, entropic_term
from hierclf.losses.hierarchical import hierarchical_loss, uniform_label_loss
from hierclf.losses.kinds import known_or_other_loss
from hierclf.losses.levels import LevelLoss, level_groups, level_losses
from hierclf.losses.objectosphere import objectosphere_term
from hierclf.losses.one_vs_rest import nobodys_loss, one_vs_rest_loss
from hierclf.losses.open_set import OpenSetBatch, OtherLoss, other_losses
from hierclf.losses.weights import gate_weight, hxe_weights, label_weights

__all__ = [
    "ClassificationLoss",
    "EmbeddingChoice",
    "EmbeddingLoss",
    "EmbeddingLossBuilder",
    "KnownLoss",
    "LevelLoss",
    "LogitReader",
    "OpenSetBatch",
    "OtherLoss",
    "build_embedding_loss",
    "classification_losses",
    "embedding_losses",
    "entropic_open_set_loss",
    "entropic_term",
    "gate_weight",
    "hierarchical_loss",
    "hxe_weights",
    "known_or_other_loss",
    "label_weights",
    "level_groups",
    "level_losses",
    "nobodys_loss",
    "objectosphere_term",
    "one_vs_rest_loss",
    "other_losses",
    "uniform_label_loss",
]
