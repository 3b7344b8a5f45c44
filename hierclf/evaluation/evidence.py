"""What an evaluation reads: what a model saw, what it decided, and the labels, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hierclf.dag import DagPlan
from hierclf.errors import DataError
from hierclf.metrics.ancestry import Bools, Ints


class Reading(Protocol):
    """What the model saw; see `hierclf.reading.Reading`."""

    @property
    def names(self) -> Sequence[str]:
        """What each image is called."""
        ...

    @property
    def node_log_probs_BN(self) -> Any:
        """Log-memberships."""
        ...

    @property
    def unknown_score_B(self) -> Any:
        """The gate's score."""
        ...

    @property
    def stop_log_probs_BN(self) -> Any:
        """Log-probability to stop at each node."""
        ...

    @property
    def surprise_BG(self) -> Any:
        """-log p at each gate."""
        ...

    @property
    def errors(self) -> Mapping[int, str]:
        """What was wrong with unreadable images, by place."""
        ...


class Decided(Protocol):
    """What was decided; see `hierclf.decisions.Decisions`."""

    @property
    def status(self) -> Any:
        """Status of each image."""
        ...

    @property
    def node(self) -> Any:
        """The answer for each image."""
        ...

    @property
    def leaf(self) -> Any:
        """The class that each image is taken for, whatever the answer."""
        ...

    @property
    def probability(self) -> Any:
        """M(node) of each image."""
        ...

    @property
    def p_value(self) -> Any:
        """The gate's p-value of each image."""
        ...

    @property
    def reason(self) -> Any:
        """Why, in words."""
        ...


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


def novel_images(novel_n: npt.ArrayLike | None, labels_n: Ints, plan: DagPlan) -> Bools:
    """Which images are new below the node of their label, bool, shape ``(n,)``; none by default.

    Raises:
        DataError: not one verdict per image, or a node that has no children to be new among, or is the root.
    """
    if novel_n is None:
        return np.zeros(len(labels_n), dtype=np.bool_)
    new_n = np.asarray(novel_n)
    if new_n.shape != labels_n.shape or new_n.dtype != np.bool_:
        raise DataError(
            f"expected for each of {len(labels_n)} images whether it is new below its label, got {new_n.dtype} of "
            f"shape {new_n.shape}"
        )
    internal_N = np.asarray(plan.leaf_slot_N) < 0
    internal_N[0] = False
    wrong = sorted({int(node) for node in labels_n[new_n] if node < 0 or not internal_N[node]})
    if wrong:
        names = ", ".join(plan.nodes[node] if node >= 0 else "other" for node in wrong)
        raise DataError(f"images can be new below a meta-class only; got {names} (new below the root is other)")
    return new_n
