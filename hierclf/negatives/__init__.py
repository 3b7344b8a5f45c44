"""L3: free negatives, images of none of the known classes that are made from images of these."""

from hierclf.negatives.joined import halves_beside, halves_stacked, mixed, overlaid, pasted
from hierclf.negatives.recipe import NegativeRecipe, Negatives, make_negatives, require_transformations
from hierclf.negatives.scattered import shuffled_2x2, shuffled_4x4, warped
from hierclf.negatives.survival import MOST_SURVIVORS, pass_for_known, survival_rates
from hierclf.negatives.transformation import Transformation, transformations
from hierclf.negatives.turned import mirrored, rotated_half, rotated_left, rotated_right, upside_down

__all__ = [
    "MOST_SURVIVORS",
    "NegativeRecipe",
    "Negatives",
    "Transformation",
    "halves_beside",
    "halves_stacked",
    "make_negatives",
    "mirrored",
    "mixed",
    "overlaid",
    "pass_for_known",
    "pasted",
    "require_transformations",
    "rotated_half",
    "rotated_left",
    "rotated_right",
    "shuffled_2x2",
    "shuffled_4x4",
    "survival_rates",
    "transformations",
    "upside_down",
    "warped",
]
