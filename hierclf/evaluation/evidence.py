"""What an evaluation reads: what a model saw, what it decided, and the labels, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hierclf.dag import DagPlan
from hierclf.errors import DataError
from hierclf.metrics.ancestry import Ints


class Reading(Protocol):
    """What the model saw; see `hierclf.model.Reading`."""

    names: Sequence[str]
    node_log_probs_BN: Any
    unknown_score_B: Any
    errors: Mapping[int, str]


class Decided(Protocol):
    """What was decided; see `hierclf.decisions.Decisions`."""

    status: Any
    node: Any
    probability: Any
    reason: Any


def label_nodes(label_n: npt.ArrayLike, plan: DagPlan, count: int) -> Ints:
    """The labels as int64, shape ``(n,)``.

    Raises:
        DataError: not one per image, or no node and not -1.
    """
    labels_n = np.asarray(label_n, dtype=np.int64)
    if labels_n.shape != (count,):
        raise DataError(f"expected a label for each of {count} images, got shape {labels_n.shape}")
    if count and not (labels_n.min() >= -1 and labels_n.max() < plan.num_nodes):
        raise DataError(
            f"labels are node ids below {plan.num_nodes}, or -1 for other; got {labels_n.min()} to {labels_n.max()}"
        )
    return labels_n
