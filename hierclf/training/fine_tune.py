"""Train backbone and head together.

Two learning rates (a pretrained backbone learns ten times more slowly than its head), linear warm-up and cosine decay,
early stopping on held-out images, mixed precision where the device has it. Every random choice of an epoch follows
from ``(seed, epoch)``, so a run that was cut off and resumed goes the same way as one that was not.

When images of other are given, they join every batch: their kinds compete with the leaves in one softmax, so that the
features learn to tell them apart. That competition is the gate's share of the loss, −log P(known) for known images and
−log P(kind) for the others, weighed by the gate's level weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
from hierclf.progress import Progress, silent

# B images, C channels, H height, W width, D embedding, L leaves, O kinds of other, N nodes, K nodes on the longest path

PATIENCE_WITH_NAN = 5
"""Steps in a row that may be skipped for a loss that is not finite."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How to train.

    Args:
        epochs: passes over the known images.
        batch_size: known images per step.
        head_rate: peak learning rate of the head, and of a backbone with random weights.
        backbone_rate: peak learning rate of a pretrained backbone.
        weight_decay: of AdamW, on weights of two and more axes.
        warm_up: share of all steps over which the rates rise.
        patience: epochs without a better held-out result after which to stop.
        augmentation: a name from `hierclf.backbones.augmentations`, or "auto".
        embedding_loss: a name from `hierclf.losses.embedding_losses`, or None.
        embedding_weight: its weight.
        gate_weight: weight of the competition with images of other.
        seed: of everything random.
    """

    epochs: int
    batch_size: int = 64
    head_rate: float = 2e-3
    backbone_rate: float = 2e-4
    weight_decay: float = 0.01
    warm_up: float = 0.1
    patience: int = 10
    augmentation: str = "auto"
    embedding_loss: str | None = None
    embedding_weight: float = 0.5
    gate_weight: float = 1.0
    seed: int = 0


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


@dataclass(kw_only=True, eq=False)
class TrainingState:
    """All that a later process needs to go on: the next epoch, tensors by name, and the log so far."""

    epoch: int = 0
    stopped: bool = False
    tensors: dict[str, Any] = field(default_factory=dict)
    log: list[dict[str, float]] = field(default_factory=list)


def fine_tune(
    backbone: Backbone,
    head: Head,
    known: TrainingImages,
    held_out: TrainingImages,
    weight_NK: Tensor,
    schedule: Schedule,
    *,
    other: TrainingImages | None = None,
    device: torch.device | str = "cpu",
    workers: int = 0,
    progress: Progress = silent,
    state: TrainingState | None = None,
    on_epoch: Callable[[TrainingState], None] | None = None,
) -> list[dict[str, float]]:
    """Train in place; at the end backbone and head hold the weights of the best epoch, on the CPU.

    Args:
        backbone: the feature extractor, unfrozen.
        head: built on the same plan as the labels.
        known: images to learn from, labelled with node ids.
        held_out: images that say when to stop.
        weight_NK: loss weights, from `label_weights`.
        schedule: how to train.
        other: images of other, labelled with the number of their kind, 0 to O-1.
        device: where to compute.
        workers: processes that decode files.
        progress: how to show how far an epoch is.
        state: where an earlier run was cut off.
        on_epoch: called after each epoch with the state to resume from.

    Returns:
        One dictionary per epoch: ``epoch loss held_out_loss held_out_accuracy skipped_steps``.

    Raises:
        DataError: the loss was not finite five times in a row; the message names the images of the last batch.
    """
    device = torch.device(device)
    trainer = _Trainer(backbone, head, schedule, weight_NK, num_kinds=_num_kinds(other), device=device)
    per_epoch = len(known.label_n) if known.draw is None else len(known.draw(np.random.default_rng(0)))
    trainer.plan_rates(math.ceil(per_epoch / schedule.batch_size))
    state = state or TrainingState()
    if state.tensors:
        trainer.load(state.tensors)
    while state.epoch < schedule.epochs and not state.stopped:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(schedule.seed * 1_000_003 + state.epoch)
            entry = trainer.run_epoch(state.epoch, known, other, workers, progress)
            entry |= trainer.assess(held_out, workers)
        trainer.keep_best(entry)
        state.epoch += 1
        state.log.append(entry)
        state.stopped = trainer.epochs_since_best >= schedule.patience
        if on_epoch is not None:
            state.tensors = trainer.state()
            on_epoch(state)
    trainer.finish()
    return state.log


class _Trainer:
    """The mutable part: networks, optimiser, the best weights so far."""

    def __init__(
        self,
        backbone: Backbone,
        head: Head,
        schedule: Schedule,
        weight_NK: Tensor,
        *,
        num_kinds: int,
        device: torch.device,
    ) -> None:
        assert isinstance(head, nn.Module)
        self.schedule, self.device = schedule, device
        self.networks = nn.ModuleDict({"backbone": backbone, "head": head}).to(device)
        self.backbone, self.head = backbone, head
        self.networks.to(memory_format=torch.channels_last)
        if num_kinds:
            kinds = nn.Linear(backbone.dim, num_kinds)
            nn.init.zeros_(kinds.weight)
            nn.init.zeros_(kinds.bias)
            self.networks["kinds"] = kinds.to(device)
        self.weight_NK, self.path_NK = weight_NK.to(device), head.plan.path_NK.to(device)
        self.embedding_loss = embedding_losses[schedule.embedding_loss]() if schedule.embedding_loss else None
        slow = schedule.backbone_rate if backbone.pretrained else schedule.head_rate
        groups = []
        for name, network in self.networks.items():
            rate = slow if name == "backbone" else schedule.head_rate
            for decays in (True, False):
                chosen = [p for p in network.parameters() if p.requires_grad and (p.ndim > 1) == decays]
                if chosen:
                    decay = schedule.weight_decay if decays else 0.0
                    groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
        self.optimizer = torch.optim.AdamW(groups)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.step = 0
        self.total_steps = 1
        self.best: dict[str, Tensor] = {}
        self.best_result = (-math.inf, -math.inf)
        self.epochs_since_best = 0

    def plan_rates(self, steps_per_epoch: int) -> None:
        self.total_steps = max(1, steps_per_epoch * self.schedule.epochs)

    def rate_factor(self) -> float:
        warm_up = max(1, round(self.schedule.warm_up * self.total_steps))
        if self.step < warm_up:
            return (self.step + 1) / warm_up
        done = (self.step - warm_up) / max(1, self.total_steps - warm_up)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def run_epoch(
        self, epoch: int, known: TrainingImages, other: TrainingImages | None, workers: int, progress: Progress
    ) -> dict[str, float]:
        self.networks.train()
        source = np.random.default_rng([self.schedule.seed, epoch])
        order = np.arange(len(known.label_n)) if known.draw is None else known.draw(source)
        order = source.permutation(order)
        size = self.schedule.batch_size
        preprocessing = self.backbone.preprocessing
        stream = batches(known.images, preprocessing, order.tolist(), batch_size=size, workers=workers)
        strangers = _strangers(other, self.backbone, len(order), size, source, workers) if other is not None else None
        steps = math.ceil(len(order) / size)
        total, taken, skipped, in_a_row = 0.0, 0, 0, 0
        for batch in progress(stream, steps, f"epoch {epoch + 1}/{self.schedule.epochs}"):
            if len(batch.index_B) < 2:  # batch norm needs two
                continue
            for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * self.rate_factor()
            self.step += 1
            loss = self.loss(epoch, batch, known, next(strangers) if strangers else None, other)
            self.optimizer.zero_grad()
            if not math.isfinite(loss.item()):
                skipped, in_a_row = skipped + 1, in_a_row + 1
                if in_a_row == PATIENCE_WITH_NAN:
                    names = [known.images.names[place] for place in batch.index_B.tolist()[:8]]
                    raise DataError(
                        f"the loss was not finite {PATIENCE_WITH_NAN} times in a row, last on a batch with "
                        f"{', '.join(names)}; lower the learning rate or look at these images"
                    )
                continue
            in_a_row = 0
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.networks.parameters(), 5.0)
            self.optimizer.step()
            total, taken = total + loss.item(), taken + 1
        return {"epoch": epoch + 1, "loss": total / max(1, taken), "skipped_steps": skipped}

    def loss(
        self, epoch: int, batch: Batch, known: TrainingImages, strange: Batch | None, other: TrainingImages | None
    ) -> Tensor:
        count = len(batch.index_B)
        images_BCHW = self.changed(batch, epoch)
        if strange is not None:
            images_BCHW = torch.cat([images_BCHW, self.changed(strange, epoch)])
        autocast = torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda")
        with autocast:
            embedding_BD = self.backbone(images_BCHW)
        embedding_BD = embedding_BD.float()
        logits_BO = self.head(embedding_BD)
        label_B = known.label_n[batch.index_B].to(self.device)
        weight_B = None if known.weight_n is None else known.weight_n[batch.index_B].to(self.device)
        log_probs_BN = self.head.node_log_probs(logits_BO[:count])
        loss = hierarchical_loss(log_probs_BN, label_B, self.path_NK, self.weight_NK, weight_B)
        if strange is not None and other is not None:
            kind_B = other.label_n[strange.index_B].to(self.device)
            loss = loss + self.schedule.gate_weight * self.competition(embedding_BD, logits_BO, count, kind_B)
        if self.embedding_loss is not None:
            loss = loss + self.schedule.embedding_weight * self.embedding_loss(embedding_BD[:count], label_B)
        return loss

    def competition(self, embedding_BD: Tensor, logits_BO: Tensor, count: int, kind_B: Tensor) -> Tensor:
        """Leaves against kinds of other: both sides count alike, however many images each has."""
        leaf_B = self.head.leaf_scores(logits_BO).logsumexp(1)
        kinds_BO = self.networks["kinds"](embedding_BD)
        total_B = torch.logaddexp(leaf_B, kinds_BO.logsumexp(1))
        known = (total_B - leaf_B)[:count].mean()
        strange = (total_B[count:] - kinds_BO[count:].gather(1, kind_B[:, None])[:, 0]).mean()
        both: Tensor = 0.5 * (known + strange)
        return both

    def changed(self, batch: Batch, epoch: int) -> Tensor:
        images_BCHW = batch.images_BCHW.to(self.device, memory_format=torch.channels_last)
        how, seed = self.schedule.augmentation, self.schedule.seed
        preprocessing = self.backbone.preprocessing
        return augment(images_BCHW, batch.index_B, how=how, preprocessing=preprocessing, seed=seed, epoch=epoch)

    @torch.no_grad()
    def assess(self, held_out: TrainingImages, workers: int) -> dict[str, float]:
        """Loss and accuracy on held-out images: right is the most likely leaf at or below the label."""
        self.networks.eval()
        plan = self.head.plan.to(self.device)
        losses, right, seen = 0.0, 0, 0
        places = range(len(held_out.label_n))
        for batch in batches(held_out.images, self.backbone.preprocessing, places, batch_size=256, workers=workers):
            if not len(batch.index_B):
                continue
            log_probs_BN = self.head.node_log_probs(self.head(self.backbone(batch.images_BCHW.to(self.device))))
            label_B = held_out.label_n[batch.index_B].to(self.device)
            loss = hierarchical_loss(log_probs_BN, label_B, self.path_NK, self.weight_NK)
            leaf_B = plan.leaf_L[log_probs_BN[:, plan.leaf_L].argmax(1)]
            right += int((plan.path_NK[leaf_B] == label_B[:, None]).any(1).sum())
            losses, seen = losses + loss.item() * len(label_B), seen + len(label_B)
        if not seen:
            return {}
        return {"held_out_loss": losses / seen, "held_out_accuracy": right / seen}

    def keep_best(self, entry: dict[str, float]) -> None:
        result = (entry.get("held_out_accuracy", 0.0), -entry.get("held_out_loss", -float(entry["epoch"])))
        self.epochs_since_best += 1
        if result > self.best_result:
            self.best_result, self.epochs_since_best = result, 0
            self.best = {name: values.detach().cpu().clone() for name, values in self.networks.state_dict().items()}

    def finish(self) -> None:
        if self.best:
            self.networks.load_state_dict(self.best)
        self.networks.to("cpu").eval()

    def state(self) -> dict[str, Any]:
        return {
            "networks": self.networks.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "best_result": list(self.best_result),
            "epochs_since_best": self.epochs_since_best,
            "step": self.step,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.networks.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        self.best_result = (state["best_result"][0], state["best_result"][1])
        self.epochs_since_best, self.step = state["epochs_since_best"], state["step"]


def _num_kinds(other: TrainingImages | None) -> int:
    return 0 if other is None else int(other.label_n.max()) + 1


def _strangers(
    other: TrainingImages,
    backbone: Backbone,
    known_per_epoch: int,
    batch_size: int,
    source: np.random.Generator,
    workers: int,
) -> Iterator[Batch]:
    """Batches of other without end, about as many images per step as their share among all images, at least 8."""
    count = len(other.label_n)
    size = int(np.clip(round(batch_size * count / max(1, known_per_epoch)), min(8, count), batch_size))
    while True:
        order = source.permutation(count).tolist()
        for batch in batches(other.images, backbone.preprocessing, order, batch_size=size, workers=workers):
            if len(batch.index_B):
                yield batch
