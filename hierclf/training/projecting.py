"""Train a projection on the embeddings of a frozen backbone, with the losses that a network would be trained with.

n known images, m images of other, D embedding of the frozen part
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hierclf.backbones import Projection, choose_device
from hierclf.dag import compile_plan
from hierclf.heads import Head, heads
from hierclf.losses import label_weights
from hierclf.progress import Progress
from hierclf.settings import Settings
from hierclf.training.chance import seeded
from hierclf.training.choices import level_weights, node_weights
from hierclf.training.fine_tune import fine_tune
from hierclf.training.preparation import Prepared
from hierclf.training.roles import held_out, of_other, to_learn_from
from hierclf.training.schedule import plan_schedule


@dataclass(frozen=True, kw_only=True, eq=False)
class Projecting:
    """A finished projection.

    Args:
        projection: in evaluation mode.
        head: what was trained with it, or None where the losses did not train it.
        log: one entry per epoch.
    """

    projection: Projection
    head: Head | None
    log: tuple[dict[str, float], ...]


def train_projection(
    prepared: Prepared, embedding_nD: Tensor, other_mD: Tensor | None, settings: Settings, *, progress: Progress
) -> Projecting:
    """Learn a projection of ``settings.projection`` outputs together with a head.

    Args:
        prepared: what there is to learn from.
        embedding_nD: embeddings of the known images by the frozen backbone.
        other_mD: of the images of other, or None.
        settings: losses, weights, rates, epochs (as for a network with random weights) and the width.
        progress: how to show how far it is.

    The embeddings of the images to learn from say how embeddings are standardised. It takes seconds, so nothing is
    written down to resume from.
    """
    assert settings.projection is not None
    plan, levels = compile_plan(prepared.taxonomy), level_weights(settings, prepared.taxonomy)
    weight_NK = label_weights(plan, levels, node_weights(settings, prepared.taxonomy))
    known = to_learn_from(prepared, settings, embedding_nD)
    assert isinstance(known.images, Tensor)
    schedule = plan_schedule(
        settings,
        levels,
        count=len(prepared.parts.fit),
        pretrained=False,
        projects=True,
        visited=known.visited,
        classes=known.classes,
    )
    with seeded(settings.seed):
        projection = Projection(embedding_nD.shape[1], settings.projection).standardise(known.images)
        head: Head = heads[settings.head](projection.dim, plan)  # type: ignore[assignment]  # a builder gives a head
    log = fine_tune(
        projection,
        head,
        known,
        held_out(prepared, embedding_nD),
        weight_NK.float(),
        schedule,
        other=None if other_mD is None else of_other(prepared, other_mD),
        device=choose_device(settings.device),
        progress=progress,
    )
    projection.requires_grad_(False)
    return Projecting(projection=projection, head=head if schedule.classification_weight > 0 else None, log=tuple(log))
