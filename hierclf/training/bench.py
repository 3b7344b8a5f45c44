"""Short trainings for trials: all start from the same weights, learn from some images, and are asked about others.

With a frozen backbone nothing is trained but a head: the images and all negatives were embedded once, and each trial
takes those that it may know.

n images, m images of other, B images of one part, D embedding
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from hierclf.backbones import Backbone, choose_device
from hierclf.dag import DagPlan
from hierclf.data import ImageSet
from hierclf.embedding import embed_images
from hierclf.gates import Evidence
from hierclf.heads import Head, heads
from hierclf.losses import label_weights
from hierclf.negatives import NegativeRecipe
from hierclf.progress import Item, Progress
from hierclf.settings import Settings
from hierclf.training.chance import seeded
from hierclf.training.embedded_negatives import EmbeddedNegatives, embed_negatives, of_recipe
from hierclf.training.fine_tune import fine_tune
from hierclf.training.fitted_heads import evened_out_rows
from hierclf.training.linear import fit_head
from hierclf.training.material import TrainingImages
from hierclf.training.roles import evened_out
from hierclf.training.schedule import Schedule

TRIAL_SHARE, FEWEST_EPOCHS = 0.25, 2
"""Length of a short training, as a share of the training itself and at least."""

PENALTY = 0.01
"""Of the head that a frozen backbone gets for a trial, see `hierclf.training.linear`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FrozenViews:
    """What a frozen backbone makes of the known images and of negatives, so that no trial has to embed anything.

    Args:
        embedding_nD: embeddings of all known images, shape ``(n, D)``.
        other_mD: of the images of other, or None.
        made: negatives by all transformations that the setting names, of all classes.
    """

    embedding_nD: Tensor
    other_mD: Tensor | None
    made: EmbeddedNegatives


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """What short trainings need; every one starts from the same weights.

    Args:
        images: all known images.
        label_n: their node ids, int64.
        fit: places of those to learn from, int64.
        tune: places of those for choices, int64.
        other: images of other, or None.
        backbone: stays as it is; copies of it are trained.
        plan: the compiled taxonomy.
        weight_NK: loss weights.
        schedule: of the training itself.
        settings: of the fit.
        progress: how to show how far it is.
        frozen: what a backbone that is not to be trained makes of the images; None trains copies.
    """

    images: ImageSet
    label_n: Tensor
    fit: np.ndarray
    tune: np.ndarray
    other: TrainingImages | None
    backbone: Backbone
    plan: DagPlan
    weight_NK: Tensor
    schedule: Schedule
    settings: Settings
    progress: Progress
    frozen: FrozenViews | None = None

    @property
    def classes(self) -> np.ndarray:
        """Leaves with images to learn from, int64, ascending."""
        label_C: np.ndarray = np.unique(self.label_n[torch.from_numpy(self.fit)].numpy())
        leaves_C: np.ndarray = label_C[self.plan.leaf_slot_N.numpy()[label_C] >= 0]
        return leaves_C

    def chance(self) -> torch.Generator:
        """A new generator that starts from the seed."""
        return torch.Generator().manual_seed(self.settings.seed)


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A backbone and the head that was trained with it."""

    backbone: Backbone
    head: Head

    def evidence(self, embedding_BD: Tensor, label_B: Tensor) -> Evidence:
        """What the gate may read about images."""
        assert isinstance(self.head, nn.Module)
        with torch.no_grad():
            return Evidence(embedding_BD, self.head.leaf_scores(self.head(embedding_BD)), label_B)


def short_training(bench: Bench, places: np.ndarray, recipe: NegativeRecipe | None) -> Network:
    """A copy of the backbone and a new head, trained for a share of the steps of the training itself.

    Where the backbone is frozen, it stays as it is, and the head is fitted on its embeddings; where the classification
    loss weighs nothing, the head is fitted on what the backbone has become.
    """
    if bench.frozen is not None:
        rows_nD = bench.frozen.embedding_nD
        return Network(backbone=bench.backbone, head=_fitted_head(bench, places, lambda some: rows_nD[some]))
    backbone = copy.deepcopy(bench.backbone)
    with seeded(bench.settings.seed):
        head: Head = heads[bench.settings.head](backbone.dim, bench.plan)  # type: ignore[assignment]  # it is one
    everyone, known = (_to_learn_from(bench, some) for some in (bench.fit, places))
    epochs = round(TRIAL_SHARE * bench.schedule.epochs * everyone.visited / max(1, known.visited))
    epochs = min(max(FEWEST_EPOCHS, epochs), bench.schedule.epochs)

    def progress(items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
        return bench.progress(items, total, f"trial, {what}")

    fine_tune(
        backbone.unfreeze(),
        head,
        known,
        TrainingImages(images=bench.images.subset([]), label_n=bench.label_n[:0]),
        bench.weight_NK.float(),
        replace(bench.schedule, epochs=epochs),
        other=bench.other,
        negatives=recipe,
        device=choose_device(bench.settings.device),
        workers=bench.settings.workers,
        progress=progress,
    )
    backbone.freeze()
    if bench.schedule.classification_weight == 0:
        head = _fitted_head(bench, places, lambda some: embedded(bench, backbone, bench.images.subset(some)))
    return Network(backbone=backbone, head=head)


def known_evidence(bench: Bench, network: Network, places: np.ndarray) -> Evidence:
    """What a network says about some of the known images, labelled with the slots of their leaves."""
    if bench.frozen is not None:
        embedding_BD = bench.frozen.embedding_nD[places]
    else:
        embedding_BD = embedded(bench, network.backbone, bench.images.subset(places))
    return network.evidence(embedding_BD, bench.plan.leaf_slot_N[bench.label_n[places]])


def made_evidence(
    bench: Bench, network: Network, places: np.ndarray, recipe: NegativeRecipe
) -> tuple[EmbeddedNegatives, Evidence]:
    """Negatives of some of the known images, and what a network says about them.

    Where the backbone is frozen, these are all that were made of the classes of these images.
    """
    if bench.frozen is not None:
        made = of_recipe(bench.frozen.made, recipe, bench.label_n[places])
    else:
        made = embed_negatives(
            network.backbone,
            bench.images.subset(places),
            bench.label_n[places],
            recipe,
            bench.chance(),
            device=choose_device(bench.settings.device),
            workers=bench.settings.workers,
        )
    return made, network.evidence(made.embedding_MD, recipe.kind_TN[made.how_M, made.label_M])


def embedded(bench: Bench, backbone: Backbone, images: ImageSet) -> Tensor:
    """Embeddings of some images; the backbone is left on the CPU."""
    device, workers = choose_device(bench.settings.device), bench.settings.workers
    embedding_BD = embed_images(backbone, images, device=device, workers=workers, progress=bench.progress).embedding_nD
    backbone.to("cpu")
    return embedding_BD


def _to_learn_from(bench: Bench, places: np.ndarray) -> TrainingImages:
    """Some of the known images, weighed or drawn as in the training itself."""
    return evened_out(bench.images.subset(places), bench.label_n[places].numpy(), bench.settings, bench.plan.taxonomy)


def _fitted_head(bench: Bench, places: np.ndarray, embedding_of: Callable[[np.ndarray], Tensor]) -> Head:
    """A head fitted on the embeddings of some known images, with those for choices of the same classes."""
    seen = set(bench.label_n[places].tolist())
    tune = bench.tune[[label in seen for label in bench.label_n[bench.tune].tolist()]]
    settings, chance = bench.settings, np.random.default_rng(bench.settings.seed)
    train, held_out = (
        evened_out_rows(embedding_of(some), bench.label_n[some].numpy(), settings, bench.plan.taxonomy, chance)
        for some in (places, tune)
    )
    width = train.embedding_BD.shape[1]
    head: Head = heads["flat"](width, bench.plan, generator=bench.chance())  # type: ignore[assignment]  # it is one
    fit_head(head, train, held_out, label_weights(bench.plan, "leaf").float(), penalties=(PENALTY,))
    return head
