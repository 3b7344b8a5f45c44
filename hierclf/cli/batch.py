"""What can only be said about all pictures of a call together: who stands out among them, and whether they drifted.

B images
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hierclf.model import Model
from hierclf.promises import DiscoveryPromise, score_drift

FEWEST_FOR_DRIFT = 30

FALSE_ALARMS = 0.01
"""Share of calls, with nothing but known images like those of the calibration, that may speak of drift all the same."""


def remarks(model: Model, scores: Sequence[Tensor], false_discovery: float | None) -> list[str]:
    """What to tell beside the rows.

    Args:
        model: that read the images.
        scores: unknown scores of the images, in pieces; NaN where one could not be read.
        false_discovery: the share of `Model.discovered`, or None where each image was decided on its own.

    Returns:
        The promise about those that were turned away, if they were chosen together; and drift, where there is any, for
        `FEWEST_FOR_DRIFT` images or more. A cross-conformal gate is not asked about drift: its calibration images were
        scored by the gates of single folds, and new ones by all of them.
    """
    if model.gate is None or not scores:
        return []
    score_B = torch.cat(list(scores))
    score_B = score_B[~score_B.isnan()]
    calibrated = model.gate.calibration_scores
    told = []
    if false_discovery is not None:
        promise = DiscoveryPromise(rate=false_discovery, n=len(calibrated), batch=len(score_B))
        told.append(f"promise: {promise.sentence}")
    if len(score_B) >= FEWEST_FOR_DRIFT and len(calibrated) and not model.gate.folds:
        drift = score_drift(calibrated, score_B, level=FALSE_ALARMS)
        if drift.drifted:
            told.append(f"drift: {drift.sentence}")
    return told
