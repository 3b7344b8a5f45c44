"""Do the known images of a test look like those that the promise was calibrated on?

Here every image is known to be known, so the test has none of the doubts that it has in use (see
`hierclf.promises.drift`): an alarm says that the pictures changed, or the mix of classes did. It is asked once per
evaluation, and raises a false alarm in a share `LEVEL` of them.
"""

from __future__ import annotations

import torch

from hierclf.evaluation.terms import Terms
from hierclf.gates import Cross
from hierclf.metrics import Metric
from hierclf.metrics.ancestry import Floats
from hierclf.promises import Drift, score_drift
from hierclf.promises.sentence import percent

# K known images

LEVEL = 0.01


def known_drift(terms: Terms, known_scores_K: Floats) -> Drift | None:
    """The scores of known images against those of the calibration images.

    Args:
        terms: with the guarantee of the gates.
        known_scores_K: unknown scores of known images that are new to the gate, float64, shape ``(K,)``.

    Returns:
        The test, or None where it cannot be made: without a gate or without images on either side, and for a
        cross-conformal gate, whose calibration scores come from one fold's gate each, while new images are scored by
        all of them.
    """
    guarantee = terms.guarantee
    if guarantee is None or isinstance(guarantee, Cross) or not (len(guarantee.scores) and len(known_scores_K)):
        return None
    return score_drift(guarantee.scores, torch.from_numpy(known_scores_K), level=LEVEL)


def drift_metrics(drift: Drift | None) -> dict[str, Metric]:
    """The test as numbers; None where it was not made."""
    return {
        "drift_statistic": None if drift is None else drift.statistic,
        "drift_p_value": None if drift is None else drift.p_value,
        "drifted": None if drift is None else drift.drifted,
    }


def drift_sentence(drift: Drift) -> str:
    """The finding in words, for images that are known to be known."""
    if not drift.drifted:
        return (
            f"Nothing shows that these known images ({drift.n}) look different from the calibration images "
            f"({drift.calibration_n}); that is no proof that they are alike. A false alarm was accepted in "
            f"{percent(drift.level)} of evaluations."
        )
    return (
        f"Drift: these known images ({drift.n}) look {drift.towards} than the calibration images "
        f"({drift.calibration_n}), more than chance explains (p = {drift.p_value:.2g}). The pictures changed, or the "
        "mix of classes did; the promise is about images like the calibration images, so calibrate again on known "
        "images like these."
    )
