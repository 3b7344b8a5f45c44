"""The gates of a model whose backbone and head are done: choose, fit, calibrate.

Choices come from leave-one-child-out on the images to learn from (`hierclf.training.leave_one_out`), maps from split A,
the promise from split B. What images of other there are, teach the root's gate; a two-sided promise keeps some of them
for itself.

n known images, m images of other, D embedding, S scores, G gated nodes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Generator

from hierclf.errors import ConfigError, DataError
from hierclf.gates import (
    Average,
    BothSides,
    ClassStatistics,
    Confident,
    Cross,
    Evidence,
    Fold,
    ForEachClass,
    Gate,
    Guarantee,
    NodeGates,
    NodeGaussians,
    NodeSurprise,
    PValueMap,
    Statistic,
    Unbound,
    belongs,
    fit_gate,
    minimum_calibration_size,
    raw_scores,
)
from hierclf.gates.guarantee import alpha_of
from hierclf.promises import minimum_confident_size, pool_classes, stratified_folds
from hierclf.promises.conformal import sorted_scores
from hierclf.settings import Settings
from hierclf.training.choices import gate_scores
from hierclf.training.gate_choice import novel_map
from hierclf.training.gate_images import GateImages
from hierclf.training.quick_head import quick_head
from hierclf.training.score_choice import ScoreChoice, choose_scores

FOLDS = 5
"""Of a cross-conformal calibration."""
TUNE_SHARE = 0.2
"""Of the images of a fold's gate that its maps are fitted on."""
OTHER_SHARE = 0.3
"""Of the images of other that a two-sided promise keeps for itself."""


def build_gate(images: GateImages, settings: Settings, usual_scores: Sequence[str]) -> Gate | None:
    """The calibrated gates.

    Args:
        images: what to learn from.
        settings: which gates, which scores, which promise.
        usual_scores: of the root, where the user named none.

    Returns:
        The gates, or None where the user wants none.

    Raises:
        ConfigError: a promise that these images do not allow.
        DataError: too few images for a score.
    """
    if gate_scores(settings.gate) is None:
        return None
    kept_other = None
    if settings.promise == "two_sided":
        images, kept_other = _with_other_kept(images, settings)
    generator = torch.Generator().manual_seed(settings.seed)
    choice = choose_scores(images, settings, usual_scores, generator)
    gate = _fitted(images, choice, settings, generator)
    if settings.promise == "cross":
        return _crossed(gate, images, settings, usual_scores)
    statistic = gate.statistic(images.evidence(images.calibration))
    return gate.guaranteed(_guarantee(gate, statistic, images, settings, kept_other))


def needed_to_calibrate(settings: Settings) -> int:
    """Calibration images without which the promise turns nobody away."""
    alpha = alpha_of(settings.keep)
    if settings.promise == "confident":
        return minimum_confident_size(alpha, 1 - settings.confidence)
    return minimum_calibration_size(alpha)


def _fitted(images: GateImages, choice: ScoreChoice, settings: Settings, generator: Generator) -> Gate:
    """The gates before calibration; with the usual promise on no image at all."""
    plan, fit, tune = images.plan, images.evidence(images.fit), images.evidence(images.tune)
    gate = fit_gate(
        fit,
        tune,
        tune[:0],
        scores=choice.root,
        generator=generator,
        other=images.other,
        made=images.made,
        combine=settings.combine,
        keep=settings.keep,
    )
    rarity = PValueMap.fit(gate.combined(gate.components(tune)))
    nodes = None
    if len(choice.gated):
        statistics = ClassStatistics.fit(fit, generator)
        gaussians = NodeGaussians.of(statistics, plan)
        raw_SnG = raw_scores(tune, choice.names, statistics, gaussians, plan, choice.gated)
        row_X, place_X = belongs(images.label_n[images.tune], plan)[:, choice.gated].nonzero(as_tuple=True)
        surprise = NodeSurprise.fit(raw_SnG[:, row_X, place_X], place_X, choice.use_SG)
        nodes = NodeGates(plan=plan, gated=choice.gated, names=choice.names, statistics=statistics, surprise=surprise)
    everything = torch.cat([torch.tensor([0]), choice.gated])
    novel = novel_map(choice.told, plan, everything, prior=settings.novelty_prior)
    return replace(gate, plan=plan, rarity=rarity, nodes=nodes, novel=novel, detections=choice.detections)


def _guarantee(
    gate: Gate, statistic: Statistic, images: GateImages, settings: Settings, kept_other: Evidence | None
) -> Guarantee:
    """The promise that the user asked for, on calibration images that nothing else has seen."""
    keep, scores = settings.keep, statistic.score_B
    if settings.promise == "confident":
        return Confident(keep=keep, scores=sorted_scores(scores), confidence=settings.confidence)
    if settings.promise == "per_class":
        enough = minimum_calibration_size(1 - keep) * len(images.fit) / max(len(scores), 1)
        of_fit = images.label_n[images.fit]
        counted = of_fit[images.plan.leaf_slot_N[of_fit] >= 0]
        pools = pool_classes(counted, images.plan.path_NK, max(1, int(np.ceil(1.2 * enough))))
        return ForEachClass(keep=keep, scores=scores, nodes=statistic.node_B, pools=pools, leaves=images.plan.leaf_L)
    if settings.promise == "two_sided":
        assert kept_other is not None
        return BothSides(
            keep=keep,
            scores=sorted_scores(scores),
            other=sorted_scores(gate.score(kept_other)),
            other_accepted=settings.other_accepted,
        )
    kind = Unbound if settings.promise == "none" else Average
    return kind(keep=keep, scores=sorted_scores(scores))


def _with_other_kept(images: GateImages, settings: Settings) -> tuple[GateImages, Evidence]:
    """The images with some of other set aside, and these."""
    if images.other is None or len(images.other) < 2:
        raise ConfigError("promise='two_sided' is about images of other too: give some (other=, --other)")
    if not images.frozen:
        raise ConfigError(
            "promise='two_sided' needs images of other that nothing was trained on, and the backbone was trained on "
            "all of them; freeze it (freeze=True, --freeze)"
        )
    order = torch.randperm(len(images.other), generator=torch.Generator().manual_seed(settings.seed))
    wanted = max(round(OTHER_SHARE * len(order)), minimum_calibration_size(settings.other_accepted))
    count = max(1, min(wanted, len(order) // 2))
    return replace(images, other=images.other[order[count:].sort().values]), images.other[order[:count].sort().values]


def _crossed(gate: Gate, images: GateImages, settings: Settings, usual_scores: Sequence[str]) -> Gate:
    """The gate with a cross-conformal calibration: for each fold, gates and classifier that have not seen it.

    Each fold's gates choose their scores on their own images as well, or a choice would have seen the fold.
    """
    if not images.frozen:
        raise ConfigError(
            "promise='cross' lets every image teach and calibrate, which takes a backbone that was not trained on "
            "them; freeze it (freeze=True, --freeze), or take another promise"
        )
    plan, labels = images.plan, images.label_n
    known = (plan.leaf_slot_N[labels] >= 0).nonzero()[:, 0]
    count = min(FOLDS, len(known) // 2)
    if count < 2:
        raise DataError(f"promise='cross' needs at least 4 known images with a leaf class, got {len(known)}")
    generator = torch.Generator().manual_seed(settings.seed)
    fold_n = stratified_folds(labels[known], count, generator)
    scores_n = torch.empty(len(known), dtype=torch.float64)
    folds = []
    for number in range(count):
        rest = known[fold_n != number]
        order = rest[torch.randperm(len(rest), generator=generator)]
        tuned = max(1, round(TUNE_SHARE * len(order)))
        tune, fit = order[:tuned].sort().values, order[tuned:].sort().values
        head = quick_head(images.embedding_nD[fit], plan.leaf_slot_N[labels[fit]], plan)
        other, made = (
            None if part is None else Evidence(part.embedding_BD, head(part.embedding_BD), part.label_B)
            for part in (images.other, images.made)
        )
        seen = replace(images, logits_nL=head(images.embedding_nD), fit=fit, tune=tune, other=other, made=made)
        choice = choose_scores(seen, settings, usual_scores, generator)
        fold = Fold(gate=_fitted(seen, choice, settings, generator), weight=head.weight, bias=head.bias)
        scores_n[fold_n == number] = fold.statistic(images.embedding_nD[known[fold_n == number]])
        folds.append(fold)
    guarantee = Cross(keep=settings.keep, scores=scores_n, folds=fold_n)
    return replace(gate, folds=tuple(folds), guarantee=guarantee)
