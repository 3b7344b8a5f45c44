"""Embeddings of everything that was prepared: given, from a frozen backbone, or from one that is trained first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hierclf.backbones import Backbone, EmbeddingCache, choose_device, project_rows, projected
from hierclf.dag import DagPlan, compile_plan
from hierclf.data import ImageSet
from hierclf.embedding import embed_images
from hierclf.errors import ConfigError, DataError
from hierclf.gates.knn import even_sample
from hierclf.heads import Head, heads
from hierclf.losses import label_weights
from hierclf.negatives import NegativeRecipe
from hierclf.progress import Progress
from hierclf.settings import Settings
from hierclf.training.bench import Bench, FrozenViews
from hierclf.training.chance import seeded
from hierclf.training.choices import level_weights
from hierclf.training.embedded_negatives import EmbeddedNegatives, embed_negatives, of_recipe
from hierclf.training.fine_tune import TrainingState, fine_tune
from hierclf.training.loss_choices import Learner, unused_losses
from hierclf.training.negative_choices import named_transformations
from hierclf.training.negatives import MadeEmbeddings, NegativeChoice, choose_negatives, whole_recipe
from hierclf.training.preparation import Prepared
from hierclf.training.projecting import train_projection
from hierclf.training.roles import held_out, of_other, to_learn_from
from hierclf.training.schedule import Schedule, plan_schedule

# n known images, m images of other, D embedding, N nodes, K nodes on the longest path


MOST_NEGATIVES = 1000
"""So many are made at most where the backbone is frozen: embedding them is all that they cost."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """What the later steps of a fit read.

    Args:
        embedding_nD: embeddings of the known images, float32, or float64 where they were given.
        other_mD: of the images of other, or None.
        backbone: what the model reads images by: the given one, or it with a projection; None where embeddings were
            given.
        head: the head that was trained with the backbone or its projection, or None.
        log: one entry per epoch of training.
        notes: what was surprising, in sentences.
        made: negatives that were made of the known images, or None.
        strangers: whether the training had images of other, or negatives, to learn from.
    """

    embedding_nD: Tensor
    other_mD: Tensor | None
    backbone: Backbone | None = None
    head: Head | None = None
    log: tuple[dict[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    made: MadeEmbeddings | None = None
    strangers: bool = False


def given_features(prepared: Prepared, settings: Settings) -> Features:
    """Embeddings that the user gave.

    Raises:
        ConfigError: a projection of them is wanted.
    """
    if settings.projection is not None:
        raise ConfigError(
            f"projection={settings.projection} is trained on a frozen backbone and kept as its end, and with "
            "backbone=None there is none; give images and a backbone, or leave projection out"
        )
    assert isinstance(prepared.images, Tensor)
    assert prepared.other is None or isinstance(prepared.other, Tensor)
    notes = []
    if settings.negatives not in ("none", "auto"):
        notes.append("No negatives were made: they are made of images, and embeddings were given.")
    notes.extend(
        unused_losses(settings, learner="nothing", strangers=prepared.other is not None, why="embeddings were given")
    )
    return Features(embedding_nD=prepared.images, other_mD=prepared.other, notes=tuple(notes))


def frozen_features(
    prepared: Prepared, backbone: Backbone, settings: Settings, *, cache: EmbeddingCache | None, progress: Progress
) -> Features:
    """Embeddings of a backbone that stays as it is; those that the cache knows are not computed again.

    Where a projection is wanted, it is trained on them, and what it makes of them are the embeddings.
    """
    notes = []
    if not backbone.pretrained:
        notes.append("The backbone is frozen although its weights are random; freeze=False trains it.")
    learner: Learner = "nothing" if settings.projection is None else "projection"
    notes.extend(unused_losses(settings, learner=learner, strangers=prepared.other is not None))
    known_nD, other_mD = _embed_all(prepared, backbone.freeze(), settings, cache, progress)
    choice, made = _frozen_negatives(prepared, backbone, settings, known_nD, other_mD, progress)
    features = Features(
        embedding_nD=known_nD, other_mD=other_mD, backbone=backbone, notes=(*notes, *choice.notes), made=made
    )
    return features if settings.projection is None else _projected(features, backbone, prepared, settings, progress)


def _projected(
    features: Features, backbone: Backbone, prepared: Prepared, settings: Settings, progress: Progress
) -> Features:
    """The same with a projection trained on them; negatives teach the gate, the projection does without them."""
    done = train_projection(prepared, features.embedding_nD, features.other_mD, settings, progress=progress)

    def through(embedding_nD: Tensor) -> Tensor:
        return project_rows(done.projection, embedding_nD)

    made, other_mD = features.made, features.other_mD
    return replace(
        features,
        embedding_nD=through(features.embedding_nD),
        other_mD=None if other_mD is None else through(other_mD),
        backbone=projected(backbone, done.projection),
        head=done.head,
        log=done.log,
        made=None if made is None else replace(made, embedding_MD=through(made.embedding_MD)),
        strangers=other_mD is not None,
    )


def trained_features(
    prepared: Prepared,
    backbone: Backbone,
    settings: Settings,
    plan: DagPlan,
    weight_NK: Tensor,
    *,
    progress: Progress,
    state: TrainingState | None,
    on_epoch: Callable[[TrainingState], None] | None,
) -> Features:
    """Train the backbone, in place, together with a head; then embed with what it has become.

    Where the classification loss weighs nothing, no head has learnt, and one has to be fitted.

    Raises:
        ConfigError: a projection is wanted, which is for a backbone that stays as it is.
    """
    if settings.projection is not None:
        raise ConfigError(
            f"projection={settings.projection} is for a frozen backbone, and this one is trained; freeze it "
            "(freeze=True, --freeze), or leave projection out"
        )
    known = to_learn_from(prepared, settings)
    schedule = plan_schedule(
        settings,
        level_weights(settings, prepared.taxonomy),
        count=len(prepared.parts.fit),
        pretrained=backbone.pretrained,
        visited=known.visited,
        classes=known.classes,
    )
    choice = choose_negatives(_bench(prepared, backbone, settings, plan, weight_NK, schedule, progress))
    with seeded(settings.seed):
        head: Head = heads[settings.head](backbone.dim, plan)  # type: ignore[assignment]  # a builder gives a head
    log = fine_tune(
        backbone.unfreeze(),
        head,
        known,
        held_out(prepared),
        weight_NK.float(),
        schedule,
        other=of_other(prepared),
        negatives=choice.recipe,
        device=choose_device(settings.device),
        workers=settings.workers,
        progress=progress,
        state=state,
        on_epoch=on_epoch,
    )
    known_nD, other_mD = _embed_all(prepared, backbone.freeze(), settings, None, progress)
    learner: Learner = "pretrained" if backbone.pretrained else "random"
    strangers = prepared.other is not None or choice.recipe is not None
    made = None
    if choice.recipe is not None:
        made = _read_with(choice, _negatives(prepared, backbone, settings, choice.recipe, prepared.parts.fit))
    return Features(
        embedding_nD=known_nD,
        other_mD=other_mD,
        backbone=backbone,
        head=head if schedule.classification_weight > 0 else None,
        log=tuple(log),
        notes=(*unused_losses(settings, learner=learner, strangers=strangers), *choice.notes),
        made=made,
        strangers=strangers,
    )


def _bench(
    prepared: Prepared,
    backbone: Backbone,
    settings: Settings,
    plan: DagPlan,
    weight_NK: Tensor,
    schedule: Schedule,
    progress: Progress,
) -> Bench:
    assert isinstance(prepared.images, ImageSet)
    return Bench(
        images=prepared.images,
        label_n=torch.from_numpy(prepared.label_n),
        fit=prepared.parts.fit,
        tune=prepared.parts.tune,
        other=of_other(prepared),
        backbone=backbone,
        plan=plan,
        weight_NK=weight_NK,
        schedule=schedule,
        settings=settings,
        progress=progress,
    )


def _frozen_negatives(
    prepared: Prepared,
    backbone: Backbone,
    settings: Settings,
    known_nD: Tensor,
    other_mD: Tensor | None,
    progress: Progress,
) -> tuple[NegativeChoice, MadeEmbeddings | None]:
    """Negatives for a backbone that stays as it is: they are embedded once, and the trials choose among them."""
    names = named_transformations(settings.negatives)
    if not names:
        return NegativeChoice(), None
    plan = compile_plan(prepared.taxonomy)
    nothing_trained = Schedule(epochs=1)
    bench = _bench(prepared, backbone, settings, plan, label_weights(plan, "leaf"), nothing_trained, progress)
    label_B = bench.label_n[bench.fit]
    rows = even_sample(label_B, MOST_NEGATIVES, torch.Generator().manual_seed(settings.seed)).numpy()
    made = _negatives(prepared, backbone, settings, whole_recipe(names, bench.classes, plan), bench.fit[rows])
    choice = choose_negatives(replace(bench, frozen=FrozenViews(embedding_nD=known_nD, other_mD=other_mD, made=made)))
    if choice.recipe is None:
        return choice, None
    return choice, _read_with(choice, of_recipe(made, choice.recipe, label_B))


def _negatives(
    prepared: Prepared, backbone: Backbone, settings: Settings, recipe: NegativeRecipe, places: np.ndarray
) -> EmbeddedNegatives:
    """Negatives of some of the known images, as the finished backbone sees them."""
    assert isinstance(prepared.images, ImageSet)
    return embed_negatives(
        backbone,
        prepared.images.subset(places),
        torch.from_numpy(prepared.label_n[places]),
        recipe,
        torch.Generator().manual_seed(settings.seed),
        device=choose_device(settings.device),
        workers=settings.workers,
    )


def _read_with(choice: NegativeChoice, made: EmbeddedNegatives) -> MadeEmbeddings | None:
    """What the gate reads; None where no image that the recipe allows was drawn."""
    if choice.recipe is None or not len(made):
        return None
    kind_M = choice.recipe.kind_TN[made.how_M, made.label_M]
    return MadeEmbeddings(embedding_MD=made.embedding_MD, kind_M=kind_M, scores=choice.scores)


def _embed_all(
    prepared: Prepared, backbone: Backbone, settings: Settings, cache: EmbeddingCache | None, progress: Progress
) -> tuple[Tensor, Tensor | None]:
    """Embeddings of the known images and of other; the backbone is left on the CPU."""
    device = choose_device(settings.device)
    embeddings: list[Tensor] = []
    for images in (prepared.images, prepared.other):
        if images is None:
            continue
        assert isinstance(images, ImageSet)
        embedded = embed_images(
            backbone, images, device=device, workers=settings.workers, cache=cache, progress=progress
        )
        if embedded.errors:
            raise DataError(f"these images could be embedded a moment ago: {'; '.join(embedded.errors.values())}")
        embeddings.append(embedded.embedding_nD)
    backbone.to("cpu")
    return embeddings[0], embeddings[1] if len(embeddings) > 1 else None
