"""What a training minimises: one number out of embeddings, logits and labels, and what it is made of.

::

    total = classification_weight · classification loss            of the known images
          + gate's weight · other_weight · loss on images of other  where a batch holds any
          + Σ weight · embedding loss                               of the known images

The layers that only training needs (outputs for kinds of other, proxies of embedding losses) belong to it and are left
behind with it. It reads the head and does not own it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hierclf.errors import ConfigError
from hierclf.heads import Head
from hierclf.losses import LevelLoss, OpenSetBatch, OtherLoss, classification_losses, level_losses, other_losses
from hierclf.training.loss_choices import loss_on_other
from hierclf.training.schedule import Schedule

# B images, the known ones first, C known images, M images of other among them, D embedding, O outputs of the head,
# N nodes, K nodes on the longest path


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectiveValue:
    """What one batch costs.

    Args:
        total: a scalar to minimise.
        terms: what it is made of, by name, each before its weight and without gradient: ``classification_loss``,
            ``other_loss``, ``embedding_loss``. Where there are several embedding losses, that is their weighted sum,
            and ``embedding_loss:NAME@LEVEL`` is each of them.
    """

    total: Tensor
    terms: Mapping[str, Tensor]


class Objective(nn.Module):
    """What a training minimises.

    Args:
        head: what turns embeddings into logits; its parameters stay its own.
        weight_NK: loss weights, from `hierclf.losses.label_weights`.
        schedule: which losses, with which weights.
        in_features: width D of the embedding.
        kinds: number of kinds of other, negatives that are made among them; 0 where there are none.

    Raises:
        UnknownName: a loss that no registry holds.
        ConfigError: losses that do not fit the taxonomy.
    """

    weight_NK: Tensor
    kinds: nn.Linear | None

    def __init__(self, head: Head, weight_NK: Tensor, schedule: Schedule, *, in_features: int, kinds: int = 0) -> None:
        super().__init__()
        self._head = (head,)  # in a tuple, for a module would become a part of this one
        self.schedule = schedule
        self.classification_loss = classification_losses[schedule.loss]
        self.other_loss = self._other_loss(kinds)
        self.register_buffer("weight_NK", weight_NK, persistent=False)
        self.kinds = None
        if self.other_loss.learns_kinds:
            self.kinds = nn.Linear(in_features, kinds)
            nn.init.zeros_(self.kinds.weight)
            nn.init.zeros_(self.kinds.bias)
        at_levels = [level_losses(choice, head.plan, in_features) for choice in schedule.embedding_losses]
        self.embedding_losses = nn.ModuleList([loss for losses in at_levels for loss in losses])
        if not (self.classifies or self.at_levels):
            raise ConfigError(
                "classification_weight=0 leaves nothing to learn: no embedding loss has two groups of classes to tell "
                "apart; give a taxonomy with two leaves, or other embedding_levels"
            )

    @property
    def classifies(self) -> bool:
        """Whether the head learns; otherwise it has to be fitted afterwards."""
        return self.schedule.classification_weight > 0

    @property
    def at_levels(self) -> tuple[LevelLoss, ...]:
        """The embedding losses, each on the groups of one level."""
        return tuple(loss for loss in self.embedding_losses if isinstance(loss, LevelLoss))

    @property
    def reads_other(self) -> bool:
        """Whether images of other and negatives are of any use in a batch."""
        return self.other_loss.term is not None

    def forward(
        self,
        embedding_BD: Tensor,
        logits_BO: Tensor,
        label_C: Tensor,
        *,
        image_weight_C: Tensor | None = None,
        kinds: Sequence[Tensor] = (),
        done: float = 1.0,
    ) -> ObjectiveValue:
        """The value of one batch.

        Args:
            embedding_BD: of the known images, then of those of other, float32.
            logits_BO: what the head makes of them.
            label_C: node ids of the known images, int64; there are as many known images as labels.
            image_weight_C: a factor per known image in the classification loss, or None.
            kinds: numbers of the kinds of the images of other, int64, one tensor per source (given images, made ones)
                in the order of the images; every source counts alike.
            done: share of the training that is behind, 0 to 1.
        """
        known, schedule = len(label_C), self.schedule
        total, terms = embedding_BD.new_zeros(()), {}
        if self.classifies:
            smoothing = schedule.label_smoothing
            loss = self.classification(logits_BO[:known], label_C, image_weight_C, smoothing=smoothing)
            total = total + schedule.classification_weight * loss
            terms["classification_loss"] = loss.detach()
        if kinds and self.other_loss.term is not None:
            loss = self.other_loss.term(self._open_set_batch(embedding_BD, logits_BO, kinds))
            if done >= self.other_loss.joins:
                total = total + schedule.gate_weight * schedule.other_weight * self.other_loss.weight * loss
            terms["other_loss"] = loss.detach()
        if self.at_levels:
            losses = {part.title: part(embedding_BD[:known], label_C) for part in self.at_levels}
            weighted = sum(part.weight * losses[part.title] for part in self.at_levels)
            total = total + weighted
            if len(losses) == 1:
                terms["embedding_loss"] = next(iter(losses.values())).detach()
            else:
                terms["embedding_loss"] = torch.as_tensor(weighted).detach()
                terms |= {f"embedding_loss:{title}": loss.detach() for title, loss in losses.items()}
        return ObjectiveValue(total=total, terms=terms)

    def classification(
        self, logits_BO: Tensor, label_B: Tensor, image_weight_B: Tensor | None = None, *, smoothing: float = 0.0
    ) -> Tensor:
        """The classification loss of known images alone, without its weight; a scalar."""
        return self.classification_loss.known(
            self._head[0], logits_BO, label_B, self.weight_NK, image_weight_B=image_weight_B, smoothing=smoothing
        )

    def result(self, entry: Mapping[str, float]) -> tuple[float, float]:
        """What an epoch is judged by, the better the larger.

        Args:
            entry: of the log: ``epoch``, and ``held_out_accuracy`` and ``held_out_loss`` where there are any.

        Returns:
            Accuracy on held-out images, then their loss. The last epoch is the best where nothing is held out, where
            the head does not learn, and where a loss joins in late: held-out images say nothing about what it teaches.
        """
        epoch = entry["epoch"]
        if not self.classifies or (self.reads_other and self.other_loss.joins > 0):
            return 0.0, epoch
        return entry.get("held_out_accuracy", 0.0), -entry.get("held_out_loss", -epoch)

    # --------------------------------------------------------------------------------------------------------- helpers

    def _other_loss(self, kinds: int) -> OtherLoss:
        """How images of other are learned from: without any, or at weight 0, they are not even looked at."""
        schedule = self.schedule
        weights = schedule.classification_weight, schedule.other_weight, schedule.gate_weight
        return loss_on_other(schedule.loss, schedule.other_loss, *weights) if kinds else other_losses["none"]

    def _open_set_batch(self, embedding_BD: Tensor, logits_BO: Tensor, kinds: Sequence[Tensor]) -> OpenSetBatch:
        leaf_BL = self._head[0].leaf_scores(logits_BO)
        share_M = torch.cat([torch.full(part.shape, 1 / (len(kinds) * len(part))) for part in kinds])
        return OpenSetBatch(
            embedding_BD=embedding_BD,
            leaf_BL=leaf_BL,
            kinds_BO=None if self.kinds is None else self.kinds(embedding_BD),
            kind_M=torch.cat(list(kinds)).to(leaf_BL.device),
            share_M=share_M.to(leaf_BL),
        )
