"""From prepared images to a finished model.

Frozen backbone: embed once, fit the head, calibrate. Fine-tuned backbone: train backbone and head together, then embed
and calibrate what they have become. Either way calibration comes last, see `hierclf.training.calibration`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hierclf.backbones import Backbone, EmbeddingCache
from hierclf.dag import DagPlan, compile_plan
from hierclf.errors import ConfigError
from hierclf.heads import Head, heads
from hierclf.losses import label_weights
from hierclf.model import Baseline, Model, Operation
from hierclf.progress import Progress, silent
from hierclf.settings import Settings
from hierclf.training.balance import image_weights
from hierclf.training.calibration import calibrate_model
from hierclf.training.choices import check_choices, level_weights, node_weights
from hierclf.training.features import Features, frozen_features, given_features, trained_features
from hierclf.training.fine_tune import TrainingState
from hierclf.training.linear import LabelledEmbeddings, fit_head
from hierclf.training.negatives import MadeEmbeddings
from hierclf.training.preparation import Prepared
from hierclf.training.threads import few_threads

# n known images, m images of other, B images, D embedding, N nodes, K nodes on the longest path


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A model and how it came about.

    Args:
        model: ready to decide.
        embedding_nD: embeddings of the known images, in the order of the prepared set.
        other_mD: embeddings of other, or None.
        log: one entry per epoch, empty for a frozen backbone.
        notes: what was chosen or could not be promised, in sentences.
        calibration_notes: those of them that another gate or rule would do away with.
        made: negatives that were made of the known images, or None.
        earlier: the head before it learnt from the images of split A, or None where it has not.
        trained: whether the backbone was trained on these images.
    """

    model: Model
    embedding_nD: Tensor
    other_mD: Tensor | None
    log: list[dict[str, float]]
    notes: tuple[str, ...]
    calibration_notes: tuple[str, ...] = ()
    made: MadeEmbeddings | None = None
    earlier: Head | None = None
    trained: bool = False


def fit_model(
    prepared: Prepared,
    backbone: Backbone | None,
    settings: Settings,
    *,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
    state: TrainingState | None = None,
    on_epoch: Callable[[TrainingState], None] | None = None,
) -> Fitted:
    """Learn everything that a model needs.

    Args:
        prepared: what there is to learn from.
        backbone: the feature extractor, which is trained in place unless it is to be frozen; None when embeddings were
            prepared.
        settings: how.
        cache: embeddings by content, for a frozen backbone.
        progress: how to show how far it is.
        state: where an earlier training was cut off.
        on_epoch: called after each epoch of training with the state to resume from.

    Raises:
        HierclfError: a setting or the images do not allow it; the message says what to do.
    """
    check_choices(settings)
    plan = compile_plan(prepared.taxonomy)
    weight_NK = label_weights(
        plan, level_weights(settings, prepared.taxonomy), node_weights(settings, prepared.taxonomy)
    )
    _check_weights(prepared, settings, weight_NK)
    if backbone is None:
        features = given_features(prepared, settings)
    elif backbone.pretrained if settings.freeze is None else settings.freeze:
        features = frozen_features(prepared, backbone, settings, cache=cache, progress=progress)
    else:
        features = trained_features(
            prepared, backbone, settings, plan, weight_NK, progress=progress, state=state, on_epoch=on_epoch
        )
    with few_threads(features.embedding_nD.numel()):
        head, flat, earlier = _heads(features, prepared, settings, plan, weight_NK)
        trained = features.head is not None
        ungated = Model(
            plan=plan,
            backbone=backbone,
            head=head,
            gate=None,
            operation=Operation(rule=settings.rule),
            baseline=Baseline(head=flat, calibration_scores=torch.empty(0, dtype=torch.float64)),
            in_features=features.embedding_nD.shape[1],
        )
        model, notes = calibrate_model(
            ungated,
            features.embedding_nD,
            features.other_mD,
            prepared,
            settings,
            made=features.made,
            earlier=earlier,
            trained=trained,
        )
    return Fitted(
        model=model,
        embedding_nD=features.embedding_nD,
        other_mD=features.other_mD,
        log=list(features.log),
        notes=(*features.notes, *notes),
        calibration_notes=notes,
        made=features.made,
        earlier=earlier,
        trained=trained,
    )


def _check_weights(prepared: Prepared, settings: Settings, weight_NK: Tensor) -> None:
    """Refuse weights of levels, nodes and classes under which no image counts.

    Raises:
        ConfigError: all of them are 0.
    """
    label_B = prepared.label_n[prepared.parts.fit]
    counts_B = weight_NK.sum(1).cpu().numpy()[label_B] > 0
    if isinstance(settings.class_weights, Mapping):
        chance = np.random.default_rng(settings.seed)
        weight_B = image_weights(label_B, settings.class_weights, prepared.taxonomy, chance).weight_m
        counts_B &= np.asarray(weight_B) > 0
    if not counts_B.any():
        raise ConfigError(
            "all weights are 0, so there is nothing to learn from: raise one of level_weights (the first belongs to "
            "the gate), node_weights or class_weights"
        )


def _heads(
    features: Features, prepared: Prepared, settings: Settings, plan: DagPlan, weight_NK: Tensor
) -> tuple[Head, Head, Head | None]:
    """The model's head, the flat baseline on the same embeddings, and the head before it learnt from split A."""
    leaf_NK = label_weights(plan, "leaf")
    flat, earlier = _head_on("flat", features.embedding_nD, prepared, settings, plan, leaf_NK)
    if features.head is not None:
        return _finished(features.head), _finished(flat), None
    if settings.head == "flat" and torch.equal(weight_NK, leaf_NK):
        return _finished(flat), flat, _finished(earlier)
    head, earlier = _head_on(settings.head, features.embedding_nD, prepared, settings, plan, weight_NK)
    return _finished(head), _finished(flat), _finished(earlier)


def _finished(head: Head) -> Head:
    assert isinstance(head, nn.Module)
    head.requires_grad_(False).eval()
    return head


def _head_on(
    name: str, embedding_nD: Tensor, prepared: Prepared, settings: Settings, plan: DagPlan, weight_NK: Tensor
) -> tuple[Head, Head]:
    """A head fitted on embeddings: on the part to learn from, with a penalty chosen on the part for choices.

    Returns:
        The head, and what it was before the part for choices joined in.
    """
    head, earlier = (
        heads[name](embedding_nD.shape[1], plan, generator=torch.Generator().manual_seed(settings.seed))
        for _ in range(2)
    )
    chance = np.random.default_rng(settings.seed)
    train, held_out = (
        _labelled(places, embedding_nD, prepared, settings, chance)
        for places in (prepared.parts.fit, prepared.parts.tune)
    )
    fit_head(head, train, held_out, weight_NK.float(), earlier=earlier)  # type: ignore[arg-type]
    return head, earlier  # type: ignore[return-value]  # a builder gives a module that is a head


def _labelled(
    places: np.ndarray, embedding_nD: Tensor, prepared: Prepared, settings: Settings, chance: np.random.Generator
) -> LabelledEmbeddings:
    label_B = prepared.label_n[places]
    weights = image_weights(label_B, settings.class_weights, prepared.taxonomy, chance)
    rows = torch.from_numpy(places[weights.place_m])
    return LabelledEmbeddings(
        embedding_BD=embedding_nD[rows],
        label_B=torch.from_numpy(label_B[weights.place_m]),
        weight_B=None if weights.weight_m is None else torch.from_numpy(weights.weight_m).float(),
    )
