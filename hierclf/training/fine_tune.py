"""Train backbone and head together, from the first epoch or from where an earlier run was cut off.

Two learning rates (a pretrained backbone learns ten times more slowly than its head, and its first layers more slowly
still if ``layer_decay`` says so), linear warm-up and cosine decay, early stopping on held-out images, mixed precision
where the device has it, and if wanted a running mean of the weights. Every random choice of an epoch follows from
``(seed, epoch)``, so a run that was cut off and resumed goes the same way as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from hierclf.backbones import Backbone, Projection
from hierclf.heads import Head
from hierclf.negatives import NegativeRecipe
from hierclf.progress import Progress, silent
from hierclf.training.chance import seeded
from hierclf.training.material import ImageReader, Reader, RowReader, TrainingImages
from hierclf.training.schedule import LARGE_PRIME, Schedule
from hierclf.training.trainer import Trainer

# N nodes, K nodes on the longest path


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingState:
    """All that a later process needs to go on; tensors, numbers and text, so that no code is needed to read it.

    Args:
        epoch: epochs done.
        stopped: whether training has stopped early.
        tensors: networks, optimiser and the best weights so far; empty before the first epoch.
        log: one dictionary per epoch, see `fine_tune`.
    """

    epoch: int = 0
    stopped: bool = False
    tensors: dict[str, Any] = field(default_factory=dict)
    log: list[dict[str, float]] = field(default_factory=list)


def fine_tune(
    backbone: Backbone | Projection,
    head: Head,
    known: TrainingImages,
    held_out: TrainingImages,
    weight_NK: Tensor,
    schedule: Schedule,
    *,
    other: TrainingImages | None = None,
    negatives: NegativeRecipe | None = None,
    device: torch.device | str = "cpu",
    workers: int = 0,
    progress: Progress = silent,
    state: TrainingState | None = None,
    on_epoch: Callable[[TrainingState], None] | None = None,
) -> list[dict[str, float]]:
    """Train in place; at the end backbone and head hold the weights of the best epoch, on the CPU.

    Args:
        backbone: the feature extractor, unfrozen; or a projection, and embeddings in the place of images.
        head: built on the same plan as the labels.
        known: images to learn from, labelled with node ids.
        held_out: images that say when to stop; without any, the last epoch counts as the best.
        weight_NK: loss weights, from `hierclf.losses.label_weights`.
        schedule: how to train.
        other: images of other, labelled with the number of their kind, 0 to O - 1.
        negatives: what to make from known images to learn from beside them.
        device: where to compute.
        workers: processes that decode files.
        progress: how to show how far an epoch is.
        state: where an earlier run was cut off.
        on_epoch: called after each epoch with the state to resume from.

    Returns:
        One dictionary per epoch: ``epoch loss`` and its terms ``skipped_steps held_out_loss held_out_accuracy``.

    Raises:
        DataError: the loss was not finite five times in a row, or the state is of another training.
    """
    device = torch.device(device)
    state = state or TrainingState()
    with seeded(schedule.seed):
        trainer = Trainer(
            backbone,
            head,
            known,
            other,
            weight_NK,
            schedule,
            reader=_reader(backbone, schedule, workers),
            device=device,
            negatives=negatives,
        )
    if state.tensors:
        trainer.load(state.tensors)
    log, stopped = list(state.log), state.stopped
    for epoch in range(state.epoch, schedule.epochs):
        if stopped:
            break
        with seeded(schedule.seed * LARGE_PRIME + epoch, device):
            entry = trainer.run_epoch(epoch, progress) | trainer.assess(held_out)
        trainer.keep_best(entry)
        log.append(entry)
        stopped = trainer.epochs_since_best >= schedule.patience
        if on_epoch is not None:
            on_epoch(TrainingState(epoch=epoch + 1, stopped=stopped, tensors=trainer.state(), log=list(log)))
    trainer.finish()
    return log


def _reader(backbone: Backbone | Projection, schedule: Schedule, workers: int) -> Reader:
    if isinstance(backbone, Projection):
        return RowReader()
    how, seed = schedule.augmentation, schedule.seed
    return ImageReader(preprocessing=backbone.preprocessing, augmentation=how, seed=seed, workers=workers)
