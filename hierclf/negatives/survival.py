"""Which classes survive which transformation: a mirrored 8 is an 8, and half a turn makes a 9 of a 6.

To learn that such images are none of the known classes would be wrong. So a transformation is left out for a class
where its results too often still pass for known: where a network that never saw a negative is confident about them and
finds them ordinary among images that it did not learn from.

M negatives, L leaves, T transformations, N nodes
"""

from __future__ import annotations

import torch
from torch import Tensor

CONFIDENT = 0.5
"""Probability of the likeliest class from which a network counts as confident at least."""

ORDINARY = 0.1
"""An image counts as ordinary if more than this share of known images look at least as unknown."""

MOST_SURVIVORS = 0.2
"""Share of a class's images that may pass for known under a transformation that is used on it."""

PRIOR_IMAGES = 4
"""So many images' worth of the transformation's mean share are added to each class's own."""


def pass_for_known(log_probs_ML: Tensor, score_M: Tensor, known_log_probs_BL: Tensor, known_score_B: Tensor) -> Tensor:
    """Whether each image passes for a known class: it looks ordinary, and the network is confident.

    Confident means that the likeliest class has a probability of a half, or as much as nine in ten known images have; a
    network after a short training may be unsure of everything.

    Args:
        log_probs_ML: log-probabilities of the known classes, float.
        score_M: how unknown each image looks, by any gate score, float.
        known_log_probs_BL: log-probabilities for known images that the network did not learn from, at least one, float.
        known_score_B: how unknown these look.

    Returns:
        Bool, shape ``(M,)``.
    """
    confidence_B = known_log_probs_BL.double().exp().amax(1)
    least = min(CONFIDENT, float(confidence_B.quantile(ORDINARY)))
    below_M = torch.searchsorted(known_score_B.sort().values, score_M.contiguous())
    ordinary_M = 1 - below_M.double() / len(known_score_B) > ORDINARY
    return (log_probs_ML.double().exp().amax(1) >= least) & ordinary_M


def survival_rates(passes_M: Tensor, how_M: Tensor, label_M: Tensor, shape: tuple[int, int]) -> Tensor:
    """The share of images of each class that still pass for known under each transformation.

    ``(passed + 4 · mean) / (images + 4)`` with the transformation's own mean over all classes, so that a class of which
    few images were tried follows the others.

    Args:
        passes_M: see `pass_for_known`.
        how_M: number of the transformation, int64.
        label_M: node id of the class, int64.
        shape: ``(T, N)``.

    Returns:
        float64, shape ``(T, N)``; a transformation that was never tried counts as survived by all.

    >>> how, label = torch.tensor([0, 0, 0, 0]), torch.tensor([1, 1, 1, 2])
    >>> survival_rates(torch.tensor([True, True, True, False]), how, label, (2, 3))[0]
    tensor([0.7500, 0.8571, 0.6000], dtype=torch.float64)
    """
    place_M = how_M * shape[1] + label_M
    tried_TN = torch.bincount(place_M, minlength=shape[0] * shape[1]).reshape(shape).double()
    passed_TN = torch.bincount(place_M[passes_M], minlength=shape[0] * shape[1]).reshape(shape).double()
    mean_T1 = (passed_TN.sum(1) / tried_TN.sum(1))[:, None].nan_to_num(nan=1.0)
    return (passed_TN + PRIOR_IMAGES * mean_T1) / (tried_TN + PRIOR_IMAGES)
