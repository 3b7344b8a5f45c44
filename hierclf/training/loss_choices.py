"""Settings about losses: what contradicts itself is refused before any data, what has no use is said afterwards."""

from __future__ import annotations

from typing import Literal

from hierclf.errors import ConfigError
from hierclf.losses import OtherLoss, build_embedding_loss, classification_losses, gate_weight, other_losses
from hierclf.settings import Settings
from hierclf.taxonomy import LevelWeights
from hierclf.training.chance import seeded
from hierclf.training.embedding_choices import AUTO, embedding_choices, embedding_levels

OF_EMBEDDING = ("embedding_weight", "embedding_levels")
OF_KNOWN = (
    *("loss", "classification_weight", "label_smoothing"),
    *("embedding_loss", *OF_EMBEDDING, "layer_decay", "averaging"),
)
OF_OTHER = ("other_loss", "other_weight")
"""Settings that only a training by gradient reads, be it of a backbone or of a projection."""

Learner = Literal["nothing", "projection", "pretrained", "random"]
"""What is trained by gradient: nothing, a projection of a frozen backbone, or a backbone with such weights."""


def check_losses(settings: Settings) -> None:
    """Refuse losses that nobody knows, and settings of losses that contradict each other.

    Raises:
        UnknownName: no such loss.
        ConfigError: options that a loss does not take, or a contradiction.
    """
    loss, other = classification_losses[settings.loss], other_losses[settings.other_loss]
    embedding_levels(settings.embedding_levels)
    choices = embedding_choices(settings)
    with seeded(settings.seed):  # losses with parameters draw them
        for choice in choices:
            build_embedding_loss(choice.name, classes=2, width=2, **dict(choice.options))
    check_something_learns(settings, from_scratch=True)
    if loss.other is not None and other.term is not None and settings.other_loss != "kinds":
        raise ConfigError(
            f"loss={settings.loss!r} learns from images of other itself, as negatives for every leaf, and "
            f"other_loss={settings.other_loss!r} speaks of a softmax; leave other_loss out, or take 'none' to learn "
            "nothing from them"
        )
    if loss.leaves_only and settings.label_smoothing:
        raise ConfigError(
            f"label_smoothing={settings.label_smoothing:g} spreads a label over one softmax, and "
            f"loss={settings.loss!r} has none; leave one of them out"
        )
    if loss.leaves_only and settings.node_weights:
        raise ConfigError(
            f"loss={settings.loss!r} teaches leaves and knows no nodes, got "
            f"node_weights={dict(settings.node_weights)!r}; take class_weights, which weigh images, or "
            "loss='hierarchical'"
        )
    if settings.level_weights is not None:
        check_levels(settings.loss, settings.level_weights)


def check_something_learns(settings: Settings, *, from_scratch: bool) -> None:
    """Refuse a training without a loss.

    Args:
        settings: checked ones.
        from_scratch: whether a backbone learns from random weights, or may do so, as far as is known.

    Raises:
        ConfigError: the classification loss weighs nothing, and there is no embedding loss.
    """
    choices = embedding_choices(settings, from_scratch=from_scratch)
    if settings.classification_weight or any(choice.weight for choice in choices):
        return
    got = "an embedding loss of weight 0" if choices else f"embedding_loss={settings.embedding_loss!r}"
    if not choices and settings.embedding_loss == AUTO:
        got += ", which is none for a pretrained backbone and for a projection"
    raise ConfigError(
        f"with classification_weight=0 the backbone learns by the embedding loss alone, got {got}; name one, "
        "embedding_loss='supcon' say, or raise a weight"
    )


def check_levels(loss: str, level_weights: LevelWeights) -> None:
    """Refuse weights of levels for a loss that knows leaves alone.

    Args:
        loss: a name from `hierclf.losses.classification_losses`.
        level_weights: of the settings or of the taxonomy.

    Raises:
        ConfigError: they do not go together.
    """
    if classification_losses[loss].leaves_only and level_weights != "leaf":
        raise ConfigError(
            f"loss={loss!r} teaches leaves and knows no levels, got level_weights={level_weights!r}; take "
            "level_weights='leaf' (other_weight weighs images of other), or loss='hierarchical'"
        )


def loss_on_other(loss: str, other_loss: str, *weights: float) -> OtherLoss:
    """How a training learns from images of other: not at all where nothing is left of it.

    Args:
        loss: a name from `hierclf.losses.classification_losses`; its own way, if it has one, comes first.
        other_loss: a name from `hierclf.losses.other_losses`.
        weights: all that it is multiplied with, and the weight of the classification loss, without which no head learns
            to tell anything from other.

    >>> loss_on_other("hierarchical", "kinds", 1.0, 0.5).learns_kinds, loss_on_other("hierarchical", "kinds", 0.0).term
    (True, None)
    """
    chosen = other_losses[other_loss]
    if chosen.term is not None:
        chosen = classification_losses[loss].other or chosen
    return chosen if chosen.weight and all(weights) else other_losses["none"]


def features_learn_from_other(settings: Settings, level_weights: LevelWeights, *, trained: bool) -> bool:
    """Whether images of other, and negatives, have a say in what the features become.

    Then the features tell them apart already, as far as they were shown; else all that can learn from them is the gate.

    Args:
        settings: checked ones.
        level_weights: in force; the first of a list weighs the gate.
        trained: whether a backbone or a projection is trained by gradient.
    """
    return trained and _loss_on_other(settings, level_weights).term is not None


def head_learns_from_other(settings: Settings, level_weights: LevelWeights) -> bool:
    """Whether images of other, and negatives, teach the head itself what not to be sure of.

    A loss on kinds of other teaches a layer beside the head; every other one acts on the scores of the leaves.

    Args:
        settings: checked ones.
        level_weights: in force; the first of a list weighs the gate.
    """
    loss = _loss_on_other(settings, level_weights)
    return loss.term is not None and not loss.learns_kinds


def unused_losses(
    settings: Settings, *, learner: Learner, strangers: bool, why: str = "the backbone is frozen"
) -> tuple[str, ...]:
    """What of the settings about losses this fit has no use for, in sentences.

    Args:
        settings: checked ones.
        learner: what is trained.
        strangers: whether there are images of other, or negatives that are made of known images.
        why: nothing is trained, where it is not.

    >>> unused_losses(Settings(embedding_loss="supcon"), learner="nothing", strangers=True)
    ("embedding_loss='supcon' was not used: the backbone is frozen.",)
    >>> unused_losses(Settings(other_loss="objectosphere"), learner="random", strangers=False)
    ("other_loss='objectosphere' was not used: there are no images of other.",)
    """
    defaults = Settings()
    of_other = () if settings.other_loss == "none" else OF_OTHER
    notes = []
    for name in (*OF_KNOWN, *of_other):
        given = getattr(settings, name)
        reason = why if learner == "nothing" else _no_use(name, settings, learner, strangers)
        if reason and given not in (getattr(defaults, name), None):
            notes.append(f"{name}={given!r} was not used: {reason}.")
    if learner != "nothing" and strangers and not settings.classification_weight:
        notes.append(
            "Images of other taught the gate alone: with classification_weight=0 the embedding loss of the known "
            "images is all that is trained for."
        )
    return tuple(notes)


def _no_use(name: str, settings: Settings, learner: Learner, strangers: bool) -> str | None:
    """Why a training has no use for a setting, or None where it has."""
    if name in OF_OTHER and not strangers:
        return "there are no images of other"
    if name in OF_EMBEDDING and not embedding_choices(settings, from_scratch=learner == "random"):
        return "there is no embedding loss"
    if name == "layer_decay" and learner != "pretrained":
        return "the backbone is frozen" if learner == "projection" else "the backbone learns from random weights"
    return None


def _loss_on_other(settings: Settings, level_weights: LevelWeights) -> OtherLoss:
    weights = settings.classification_weight, settings.other_weight, gate_weight(level_weights)
    return loss_on_other(settings.loss, settings.other_loss, *weights)
