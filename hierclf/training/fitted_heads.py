"""Heads that are fitted on embeddings: on all images that may teach, and on all but a fold of them.

The embeddings are there already, so a head is a convex problem (see `hierclf.training.linear`) and fitting some more,
each without a part of the images, is cheap: what such a head says about the images that it has not seen is what the
whole one will say about new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hierclf.dag import DagPlan, compile_plan
from hierclf.data import stratified_split
from hierclf.heads import Head, heads
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training.balance import RESAMPLED, image_weights
from hierclf.training.favour import FACTORS, FOLDS, answers
from hierclf.training.linear import LabelledEmbeddings, fit_head
from hierclf.training.preparation import Prepared
from hierclf.training.temperature import tempered

# n known images, B images, D embedding, N nodes, K nodes on the longest path, F factors

STREAM = 0xFA40
"""Of the chance that draws folds, so that nothing else draws the same."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Heads:
    """What answers on embeddings.

    Args:
        head: the model's.
        flat: the baseline, a flat softmax on the same embeddings.
        earlier: the model's head before it learnt from the images of split A, or None where it has not.
        penalty: that the head was fitted with, or None for a head that was trained with its backbone.
        temperature: what the logits of the head have been divided by.
    """

    head: Head
    flat: Head
    earlier: Head | None = None
    penalty: float | None = None
    temperature: float = 1.0


def heads_on(
    name: str, embedding_nD: Tensor, prepared: Prepared, settings: Settings, plan: DagPlan, weight_NK: Tensor
) -> Heads:
    """A head fitted on embeddings: on the part to learn from, with a penalty chosen on the part for choices.

    Returns:
        The head, as its own baseline too, and what it was before the part for choices joined in.
    """
    head, earlier = (_new_head(name, embedding_nD, plan, settings) for _ in range(2))
    chance = np.random.default_rng(settings.seed)
    train, held_out = (
        _labelled(places, embedding_nD, prepared, settings, chance)
        for places in (prepared.parts.fit, prepared.parts.tune)
    )
    penalty = fit_head(head, train, held_out, weight_NK.float(), earlier=earlier)
    return Heads(head=finished(head), flat=head, earlier=finished(earlier), penalty=penalty)


def cross_answers(
    places: np.ndarray,
    node: str,
    penalty: float,
    embedding_nD: Tensor,
    prepared: Prepared,
    settings: Settings,
    weight_NK: Tensor,
    *,
    temperature: float = 1.0,
) -> np.ndarray:
    """What each image is answered with, under each factor, by a head fitted without the image and its copies.

    Args:
        places: of the images, int64.
        node: whose odds are multiplied.
        penalty: of the fits.
        embedding_nD: of all known images.
        prepared: what they are.
        settings: of the fit.
        weight_NK: loss weights, from `hierclf.losses.label_weights`.
        temperature: what the logits are divided by before any odds are multiplied.

    Returns:
        Leaf slots, shape ``(F, B)``, for the factors `hierclf.training.favour.FACTORS`.
    """
    plan = compile_plan(prepared.taxonomy)
    rows_BD = embedding_nD[torch.from_numpy(places)]
    first: dict[bytes, int] = {}
    copies = [first.setdefault(row.tobytes(), place) for place, row in enumerate(rows_BD.numpy())]
    chance = np.random.default_rng([settings.seed, STREAM])
    leaf_FB = np.zeros((len(FACTORS), len(places)), dtype=np.int64)
    folds = stratified_split(prepared.label_n[places], (1 / FOLDS,) * FOLDS, generator=chance, groups=copies)
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(places)), fold)
        if not len(fold) or not len(rest):
            continue
        train, nothing = (
            _labelled(chosen, embedding_nD, prepared, settings, chance) for chosen in (places[rest], places[:0])
        )
        head = _new_head(settings.head, embedding_nD, plan, settings)
        fit_head(head, train, nothing, weight_NK.float(), penalties=(penalty,))
        leaf_FB[:, fold] = answers(tempered(head, temperature), rows_BD[torch.from_numpy(fold)], node)
    return leaf_FB


def evened_out_rows(
    embedding_BD: Tensor, label_B: np.ndarray, settings: Settings, taxonomy: Taxonomy, chance: np.random.Generator
) -> LabelledEmbeddings:
    """Embeddings to fit a head on, weighed or drawn as ``class_weights`` says.

    A fit sees all images at once and has no batches, so ``"balanced_batches"`` weighs them: that is what these batches
    come to on average, and drawn but once they would leave images of large classes out.

    Args:
        embedding_BD: of the images.
        label_B: their node ids, int64.
        settings: of the fit.
        taxonomy: what the ids mean.
        chance: where draws come from.
    """
    chosen = "balanced" if settings.class_weights == "balanced_batches" else settings.class_weights
    weights = image_weights(label_B, chosen, taxonomy, chance)
    rows = torch.from_numpy(weights.place_m)
    return LabelledEmbeddings(
        embedding_BD=embedding_BD[rows] if chosen in RESAMPLED else embedding_BD,
        label_B=torch.from_numpy(label_B)[rows],
        weight_B=None if weights.weight_m is None else torch.from_numpy(weights.weight_m).float(),
    )


def finished(head: Head) -> Head:
    """The head itself, which learns no more."""
    assert isinstance(head, nn.Module)
    head.requires_grad_(False).eval()
    return head


def _new_head(name: str, embedding_nD: Tensor, plan: DagPlan, settings: Settings) -> Head:
    generator = torch.Generator().manual_seed(settings.seed)
    head: Head = heads[name](embedding_nD.shape[1], plan, generator=generator)  # type: ignore[assignment]  # is one
    return head


def _labelled(
    places: np.ndarray, embedding_nD: Tensor, prepared: Prepared, settings: Settings, chance: np.random.Generator
) -> LabelledEmbeddings:
    rows_BD = embedding_nD[torch.from_numpy(places)]
    return evened_out_rows(rows_BD, prepared.label_n[places], settings, prepared.taxonomy, chance)
