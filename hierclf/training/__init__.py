"""L5: the only place with an optimiser, a loop and a clock.

``prepare_images`` (what is there) → ``choose_backbone`` → ``fit_model``: embeddings, heads, gate, operating point.
"""

from hierclf.training.calibration import calibrate_model
from hierclf.training.choices import check_choices
from hierclf.training.chosen_backbone import choose_backbone
from hierclf.training.embeddings import embedding_matrix, target_column, target_texts
from hierclf.training.favoured import Favoured
from hierclf.training.fine_tune import TrainingState, fine_tune
from hierclf.training.fit import Fitted, fit_model
from hierclf.training.gating import needed_to_calibrate
from hierclf.training.linear import LabelledEmbeddings, fit_head
from hierclf.training.material import TrainingImages
from hierclf.training.parts import Parts, divide
from hierclf.training.preparation import Prepared, prepare_embeddings, prepare_images
from hierclf.training.schedule import Schedule
from hierclf.training.threads import few_threads

__all__ = [
    "Favoured",
    "Fitted",
    "LabelledEmbeddings",
    "Parts",
    "Prepared",
    "Schedule",
    "TrainingImages",
    "TrainingState",
    "calibrate_model",
    "check_choices",
    "choose_backbone",
    "divide",
    "embedding_matrix",
    "few_threads",
    "fine_tune",
    "fit_head",
    "fit_model",
    "needed_to_calibrate",
    "prepare_embeddings",
    "prepare_images",
    "target_column",
    "target_texts",
]
