"""What can be said right after training, without a test set.

Nothing was trained or chosen on the calibration images, so accuracy on them is honest. The gate's threshold was set on
these very images, so the share of them that it turns away is no test of its promise: that is left out here and measured
by an evaluation on other images.
"""

from __future__ import annotations

import numpy as np
import torch

from hierclf.classifier import HierarchicalClassifier
from hierclf.data import ImageSet, join_sets
from hierclf.evaluation import Report
from hierclf.examination import judge


def examine_held_out(classifier: HierarchicalClassifier) -> tuple[Report, ImageSet | None]:
    """A report on the calibration images, and on the images of other that the gate learnt from.

    Args:
        classifier: just fitted in this process.

    Returns:
        The report, without a verdict on the promise, and the images that its mistakes point to.
    """
    prepared, fitted = classifier.prepared_, classifier.fitted_
    places = prepared.parts.calibration
    embeddings = [fitted.embedding_nD[torch.from_numpy(places)]]
    label_n = prepared.label_n[places]
    notes = [
        f"Measured on the {len(places)} images kept for the promise; nothing was trained on them. Whether the promise "
        "is kept shows on images that are new to the gate: run `hierclf evaluate`."
    ]
    sets = [prepared.images.subset(places)] if isinstance(prepared.images, ImageSet) else []
    if fitted.other_mD is not None:
        embeddings.append(fitted.other_mD)
        label_n = np.concatenate([label_n, np.full(len(fitted.other_mD), -1)])
        notes.append("The gate has learnt from these images of other; new ones will be harder.")
        if isinstance(prepared.other, ImageSet):
            sets.append(prepared.other)
    images = join_sets(sets) if sets else None
    reading = classifier.model_.read(torch.cat(embeddings), names=images.names if images is not None else ())
    return judge(classifier, reading, label_n, images=images, fresh=False, notes=notes).report, images
