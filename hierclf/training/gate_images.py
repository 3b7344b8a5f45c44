"""What the gates learn from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.gates import Evidence

# n known images, m images of other, B of them, D embedding, L leaf classes


@dataclass(frozen=True, kw_only=True, eq=False)
class GateImages:
    """What the gates learn from, all of it as the backbone and the head see it.

    Args:
        plan: the compiled taxonomy.
        embedding_nD: embeddings of the known images.
        logits_nL: what the head says about them; about those of ``tune`` what it said before it learnt from them.
        label_n: node ids.
        fit, tune, calibration: places of the images of each part, int64.
        frozen: whether the backbone has not been trained on them.
        other: images of other with the number of their kind, or None.
        made: negatives made of known images, or None.
    """

    plan: DagPlan
    embedding_nD: Tensor
    logits_nL: Tensor
    label_n: Tensor
    fit: Tensor
    tune: Tensor
    calibration: Tensor
    frozen: bool
    other: Evidence | None = None
    made: Evidence | None = None

    def evidence(self, rows: Tensor) -> Evidence:
        """Of some of the known images."""
        slot_B = self.plan.leaf_slot_N[self.label_n[rows]]
        return Evidence(self.embedding_nD[rows], self.logits_nL[rows], slot_B)

    @property
    def classes(self) -> int:
        """How many leaf classes have images to learn from."""
        return len(torch.unique(self.slots(self.fit)))

    def slots(self, rows: Tensor) -> Tensor:
        """Leaf slots of those of some known images that are labelled with a leaf, int64."""
        slot_B = self.plan.leaf_slot_N[self.label_n[rows]]
        return slot_B[slot_B >= 0]
