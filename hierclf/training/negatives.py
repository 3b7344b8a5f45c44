"""Whether to learn from negatives, which ones, and what to read with them: decided by trials, told in a note.

A short training without negatives asks which class survives which transformation (see `hierclf.negatives.survival`).
Then classes are held out in two folds, and short trainings with and without negatives show which notices them better,
and by which scores (see `hierclf.training.trials`). Together they take about as long as one training with negatives.

n images, m images of other, M negatives, D embedding, T transformations, N nodes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.data import ImageSet
from hierclf.gates import build_score
from hierclf.negatives import (
    MOST_SURVIVORS,
    NegativeRecipe,
    pass_for_known,
    survival_rates,
)
from hierclf.training.bench import Bench, embedded, known_evidence, made_evidence, short_training
from hierclf.training.choices import level_weights
from hierclf.training.negative_choices import named_transformations
from hierclf.training.score_choice import crowds, usual_root_scores
from hierclf.training.trials import Trial, folds, mean_figures

ASSESSED = 0.2
"""Share of the images to learn from that a trial keeps back to compare with held-out classes."""

FEWEST_IMAGES = 10
"""With fewer images of any part, a trial would tell nothing."""

LEAST_GAIN, LEAST_DIFFERENCE = 0.1, 0.001
"""Negatives have to take away at least this share of 1 - AUROC, and so much of it, or they are not worth the time."""

MOST_ACCURACY_LOST = 0.05
"""Of known images, in trials. Some is always lost there, since with negatives a network learns more slowly."""


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


def choose_negatives(bench: Bench) -> NegativeChoice:
    """Whether to learn from negatives, decided on images to learn from and for choices alone.

    ``negatives="none"`` costs nothing; a list of transformations costs one short training that finds out on which
    classes to use them; ``"auto"`` costs five, two of them twice as long for the negatives in them. With a frozen
    backbone a training is the fit of a head.
    """
    asked = bench.settings.negatives
    names = named_transformations(asked)
    held_out_F = folds(bench.classes, bench.settings.seed)
    if not names:
        return NegativeChoice()
    if asked == "auto" and not _enough(bench, held_out_F):
        return NegativeChoice(
            notes=(
                f"No negatives were tried: {len(bench.classes)} classes with {len(bench.fit)} images to learn from are "
                "too few to hold some out. Name transformations (negatives=['mirrored']) to learn from them all the "
                "same.",
            )
        )
    recipe = surviving_left_out(bench, names)
    if recipe is None:
        return NegativeChoice(notes=("No negatives were made: every class survives every transformation.",))
    settings = bench.settings
    usual = usual_root_scores(
        settings,
        level_weights(settings, bench.plan.taxonomy),
        other=bench.other is not None,
        trained=bench.frozen is None or settings.projection is not None,
        crowded=crowds(len(bench.classes), settings.projection or bench.backbone.dim),
    )
    if asked != "auto":
        return NegativeChoice(recipe=recipe, scores=(*usual, "made"), notes=(_used(recipe, bench),))
    return _tried(bench, recipe, usual, held_out_F)


def surviving_left_out(bench: Bench, names: tuple[str, ...]) -> NegativeRecipe | None:
    """The transformations, each on the classes that it makes something else of; None where there are none.

    A network that was trained for a short time, without negatives, is asked; see `hierclf.negatives.survival`.
    """
    everything = whole_recipe(names, bench.classes, bench.plan)
    network = short_training(bench, bench.fit, None)
    negatives, made = made_evidence(bench, network, bench.fit, everything)
    known, tune = (known_evidence(bench, network, places) for places in (bench.fit, bench.tune))
    score = build_score("knn").fit(known, bench.chance())
    passes_M = pass_for_known(made.logits_BC.log_softmax(1), score(made), tune.logits_BC.log_softmax(1), score(tune))
    rate_TN = survival_rates(passes_M, negatives.how_M, negatives.label_M, (len(names), bench.plan.num_nodes))
    recipe = NegativeRecipe(names=names, allowed_TN=everything.allowed_TN & (rate_TN <= MOST_SURVIVORS))
    return recipe if recipe.num_kinds else None


def whole_recipe(names: tuple[str, ...], class_C: np.ndarray, plan: DagPlan) -> NegativeRecipe:
    """All transformations of all of some classes, given by node ids, int64."""
    allowed_TN = torch.zeros(len(names), plan.num_nodes, dtype=torch.bool)
    allowed_TN[:, torch.from_numpy(class_C)] = True
    return NegativeRecipe(names=names, allowed_TN=allowed_TN)


def _tried(
    bench: Bench, recipe: NegativeRecipe, usual: tuple[str, ...], held_out_F: Sequence[np.ndarray]
) -> NegativeChoice:
    """With and without, on classes that are held out."""
    ways = (usual, (*usual, "made"), ("knn", "made"), ("knn",))  # a distance to the known is always among them
    without, with_made, lost = [], [], []
    for held_out in held_out_F:
        known = _without(recipe, held_out)
        made = None if known is None else _trial(bench, held_out, known)
        if made is None or made.made is None or len(made.made) < FEWEST_IMAGES:
            return NegativeChoice(
                notes=("Negatives were not used: nearly every class survives every transformation that was tried.",)
            )
        plain = _trial(bench, held_out, None)
        without.append(plain.auroc((usual,), bench.settings.combine, bench.settings.seed))
        with_made.append(made.auroc(ways, bench.settings.combine, bench.settings.seed))
        lost.append(plain.accuracy - made.accuracy)
    before = mean_figures(without)[usual]
    reached = mean_figures(with_made)
    scores = max(ways, key=lambda names: reached[names])
    after = reached[scores]
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


def _without(recipe: NegativeRecipe, class_C: np.ndarray) -> NegativeRecipe | None:
    """The recipe without some classes; None where nothing is left."""
    allowed_TN = recipe.allowed_TN.clone()
    allowed_TN[:, torch.from_numpy(class_C)] = False
    return NegativeRecipe(names=recipe.names, allowed_TN=allowed_TN) if allowed_TN.any() else None


def _trial(bench: Bench, held_out: np.ndarray, recipe: NegativeRecipe | None) -> Trial:
    """One network that never saw some classes, and what it says."""
    parts = divided(bench, held_out)
    network = short_training(bench, parts.fit, recipe)
    other = None
    if bench.other is not None:
        embedding_mD = None if bench.frozen is None else bench.frozen.other_mD
        if embedding_mD is None:
            assert isinstance(bench.other.images, ImageSet)
            embedding_mD = embedded(bench, network.backbone, bench.other.images)
        other = network.evidence(embedding_mD, bench.other.label_n)
    return Trial(
        fit=known_evidence(bench, network, parts.fit),
        tune=known_evidence(bench, network, parts.tune),
        known=known_evidence(bench, network, parts.known),
        held_out=known_evidence(bench, network, parts.held_out),
        other=other,
        made=None if recipe is None else made_evidence(bench, network, parts.fit, recipe)[1],
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialParts:
    """Places of the known images that a trial uses for each purpose, int64; see `Trial`."""

    fit: np.ndarray
    tune: np.ndarray
    known: np.ndarray
    held_out: np.ndarray


def divided(bench: Bench, held_out: np.ndarray) -> TrialParts:
    """The images of a trial.

    Those labelled with inner nodes take no part, for they might show what is held out.
    """
    away_N = torch.zeros(bench.plan.num_nodes, dtype=torch.bool)
    away_N[held_out] = True
    stays_N = (bench.plan.leaf_slot_N >= 0) & ~away_N
    fit, tune = (places[stays_N[bench.label_n[places]].numpy()] for places in (bench.fit, bench.tune))
    order = np.random.default_rng([bench.settings.seed, 0xA55E]).permutation(fit)
    known, learnt = np.split(order, [round(ASSESSED * len(fit))])
    strange = bench.fit[away_N[bench.label_n[bench.fit]].numpy()]
    return TrialParts(fit=learnt, tune=tune, known=known, held_out=strange)


def _enough(bench: Bench, held_out_F: Sequence[np.ndarray]) -> bool:
    parts = [divided(bench, held_out) for held_out in held_out_F]
    return bool(parts) and all(
        min(map(len, (one.fit, one.tune, one.known, one.held_out))) >= FEWEST_IMAGES for one in parts
    )


def _used(recipe: NegativeRecipe, bench: Bench) -> str:
    tried = len(recipe.names) * len(bench.classes)
    used = int(recipe.allowed_TN.sum())
    return (
        f"Learnt from negatives made of the known images ({', '.join(recipe.names)}), but for {tried - used} of "
        f"{tried} pairs of a transformation and a class that survives it."
    )
