"""How to train: how long, how fast, on how much at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hierclf.losses import EmbeddingChoice, gate_weight
from hierclf.settings import Settings
from hierclf.taxonomy import LevelWeights
from hierclf.training.embedding_choices import embedding_choices
from hierclf.training.loss_choices import check_levels, check_something_learns
from hierclf.training.order import usual_together

STEPS_FROM_SCRATCH, STEPS_FINE_TUNING = 3000, 800
FEWEST_EPOCHS, MOST_EPOCHS = 6, 60
SMALLEST_BATCH = 8
LARGE_PRIME = 1_000_003  # keeps the seeds of one run's epochs apart from those of the next


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
        loss: a name from `hierclf.losses.classification_losses`.
        classification_weight: its weight.
        label_smoothing: share of each label that is spread evenly over the leaves.
        embedding_losses: losses on the embedding.
        other_loss: a name from `hierclf.losses.other_losses`.
        other_weight: its weight.
        gate_weight: what the loss on images of other is multiplied with as well: the gate's weight among the levels.
        balanced_batches: whether images that are drawn for an epoch come in the order in which they are, so that every
            batch holds every class equally often; else they are shuffled. Where ``together`` is more than 1, they are.
        together: so many images of a class are visited one after the other, see `hierclf.training.order`; 1 leaves that
            to chance.
        layer_decay: factor on the rate of each stage of a pretrained backbone, from its end to its beginning.
        averaging: decay of the moving average of the weights; 0 averages nothing.
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
    loss: str = "hierarchical"
    classification_weight: float = 1.0
    label_smoothing: float = 0.0
    embedding_losses: tuple[EmbeddingChoice, ...] = ()
    other_loss: str = "kinds"
    other_weight: float = 1.0
    gate_weight: float = 1.0
    balanced_batches: bool = False
    together: int = 1
    layer_decay: float = 1.0
    averaging: float = 0.0
    seed: int = 0

    def rate_factor(self, step: int, steps: int) -> float:
        """What the peak rates are multiplied with at a step: a linear rise, then half a cosine down to 0.

        >>> schedule = Schedule(epochs=1)
        >>> [round(schedule.rate_factor(step, 21), 3) for step in (0, 1, 2, 11, 20)]
        [0.5, 1.0, 1.0, 0.541, 0.007]
        """
        warm_up = max(1, round(self.warm_up * steps))
        if step < warm_up:
            return (step + 1) / warm_up
        done = (step - warm_up) / max(1, steps - warm_up)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def plan_schedule(
    settings: Settings,
    level_weights: LevelWeights,
    *,
    count: int,
    pretrained: bool,
    projects: bool = False,
    visited: int | None = None,
    classes: int = 1,
) -> Schedule:
    """The schedule for a number of images to learn from.

    Args:
        settings: of the fit; ``epochs`` None takes as many as make a usual number of steps.
        level_weights: the first of a list weighs the gate.
        count: images to learn from.
        pretrained: whether the backbone knows something already.
        projects: whether it is a projection that learns, on features that stay as they are.
        visited: how many images an epoch visits, where some are repeated or left out; None visits each once.
        classes: that they belong to; where a loss on the embedding learns from pairs and a batch holds few images of
            each, those of a class come together.

    Raises:
        ConfigError: a loss that knows no levels, and weights of levels; or no loss at all.
    """
    check_levels(settings.loss, level_weights)
    from_scratch = not pretrained and not projects
    check_something_learns(settings, from_scratch=from_scratch)
    batch_size = min(settings.batch_size, max(SMALLEST_BATCH, count // 8))
    steps = STEPS_FINE_TUNING if pretrained else STEPS_FROM_SCRATCH
    usual = round(steps * batch_size / (visited or count))
    epochs = settings.epochs or min(max(usual, FEWEST_EPOCHS), MOST_EPOCHS)
    losses = embedding_choices(settings, from_scratch=from_scratch)
    together = settings.batch_per_class
    if together == "auto":
        together = usual_together(batch_size=batch_size, classes=classes) if losses else 1
    return Schedule(
        epochs=epochs,
        batch_size=batch_size,
        head_rate=settings.head_rate,
        backbone_rate=settings.backbone_rate,
        weight_decay=settings.weight_decay,
        patience=settings.patience,
        augmentation=settings.augmentation,
        loss=settings.loss,
        classification_weight=settings.classification_weight,
        label_smoothing=settings.label_smoothing,
        embedding_losses=losses,
        other_loss=settings.other_loss,
        other_weight=settings.other_weight,
        gate_weight=gate_weight(level_weights),
        balanced_batches=settings.class_weights == "balanced_batches",
        together=together,
        layer_decay=settings.layer_decay,
        averaging=settings.averaging,
        seed=settings.seed,
    )
