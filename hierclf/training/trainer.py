"""One training in progress: networks, optimiser, and the best weights so far. The only mutable thing of a fit.

When images of other are given, or negatives are made from the known images, they join every batch: their kinds compete
with the leaves in one softmax, so that the features learn to tell them apart. That competition is the gate's share of
the loss, −log P(known) for known images and −log P(kind) for the others, weighed by the gate's level weight.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hierclf.backbones import Backbone, augment
from hierclf.data import ImageSet
from hierclf.embedding import Batch, batches
from hierclf.errors import DataError
from hierclf.heads import Head
from hierclf.losses import embedding_losses, hierarchical_loss
from hierclf.negatives import NegativeRecipe, Negatives, make_negatives
from hierclf.progress import Progress
from hierclf.training.schedule import LARGE_PRIME, Schedule

# B images, M images of other and negatives, C channels, H height, W width, D embedding, L leaves, O outputs, N nodes,
# K nodes on the longest path

PATIENCE_WITH_NAN = 5
"""Steps in a row that may be skipped for a loss that is not finite."""

LONGEST_GRADIENT = 5.0
HELD_OUT_BATCH = 256
FEWEST_STRANGERS = 8  # images of other in a step
NEGATIVES_PER_IMAGE = 1.0  # that are tried; those of transformations that a class survives are left out


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingImages:
    """Images with what is known about them.

    Args:
        images: n images.
        label_n: node ids, int64, shape ``(n,)``; for images of other, numbers of their kinds.
        weight_n: a factor per image in the loss, or None.
        draw: which places to visit in an epoch, for over- and under-sampling; None visits each once.
    """

    images: ImageSet
    label_n: Tensor
    weight_n: Tensor | None = None
    draw: Callable[[np.random.Generator], np.ndarray] | None = None

    def places(self, generator: np.random.Generator) -> np.ndarray:
        """Places to visit in an epoch, in no particular order, int64."""
        return np.arange(len(self.label_n)) if self.draw is None else self.draw(generator)


class Trainer:
    """Trains backbone and head in place.

    Args:
        backbone: the feature extractor, unfrozen.
        head: built on the same plan as the labels.
        known: images to learn from.
        other: images of other, labelled with the number of their kind, 0 to O - 1, or None.
        weight_NK: loss weights, from `hierclf.losses.label_weights`.
        schedule: how to train.
        device: where to compute.
        workers: processes that decode files.
        negatives: what to make from known images to learn from beside them, or None.
    """

    def __init__(
        self,
        backbone: Backbone,
        head: Head,
        known: TrainingImages,
        other: TrainingImages | None,
        weight_NK: Tensor,
        schedule: Schedule,
        *,
        device: torch.device,
        workers: int,
        negatives: NegativeRecipe | None = None,
    ) -> None:
        assert isinstance(head, nn.Module)
        self.backbone, self.head, self.known, self.other = backbone, head, known, other
        self.schedule, self.device, self.workers = schedule, device, workers
        self.networks = nn.ModuleDict({"backbone": backbone, "head": head}).to(device)
        self.negatives, self.chance = negatives, torch.Generator()
        self.kinds_of_other = 0 if other is None else int(other.label_n.max()) + 1
        if self.kinds_of_other or negatives is not None:
            kinds = nn.Linear(backbone.dim, self.kinds_of_other + (negatives.num_kinds if negatives else 0))
            nn.init.zeros_(kinds.weight)
            nn.init.zeros_(kinds.bias)
            self.networks["kinds"] = kinds.to(device)
        self.weight_NK, self.path_NK = weight_NK.to(device), head.plan.path_NK.to(device)
        self.embedding_loss = embedding_losses[schedule.embedding_loss]() if schedule.embedding_loss else None
        self.optimizer = torch.optim.AdamW(self._parameter_groups())
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        per_epoch = len(known.places(np.random.default_rng(0)))
        self.steps_per_epoch = math.ceil(per_epoch / schedule.batch_size)
        self.step = 0
        self.best: dict[str, Tensor] = {}
        self.best_result = (-math.inf, -math.inf)
        self.epochs_since_best = 0

    def run_epoch(self, epoch: int, progress: Progress) -> dict[str, float]:
        """One pass over the known images.

        Returns:
            ``epoch`` (counted from 1), mean ``loss`` of the steps, and ``skipped_steps``.

        Raises:
            DataError: the loss was not finite five times in a row; the message names images of the last batch.
        """
        self.networks.train()
        self.chance.manual_seed(self.schedule.seed * LARGE_PRIME + epoch)
        healthy = {name: values.clone() for name, values in self.networks.named_buffers()}
        generator = np.random.default_rng([self.schedule.seed, epoch])
        order = generator.permutation(self.known.places(generator))
        strangers = self._strangers(len(order), generator) if self.other is not None else None
        total, taken, skipped, in_a_row = 0.0, 0, 0, 0
        for batch in progress(self._stream(order), self.steps_per_epoch, f"epoch {epoch + 1}/{self.schedule.epochs}"):
            if len(batch.index_B) < 2:  # batch norm needs two
                continue
            loss = self.take_step(epoch, batch, next(strangers) if strangers is not None else None)
            if math.isfinite(loss):
                total, taken, in_a_row = total + loss, taken + 1, 0
                continue
            skipped, in_a_row = skipped + 1, in_a_row + 1
            for name, values in self.networks.named_buffers():  # batch norm has seen the bad batch already
                values.copy_(healthy[name])
            if in_a_row == PATIENCE_WITH_NAN:
                raise _never_finite(self.known.images, batch)
        return {"epoch": epoch + 1, "loss": total / max(1, taken), "skipped_steps": skipped}

    def take_step(self, epoch: int, batch: Batch, strange: Batch | None) -> float:
        """One step of the optimiser; the loss, NaN where loss or gradient is not finite and no step was taken."""
        factor = self.schedule.rate_factor(self.step, self.steps_per_epoch * self.schedule.epochs)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.step += 1
        self.optimizer.zero_grad()
        loss = self.loss(epoch, batch, strange)
        value = loss.item()
        if not math.isfinite(value):
            return math.nan
        loss.backward()  # type: ignore[no-untyped-call]
        if not nn.utils.clip_grad_norm_(self.networks.parameters(), LONGEST_GRADIENT).isfinite():
            return math.nan
        self.optimizer.step()
        return value

    def loss(self, epoch: int, batch: Batch, strange: Batch | None) -> Tensor:
        """What one batch of known images, and one of other, is minimised for; a scalar."""
        count = len(batch.index_B)
        images_BCHW = self._augmented(batch, epoch)
        made = self._negatives(images_BCHW, self.known.label_n[batch.index_B])
        kinds: list[Tensor] = []
        if strange is not None and self.other is not None:
            images_BCHW = torch.cat([images_BCHW, self._augmented(strange, epoch)])
            kinds.append(self.other.label_n[strange.index_B])
        if made is not None and self.negatives is not None and len(made):
            images_BCHW = torch.cat([images_BCHW, made.images_MCHW])
            kinds.append(self.kinds_of_other + self.negatives.kind_TN[made.how_M, made.label_M])
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
            embedding_BD = self.backbone(images_BCHW)
        embedding_BD = embedding_BD.float()
        logits_BO = self.head(embedding_BD)
        label_B = self.known.label_n[batch.index_B].to(self.device)
        weight_n = self.known.weight_n
        weight_B = None if weight_n is None else weight_n[batch.index_B].to(self.device)
        log_probs_BN = self.head.node_log_probs(logits_BO[:count])
        loss = hierarchical_loss(log_probs_BN, label_B, self.path_NK, self.weight_NK, weight_B)
        if kinds:
            leaf_BL = self.head.leaf_scores(logits_BO)
            share_M = torch.cat([torch.full(part.shape, 1 / (len(kinds) * len(part))) for part in kinds])
            competition = known_or_other_loss(
                leaf_BL, self.networks["kinds"](embedding_BD), torch.cat(kinds).to(self.device), share_M.to(leaf_BL)
            )
            loss = loss + self.schedule.gate_weight * competition
        if self.embedding_loss is not None:
            loss = loss + self.schedule.embedding_weight * self.embedding_loss(embedding_BD[:count], label_B)
        return loss

    @torch.no_grad()
    def assess(self, held_out: TrainingImages) -> dict[str, float]:
        """Loss and accuracy on held-out images: right is the most likely leaf at or below the label."""
        self.networks.eval()
        plan = self.head.plan.to(self.device)
        losses, right, seen = 0.0, 0, 0
        places = range(len(held_out.label_n))
        preprocessing = self.backbone.preprocessing
        for batch in batches(held_out.images, preprocessing, places, batch_size=HELD_OUT_BATCH, workers=self.workers):
            if not len(batch.index_B):
                continue
            log_probs_BN = self.head.node_log_probs(self.head(self.backbone(batch.images_BCHW.to(self.device)).float()))
            label_B = held_out.label_n[batch.index_B].to(self.device)
            loss = hierarchical_loss(log_probs_BN, label_B, self.path_NK, self.weight_NK)
            leaf_B = plan.leaf_L[log_probs_BN[:, plan.leaf_L].argmax(1)]
            right += int(((plan.path_NK[leaf_B] == label_B[:, None]).any(1) | (label_B == 0)).sum())
            losses, seen = losses + loss.item() * len(label_B), seen + len(label_B)
        if not seen:
            return {}
        return {"held_out_loss": losses / seen, "held_out_accuracy": right / seen}

    def keep_best(self, entry: dict[str, float]) -> None:
        """Remember the weights if an epoch did better than all before, by accuracy and then by loss."""
        result = (entry.get("held_out_accuracy", 0.0), -entry.get("held_out_loss", -entry["epoch"]))
        self.epochs_since_best += 1
        if result > self.best_result:
            self.best_result, self.epochs_since_best = result, 0
            self.best = {name: values.detach().cpu().clone() for name, values in self.networks.state_dict().items()}

    def finish(self) -> None:
        """Put the best weights into the networks, on the CPU."""
        if self.best:
            self.networks.load_state_dict(self.best)
        self.networks.to("cpu").eval()

    def state(self) -> dict[str, Any]:
        """All that `load` needs, independent of what happens to the networks from now on."""
        return copy.deepcopy(
            {
                "networks": dict(self.networks.state_dict()),
                "optimizer": self.optimizer.state_dict(),
                "best": self.best,
                "best_result": list(self.best_result),
                "epochs_since_best": self.epochs_since_best,
                "step": self.step,
            }
        )

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a `state`.

        Raises:
            DataError: it belongs to another training.
        """
        try:
            self.networks.load_state_dict(state["networks"])
            self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError(
                f"the checkpoint is of another training ({str(error).splitlines()[0]}); resume with the same data, "
                "taxonomy and settings, or start anew"
            ) from error
        self.best = dict(state["best"])
        self.best_result = (state["best_result"][0], state["best_result"][1])
        self.epochs_since_best, self.step = state["epochs_since_best"], state["step"]

    # --------------------------------------------------------------------------------------------------------- helpers

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """The backbone may learn more slowly than the rest; biases and norms do not decay."""
        slow = self.schedule.backbone_rate if self.backbone.pretrained else self.schedule.head_rate
        groups = []
        for name, network in self.networks.items():
            rate = slow if name == "backbone" else self.schedule.head_rate
            for decays in (True, False):
                chosen = [p for p in network.parameters() if p.requires_grad and (p.ndim > 1) == decays]
                if chosen:
                    decay = self.schedule.weight_decay if decays else 0.0
                    groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
        return groups

    def _stream(self, order: np.ndarray) -> Iterator[Batch]:
        preprocessing, size = self.backbone.preprocessing, self.schedule.batch_size
        return batches(self.known.images, preprocessing, order.tolist(), batch_size=size, workers=self.workers)

    def _strangers(self, known_per_epoch: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Batches of other without end, about as many images per step as their share among all images."""
        assert self.other is not None
        count, size = len(self.other.label_n), self.schedule.batch_size
        size = int(np.clip(round(size * count / max(1, known_per_epoch)), min(FEWEST_STRANGERS, count), size))
        preprocessing = self.backbone.preprocessing
        while True:
            order = generator.permutation(count).tolist()
            for batch in batches(self.other.images, preprocessing, order, batch_size=size, workers=self.workers):
                if len(batch.index_B):
                    yield batch

    def _negatives(self, images_BCHW: Tensor, label_B: Tensor) -> Negatives | None:
        if self.negatives is None:
            return None
        count = round(NEGATIVES_PER_IMAGE * len(label_B))
        return make_negatives(images_BCHW, label_B, self.negatives, self.chance, count=count)

    def _augmented(self, batch: Batch, epoch: int) -> Tensor:
        images_BCHW = batch.images_BCHW.to(self.device, memory_format=torch.channels_last)
        how, seed = self.schedule.augmentation, self.schedule.seed
        preprocessing = self.backbone.preprocessing
        return augment(images_BCHW, batch.index_B, how=how, preprocessing=preprocessing, seed=seed, epoch=epoch)


def known_or_other_loss(leaf_BL: Tensor, kinds_BO: Tensor, kind_M: Tensor, share_M: Tensor | None = None) -> Tensor:
    """Leaves against kinds of other in one softmax: −log P(known) and −log P(kind), both sides counting alike.

    Args:
        leaf_BL: scores of the leaves, known images first, then M of other.
        kinds_BO: scores of the kinds of other, shape ``(B, O)``.
        kind_M: the kind of each image of other, int64.
        share_M: what each of them counts, 1 in all, shape ``(M,)``; None lets all count alike.

    Returns:
        A scalar.
    """
    count = len(leaf_BL) - len(kind_M)
    leaf_B = leaf_BL.logsumexp(1)
    total_B = torch.logaddexp(leaf_B, kinds_BO.logsumexp(1))
    known = (total_B - leaf_B)[:count].mean()
    strange_M = total_B[count:] - kinds_BO[count:].gather(1, kind_M[:, None])[:, 0]
    strange = strange_M.mean() if share_M is None else (share_M * strange_M).sum()
    both: Tensor = 0.5 * (known + strange)
    return both


def _never_finite(images: ImageSet, batch: Batch) -> DataError:
    names = [images.names[place] for place in batch.index_B.tolist()[:8]]
    return DataError(
        f"the loss was not finite {PATIENCE_WITH_NAN} times in a row, last on a batch with {', '.join(names)}; lower "
        "the learning rates (head_rate, backbone_rate) or look at these images"
    )
