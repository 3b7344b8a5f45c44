"""Whether to learn from negatives, which ones, and what to read with them: decided by trials, told in a note.

A short training without negatives asks which class survives which transformation (see `hierclf.negatives.survival`).
Then classes are held out in two folds, and short trainings with and without negatives show which notices them better,
and by which scores (see `hierclf.training.trials`). All of it together takes about as long as the training itself.

n images, m images of other, M negatives, D embedding, T transformations, N nodes
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from hierclf.backbones import Backbone, choose_device
from hierclf.dag import DagPlan
from hierclf.data import ImageSet
from hierclf.embedding import BATCH, batches, embed_images
from hierclf.gates import Evidence, build_score, default_scores, p_values
from hierclf.heads import Head, heads
from hierclf.negatives import (
    MOST_SURVIVORS,
    NegativeRecipe,
    make_negatives,
    pass_for_known,
    require_transformations,
    survival_rates,
)
from hierclf.progress import Item, Progress
from hierclf.settings import Settings
from hierclf.training.chance import seeded
from hierclf.training.fine_tune import fine_tune
from hierclf.training.schedule import Schedule
from hierclf.training.trainer import TrainingImages
from hierclf.training.trials import Trial, folds, mean_figures

TRIED = ("mirrored", "upside_down", "rotated_90", "rotated_180", "rotated_270")
"""What "auto" tries: with these the held-out classes of glyphs were noticed best."""

TRIAL_SHARE, FEWEST_EPOCHS = 0.25, 2
"""Length of a short training, as a share of the training itself and at least."""

ASSESSED = 0.2
"""Share of the images to learn from that a trial keeps back to compare with held-out classes."""

LEAST_GAIN, LEAST_DIFFERENCE = 0.1, 0.001
"""Negatives have to take away at least this share of 1 - AUROC, and so much of it, or they are not worth the time."""

MOST_ACCURACY_LOST = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class MadeEmbeddings:
    """Negatives of the images to learn from, as a backbone sees them.

    Args:
        embedding_MD: float32, shape ``(M, D)``.
        kind_M: number of each one's kind, int64.
        scores: names of the gate scores to read with them, where the user named none.
    """

    embedding_MD: Tensor
    kind_M: Tensor
    scores: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class NegativeChoice:
    """What was decided.

    Args:
        recipe: which negatives to make, or None for none.
        scores: names of the gate scores to read with them.
        notes: how that came about, in sentences.
    """

    recipe: NegativeRecipe | None = None
    scores: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def named_transformations(negatives: str | Sequence[str]) -> tuple[str, ...]:
    """The transformations that the setting ``negatives`` names: none at all for ``"none"``, those tried for ``"auto"``.

    Raises:
        UnknownName: no such transformation.
        ConfigError: an empty list, or one transformation twice.

    >>> named_transformations("none"), named_transformations(["mixed"]), len(named_transformations("auto"))
    ((), ('mixed',), 5)
    """
    if isinstance(negatives, str):
        negatives = {"none": (), "auto": TRIED}.get(negatives, (negatives,))
        if not negatives:
            return ()
    require_transformations(tuple(negatives))
    return tuple(negatives)


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


def choose_negatives(bench: Bench) -> NegativeChoice:
    """Whether to learn from negatives, decided on images to learn from and for choices alone.

    ``negatives="none"`` costs nothing; a list of transformations costs one short training that finds out on which
    classes to use them; ``"auto"`` costs five, two of them twice as long for the negatives in them.
    """
    asked = bench.settings.negatives
    names = named_transformations(asked)
    held_out_F = folds(bench.classes, bench.settings.seed)
    if not names:
        return NegativeChoice()
    if asked == "auto" and not held_out_F:
        return NegativeChoice(
            notes=(
                f"No negatives were tried: {len(bench.classes)} classes are too few to hold some out. Name "
                "transformations (negatives=['mirrored']) to learn from them all the same.",
            )
        )
    recipe = surviving_left_out(bench, names)
    if recipe is None:
        return NegativeChoice(notes=("No negatives were made: every class survives every transformation.",))
    usual = default_scores(other=bench.other is not None)
    if asked != "auto":
        return NegativeChoice(recipe=recipe, scores=(*usual, "made"), notes=(_used(recipe, bench),))
    return _tried(bench, recipe, usual, held_out_F)


def surviving_left_out(bench: Bench, names: tuple[str, ...]) -> NegativeRecipe | None:
    """The transformations, each on the classes that it makes something else of; None where there are none.

    A network that was trained for a short time, without negatives, is asked; see `hierclf.negatives.survival`.
    """
    everything_TN = torch.zeros(len(names), bench.plan.num_nodes, dtype=torch.bool)
    everything_TN[:, bench.classes] = True
    everything = NegativeRecipe(names=names, allowed_TN=everything_TN)
    network = short_training(bench, bench.fit, None)
    made, how_M, label_M = made_evidence(bench, network, bench.fit, everything)
    known, tune = (known_evidence(bench, network, places) for places in (bench.fit, bench.tune))
    ordinary = build_score("knn").fit(known, bench.chance())
    p_value_M = p_values(ordinary(tune).sort().values, ordinary(made))
    passes_M = pass_for_known(made.logits_BC.log_softmax(1), p_value_M, tune.logits_BC.log_softmax(1))
    rate_TN = survival_rates(passes_M, how_M, label_M, (len(names), bench.plan.num_nodes))
    recipe = NegativeRecipe(names=names, allowed_TN=everything_TN & (rate_TN <= MOST_SURVIVORS))
    return recipe if recipe.num_kinds else None


def short_training(bench: Bench, places: np.ndarray, recipe: NegativeRecipe | None) -> Network:
    """A copy of the backbone and a new head, trained for a share of the steps of the training itself."""
    backbone = copy.deepcopy(bench.backbone)
    with seeded(bench.settings.seed):
        head: Head = heads[bench.settings.head](backbone.dim, bench.plan)  # type: ignore[assignment]  # it is one
    epochs = round(TRIAL_SHARE * bench.schedule.epochs * len(bench.fit) / max(1, len(places)))
    epochs = min(max(FEWEST_EPOCHS, epochs), bench.schedule.epochs)

    def progress(items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
        return bench.progress(items, total, f"trial, {what}")

    fine_tune(
        backbone.unfreeze(),
        head,
        TrainingImages(images=bench.images.subset(places), label_n=bench.label_n[places]),
        TrainingImages(images=bench.images.subset([]), label_n=bench.label_n[:0]),
        bench.weight_NK.float(),
        replace(bench.schedule, epochs=epochs),
        other=bench.other,
        negatives=recipe,
        device=choose_device(bench.settings.device),
        workers=bench.settings.workers,
        progress=progress,
    )
    return Network(backbone=backbone.freeze(), head=head)


def known_evidence(bench: Bench, network: Network, places: np.ndarray) -> Evidence:
    """What a network says about some of the known images, labelled with the slots of their leaves."""
    embedding_BD = _embedded(bench, network.backbone, bench.images.subset(places))
    return network.evidence(embedding_BD, bench.plan.leaf_slot_N[bench.label_n[places]])


def made_evidence(
    bench: Bench, network: Network, places: np.ndarray, recipe: NegativeRecipe
) -> tuple[Evidence, Tensor, Tensor]:
    """What a network says about negatives of some of the known images; their transformations and labels."""
    embedding_MD, how_M, label_M = embed_negatives(
        network.backbone,
        bench.images.subset(places),
        bench.label_n[places],
        recipe,
        bench.chance(),
        device=choose_device(bench.settings.device),
        workers=bench.settings.workers,
    )
    return network.evidence(embedding_MD, recipe.kind_TN[how_M, label_M]), how_M, label_M


@torch.no_grad()
def embed_negatives(
    backbone: Backbone,
    images: ImageSet,
    label_n: Tensor,
    recipe: NegativeRecipe,
    generator: torch.Generator,
    *,
    device: torch.device | str = "cpu",
    workers: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of negatives, about as many as there are images; the backbone is left on the CPU.

    Args:
        backbone: frozen.
        images: n known images.
        label_n: their node ids, int64.
        recipe: which negatives to make.
        generator: where chance comes from, on the CPU.
        device: where to compute.
        workers: processes that decode files.

    Returns:
        Embeddings, float32 ``(M, D)``, places of the transformations in the recipe, and labels, int64 ``(M,)``.
    """
    places = torch.randperm(len(images), generator=generator).tolist()  # so that a batch holds several classes
    backbone.to(device).eval()
    parts = [(torch.empty(0, backbone.dim), *torch.empty(2, 0, dtype=torch.int64))]
    for batch in batches(images, backbone.preprocessing, places, batch_size=BATCH, workers=workers):
        label_B = label_n[batch.index_B]
        made = make_negatives(batch.images_BCHW.to(device), label_B, recipe, generator, count=len(label_B))
        if len(made):
            parts.append((backbone(made.images_MCHW).float().cpu(), made.how_M, made.label_M))
    backbone.to("cpu")
    embedding_MD, how_M, label_M = (torch.cat(column) for column in zip(*parts, strict=True))
    return embedding_MD, how_M, label_M


def _tried(
    bench: Bench, recipe: NegativeRecipe, usual: tuple[str, ...], held_out_F: Sequence[np.ndarray]
) -> NegativeChoice:
    """With and without, on classes that are held out."""
    ways = ((*usual, "made"), ("knn", "made"), ("made",), usual)
    without, with_made, lost = [], [], []
    for held_out in held_out_F:
        plain, made = (_trial(bench, held_out, way) for way in (None, recipe))
        without.append(plain.auroc((usual,), bench.settings.combine, bench.settings.seed))
        with_made.append(made.auroc(ways, bench.settings.combine, bench.settings.seed))
        lost.append(plain.accuracy - made.accuracy)
    before = mean_figures(without)[usual]
    after, scores = max((figure, names) for names, figure in mean_figures(with_made).items())
    figures = (
        f"AUROC of held-out classes {after:.3f} with negatives, read by {' + '.join(scores)}, {before:.3f} without"
    )
    if after - before < max(LEAST_GAIN * (1 - before), LEAST_DIFFERENCE):
        return NegativeChoice(notes=(f"Negatives were tried and not used: {figures}.",))
    if np.mean(lost) > MOST_ACCURACY_LOST:
        return NegativeChoice(
            notes=(
                f"Negatives were tried and not used, for they cost {100 * np.mean(lost):.1f} % accuracy: {figures}.",
            )
        )
    return NegativeChoice(recipe=recipe, scores=scores, notes=(f"{_used(recipe, bench)} In trials: {figures}.",))


def _trial(bench: Bench, held_out: np.ndarray, recipe: NegativeRecipe | None) -> Trial:
    """One network that never saw some classes, and what it says."""
    away_N = torch.zeros(bench.plan.num_nodes, dtype=torch.bool)
    away_N[held_out] = True
    is_leaf_N = bench.plan.leaf_slot_N >= 0
    fit, tune = (places[(is_leaf_N & ~away_N)[bench.label_n[places]].numpy()] for places in (bench.fit, bench.tune))
    strange = bench.fit[away_N[bench.label_n[bench.fit]].numpy()]
    order = np.random.default_rng([bench.settings.seed, 0xA55E]).permutation(fit)
    assessed, learnt = np.split(order, [round(ASSESSED * len(fit))])
    if recipe is not None:
        recipe = NegativeRecipe(names=recipe.names, allowed_TN=recipe.allowed_TN & ~away_N)
    network = short_training(bench, learnt, recipe)
    other = None
    if bench.other is not None:
        embedding_mD = _embedded(bench, network.backbone, bench.other.images)
        other = network.evidence(embedding_mD, bench.other.label_n)
    return Trial(
        fit=known_evidence(bench, network, learnt),
        tune=known_evidence(bench, network, tune),
        known=known_evidence(bench, network, assessed),
        held_out=known_evidence(bench, network, strange),
        other=other,
        made=None if recipe is None else made_evidence(bench, network, learnt, recipe)[0],
    )


def _embedded(bench: Bench, backbone: Backbone, images: ImageSet) -> Tensor:
    device, workers = choose_device(bench.settings.device), bench.settings.workers
    embedding_BD = embed_images(backbone, images, device=device, workers=workers, progress=bench.progress).embedding_nD
    backbone.to("cpu")
    return embedding_BD


def _used(recipe: NegativeRecipe, bench: Bench) -> str:
    tried = len(recipe.names) * len(bench.classes)
    used = int(recipe.allowed_TN.sum())
    return (
        f"Learnt from negatives made of the known images ({', '.join(recipe.names)}), but for {tried - used} of "
        f"{tried} pairs of a transformation and a class that survives it."
    )
