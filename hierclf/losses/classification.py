"""Losses that teach a head which class an image shows, by name.

They all read the same things: the logits of a head, the label of each image (any node of the taxonomy), and the table
of `label_weights`. What they say about an image that belongs nowhere is in `ClassificationLoss.other`; most leave that
to `hierclf.losses.other_losses`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.losses.hierarchical import hierarchical_loss, uniform_label_loss
from hierclf.losses.open_set import OtherLoss
from hierclf.registry import Registry

# B images, O outputs of the head, L leaves, N nodes, K nodes on the longest path, without the root


class LogitReader(Protocol):
    """Reads logits: every `hierclf.heads.Head` does."""

    plan: DagPlan

    def node_log_probs(self, logits_BO: Tensor) -> Tensor:
        """Log M of every node, shape ``(B, N)``."""
        ...

    def leaf_scores(self, logits_BO: Tensor) -> Tensor:
        """Unnormalised scores of the leaves, shape ``(B, L)``."""
        ...


class KnownLoss(Protocol):
    """What labelled images are minimised for."""

    def __call__(
        self,
        head: LogitReader,
        logits_BO: Tensor,
        label_B: Tensor,
        weight_NK: Tensor,
        *,
        image_weight_B: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """A scalar: the mean over the labelled images.

        Args:
            head: says what the logits mean.
            logits_BO: shape ``(B, O)``.
            label_B: node ids, int64; -1 marks an image without a known class, which adds nothing.
            weight_NK: a table from `hierclf.losses.label_weights`.
            image_weight_B: a factor per image, or None.
            smoothing: share of each label that is spread evenly over the leaves.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ClassificationLoss:
    """How a head learns.

    Args:
        known: what labelled images are minimised for.
        other: how it learns from images of other where it does so itself; None leaves it to the setting ``other_loss``.
        leaves_only: whether it knows no levels: it needs ``level_weights="leaf"``, and cannot smooth labels.
    """

    known: KnownLoss
    other: OtherLoss | None = None
    leaves_only: bool = False


classification_losses: Registry[ClassificationLoss] = Registry("loss")


def hierarchical(
    head: LogitReader,
    logits_BO: Tensor,
    label_B: Tensor,
    weight_NK: Tensor,
    *,
    image_weight_B: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """`hierclf.losses.hierarchical_loss` of the memberships M that the head gives to the nodes, labels smoothed.

    With a share ε of smoothing it is ``(1 - ε)·loss + ε·uniform``, where ``uniform`` is
    `hierclf.losses.uniform_label_loss`; with ε = 0 it is the loss itself.
    """
    plan = head.plan.to(logits_BO.device)
    log_probs_BN = head.node_log_probs(logits_BO)
    loss = hierarchical_loss(log_probs_BN, label_B, plan.path_NK, weight_NK, image_weight_B)
    if not smoothing:
        return loss
    spread = uniform_label_loss(log_probs_BN[:, plan.leaf_L], label_B, weight_NK, image_weight_B)
    return (1 - smoothing) * loss + smoothing * spread


classification_losses.register("hierarchical")(ClassificationLoss(known=hierarchical))
