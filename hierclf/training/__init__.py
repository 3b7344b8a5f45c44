"""L5: the only place with an optimiser, a loop and a clock."""

from hierclf.training.fine_tune import Schedule, TrainingImages, TrainingState, fine_tune
from hierclf.training.fit import Fitted, calibrate_model, fit_model
from hierclf.training.linear import LabelledEmbeddings, fit_head
from hierclf.training.preparation import Parts, Prepared, divide, embedding_matrix, prepare_embeddings, prepare_images

__all__ = [
    "Fitted",
    "LabelledEmbeddings",
    "Parts",
    "Prepared",
    "Schedule",
    "TrainingImages",
    "TrainingState",
    "calibrate_model",
    "divide",
    "embedding_matrix",
    "fine_tune",
    "fit_head",
    "fit_model",
    "prepare_embeddings",
    "prepare_images",
]
