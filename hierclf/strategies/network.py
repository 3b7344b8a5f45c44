"""What a fitted classifier has learnt from, and the same network under another head.

Strategies that come after the training (HiClass's local classifiers, an induced tree) read the embeddings that the
network gave, fit a head of their own on them, and have everything calibrated anew on images that nothing else saw.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hierclf.classifier import HierarchicalClassifier
from hierclf.dag import DagPlan
from hierclf.heads import Head
from hierclf.model_card import head_name

# n known images, D embedding


@dataclass(frozen=True, kw_only=True, eq=False)
class Lessons:
    """Embeddings of known images with a leaf class.

    Args:
        embedding_nD: as the network gives them, any float dtype.
        slot_n: leaf slots, int64.
    """

    embedding_nD: Tensor
    slot_n: Tensor

    def __len__(self) -> int:
        return len(self.slot_n)

    def names(self, plan: DagPlan) -> list[str]:
        """The class of each image."""
        return [plan.nodes[node] for node in plan.leaf_L[self.slot_n].tolist()]


def lessons(trained: HierarchicalClassifier) -> tuple[Lessons, Lessons]:
    """The images that a classifier learnt from, and those kept for choices; none that calibrate are among them."""
    fitted, prepared = trained.fitted_, trained.prepared_
    label_n = torch.from_numpy(prepared.label_n)
    slot_n = fitted.model.plan.leaf_slot_N[label_n]
    parts = (torch.from_numpy(rows) for rows in (prepared.parts.fit, prepared.parts.tune))
    kept = [rows[slot_n[rows] >= 0] for rows in parts]
    learnt, chosen = (Lessons(embedding_nD=fitted.embedding_nD[rows], slot_n=slot_n[rows]) for rows in kept)
    return learnt, chosen


def under_head(trained: HierarchicalClassifier, head: Head, earlier: Head | None) -> HierarchicalClassifier:
    """The same network under another head; refit its gate before anything is asked of it.

    Args:
        trained: fitted in this process; it stays as it is.
        head: on its embeddings, finished.
        earlier: the same before it learnt from the images kept for choices, or None where it has not.
    """
    changed = copy(trained).set_params(head=head_name(head))
    fitted = trained.fitted_
    changed.prepared_ = trained.prepared_  # which a copy leaves behind
    changed.fitted_ = replace(fitted, model=replace(fitted.model, head=head), earlier=earlier)
    return changed  # type: ignore[no-any-return]  # scikit-learn's set_params is untyped
