"""From prepared images to a finished model.

Frozen backbone: embed once, fit the head, calibrate. Fine-tuned backbone: train backbone and head together, then embed
and calibrate what they have become. Either way calibration comes last, see `hierclf.training.calibration`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hierclf.backbones import Backbone, EmbeddingCache
from hierclf.dag import DagPlan, compile_plan
from hierclf.errors import ConfigError
from hierclf.heads import Head
from hierclf.losses import label_weights
from hierclf.model import Baseline, Model, Operation
from hierclf.progress import Progress, silent
from hierclf.settings import Settings
from hierclf.training.balance import image_weights
from hierclf.training.calibration import calibrate_model
from hierclf.training.choices import check_choices, level_weights, node_named, node_weights
from hierclf.training.favour import answers, check_favour, choose_factor, raised
from hierclf.training.favoured import Favoured
from hierclf.training.features import Features, frozen_features, given_features, trained_features
from hierclf.training.fine_tune import TrainingState
from hierclf.training.fitted_heads import Heads, cross_answers, finished, heads_on
from hierclf.training.loss_choices import head_learns_from_other
from hierclf.training.negatives import MadeEmbeddings
from hierclf.training.preparation import Prepared
from hierclf.training.temperature import fitted_temperature, tempered
from hierclf.training.threads import few_threads

# n known images, m images of other, B images, D embedding, N nodes, K nodes on the longest path, F factors


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
        favoured: what favouring a class changed, or None where none was favoured.
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
    favoured: Favoured | None = None


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
    if settings.favour is not None:
        check_favour(node_named(settings.favour, prepared.taxonomy, "favour"), plan, settings.head)
    weight_NK = label_weights(
        plan, level_weights(settings, prepared.taxonomy), node_weights(settings, prepared.taxonomy)
    )
    _check_weights(prepared, settings, weight_NK)
    frozen = backbone is None or (backbone.pretrained if settings.freeze is None else settings.freeze)
    trained = not frozen or (backbone is not None and settings.projection is not None)
    if backbone is None:
        features = given_features(prepared, settings)
    elif frozen:
        features = frozen_features(prepared, backbone, settings, cache=cache, progress=progress)
    else:
        features = trained_features(
            prepared, backbone, settings, plan, weight_NK, progress=progress, state=state, on_epoch=on_epoch
        )
    with few_threads(features.embedding_nD.numel()):
        answering = _heads(features, prepared, settings, plan, weight_NK)
        answering, favoured = _favouring(answering, features, prepared, settings, weight_NK, trained=trained)
        ungated = Model(
            plan=plan,
            backbone=features.backbone,
            head=answering.head,
            gate=None,
            operation=Operation(rule=settings.rule),
            baseline=Baseline(head=answering.flat, calibration_scores=torch.empty(0, dtype=torch.float64)),
            in_features=features.embedding_nD.shape[1],
        )
        model, notes = calibrate_model(
            ungated,
            features.embedding_nD,
            features.other_mD,
            prepared,
            settings,
            made=features.made,
            earlier=answering.earlier,
            trained=trained,
        )
    return Fitted(
        model=model,
        embedding_nD=features.embedding_nD,
        other_mD=features.other_mD,
        log=list(features.log),
        notes=(*features.notes, *(() if favoured is None else (favoured.sentence,)), *notes),
        calibration_notes=notes,
        made=features.made,
        earlier=answering.earlier,
        trained=trained,
        favoured=favoured,
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


def _heads(features: Features, prepared: Prepared, settings: Settings, plan: DagPlan, weight_NK: Tensor) -> Heads:
    """The model's head, and the flat baseline on the same embeddings, each as sure as the temperature makes it.

    A head that was trained with its backbone has lagged behind the features all the way, and has not learnt from the
    images for choices. So it is fitted anew, unless it was taught what no such fit could teach it. Fitted anew it is
    right about somewhat more images, most of all where there are few of each class. The two steps are those of Kang et
    al., *Decoupling Representation and Classifier for Long-Tailed Recognition*, ICLR 2020, arXiv:1910.09217.
    """
    leaf_NK = label_weights(plan, "leaf")
    plain = heads_on("flat", features.embedding_nD, prepared, settings, plan, leaf_NK)
    plain = _tempered(plain, features, prepared, settings)
    if features.head is not None and _keeps_its_head(features, prepared, settings):
        own = Heads(head=finished(features.head), flat=plain.flat)
    elif settings.head == "flat" and torch.equal(weight_NK, leaf_NK):
        return plain
    else:
        own = heads_on(settings.head, features.embedding_nD, prepared, settings, plan, weight_NK)
    return replace(_tempered(own, features, prepared, settings), flat=plain.flat)


def _keeps_its_head(features: Features, prepared: Prepared, settings: Settings) -> bool:
    """Whether the head that was trained along is the model's: it has learnt something, and as no fit would teach it."""
    if not settings.classification_weight:
        return False
    if not settings.refit_head or settings.loss != "hierarchical":
        return True
    return features.strangers and head_learns_from_other(settings, level_weights(settings, prepared.taxonomy))


def _tempered(answering: Heads, features: Features, prepared: Prepared, settings: Settings) -> Heads:
    """Heads with their logits divided by a temperature: given, or fitted on the images of split A."""
    temperature = settings.temperature
    if isinstance(temperature, str):
        tune = torch.from_numpy(prepared.parts.tune)
        head = answering.earlier or answering.head
        label_B = torch.from_numpy(prepared.label_n)[tune]
        temperature = fitted_temperature(head, features.embedding_nD[tune], label_B)
    if temperature == 1:
        return answering
    head = finished(tempered(answering.head, temperature))
    return replace(
        answering,
        head=head,
        flat=head if answering.flat is answering.head else answering.flat,
        earlier=None if answering.earlier is None else finished(tempered(answering.earlier, temperature)),
        temperature=temperature,
    )


def _favouring(
    answering: Heads,
    features: Features,
    prepared: Prepared,
    settings: Settings,
    weight_NK: Tensor,
    *,
    trained: bool,
) -> tuple[Heads, Favoured | None]:
    """The heads with the odds of the favoured node raised, the baseline's aside; see `hierclf.training.favour`.

    They are as sure as they will stay: a temperature that came afterwards would divide the logarithm of the factor too.
    """
    if settings.favour is None:
        return answering, None
    plan = answering.head.plan
    node = node_named(settings.favour, prepared.taxonomy, "favour")
    if trained or answering.penalty is None:
        places = prepared.parts.tune
        leaf_FB = answers(answering.earlier or answering.head, features.embedding_nD[torch.from_numpy(places)], node)
    else:
        places = np.union1d(prepared.parts.fit, prepared.parts.tune)
        leaf_FB = cross_answers(
            places,
            node,
            answering.penalty,
            features.embedding_nD,
            prepared,
            settings,
            weight_NK,
            temperature=answering.temperature,
        )
    favoured = choose_factor(leaf_FB, prepared.label_n[places], plan, node, precision=settings.favour_precision)
    if favoured.factor == 1:
        return answering, favoured
    earlier = None if answering.earlier is None else finished(raised(answering.earlier, node, favoured.factor))
    head = finished(raised(answering.head, node, favoured.factor))
    return replace(answering, head=head, earlier=earlier), favoured
