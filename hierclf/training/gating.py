"""The gates of a model whose backbone and head are done: choose, fit, calibrate.

Choices come from leave-one-child-out on the images to learn from (`hierclf.training.leave_one_out`), maps from split A,
the promise from split B. What images of other there are, teach the root's gate; a two-sided promise keeps some of them
for itself.

n known images, m images of other, D embedding, S scores, G gated nodes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from hierclf.dag import DagPlan
from hierclf.errors import ConfigError, DataError
from hierclf.gates import (
    Average,
    BothSides,
    ClassStatistics,
    Confident,
    Cross,
    Detection,
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
    default_scores,
    fit_gate,
    gated_nodes,
    minimum_calibration_size,
    raw_scores,
)
from hierclf.promises import pool_classes, stratified_folds
from hierclf.promises.conformal import sorted_scores
from hierclf.settings import Settings
from hierclf.training.choices import gate_scores, node_score_names
from hierclf.training.gate_choice import (
    chosen_combinations,
    combination_aurocs,
    detections,
    novel_map,
    surprises,
)
from hierclf.training.leave_one_out import Episode, KnownImages, about_branches, node_episodes, root_episodes
from hierclf.training.quick_head import quick_head

FOLDS = 5
"""Of a cross-conformal calibration."""
TUNE_SHARE = 0.2
"""Of the images of a fold's gate that its maps are fitted on."""
OTHER_SHARE = 0.3
"""Of the images of other that a two-sided promise keeps for itself."""

DIRECTIONS = 384
"""To which embeddings are brought for leave-one-child-out, which learns dozens of covariances.

They are found among all images that may be learnt from, the forgotten ones too, but no label is looked at.
"""

NODE_COMBINATIONS = (
    ("node_relative", "knn"),
    ("knn",),
    ("node_relative",),
    ("gen",),
    ("max_logit",),
    ("outside",),
    ("knn", "gen"),
    ("knn", "outside"),
    ("node_relative", "knn", "outside"),
    ("knn", "max_logit"),
    ("knn", "energy"),
    ("mahalanobis++", "knn"),
    ("mahalanobis++", "knn", "gen"),
    ("node_relative", "knn", "gen"),
    ("node_relative", "knn", "max_logit"),
)
"""What a node's gate may read, the usual one first."""

ROOT_ADDITIONS = ("vim", "fdbd", "gen", "energy", "max_logit", "msp")
"""What may join the usual scores of the root, one of them at most: distances are always read."""

Choice = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class GateImages:
    """What the gates learn from, all of it as the backbone and the head see it.

    Args:
        plan: the compiled taxonomy.
        embedding_nD: embeddings of the known images.
        logits_nL: what the head says about them; about those of ``tune`` what it said before it learnt from them.
        label_n: node ids.
        fit, tune, calibration: places of the images of each part, int64.
        frozen: whether the backbone has not been trained on them.
        other: images of other with the number of their kind, or None.
        made: negatives made of known images, or None.
    """

    plan: DagPlan
    embedding_nD: Tensor
    logits_nL: Tensor
    label_n: Tensor
    fit: Tensor
    tune: Tensor
    calibration: Tensor
    frozen: bool
    other: Evidence | None = None
    made: Evidence | None = None

    def evidence(self, rows: Tensor) -> Evidence:
        """Of some of the known images."""
        slot_B = self.plan.leaf_slot_N[self.label_n[rows]]
        return Evidence(self.embedding_nD[rows], self.logits_nL[rows], slot_B)


@dataclass(frozen=True, kw_only=True, eq=False)
class GateChoice:
    """Which scores the gates read, and what leave-one-child-out says.

    Args:
        root: scores of the root, with options.
        names: scores of the inner nodes.
        gated: node ids of the inner nodes with a gate.
        use_SG: which scores each reads.
        told: surprise of known and of novel images in each episode, with its node.
        detections: how well each node noticed forgotten children.
    """

    root: tuple[Choice, ...]
    names: tuple[str, ...]
    gated: Tensor
    use_SG: Tensor
    told: tuple[tuple[int, Tensor, Tensor], ...] = ()
    detections: tuple[Detection, ...] = ()


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
    choice = choose(images, settings, usual_scores, generator)
    gate = _fitted(images, choice, settings, generator)
    if settings.promise == "cross":
        return _crossed(gate, images, settings, usual_scores)
    statistic = gate.statistic(images.evidence(images.calibration))
    return gate.guaranteed(_guarantee(gate, statistic, images, settings, kept_other))


def choose(images: GateImages, settings: Settings, usual_scores: Sequence[str], generator: Generator) -> GateChoice:
    """Let leave-one-child-out choose what the user left open, and estimate how well newcomers will be noticed."""
    plan = images.plan
    has_images_L = torch.bincount(_slots(images, images.fit), minlength=plan.num_leaves) > 0
    wanted = node_score_names(settings.node_gates)
    gated = gated_nodes(plan, has_images_L) if wanted is not None else torch.zeros(0, dtype=torch.int64)
    belongs_nG = belongs(images.label_n[images.tune], plan)[:, gated]
    gated = gated if belongs_nG.any() else gated[:0]
    words = (wanted,) if wanted else NODE_COMBINATIONS
    names = tuple(dict.fromkeys(name for combination in words for name in combination))
    root = _pairs(gate_scores(settings.gate) or tuple(usual_scores))
    asked = tuple(pair for pair in root if pair[0] != "made" and not pair[0].startswith("ood:"))
    open_root = gate_scores(settings.gate) == () and len(asked) == len(root)
    additions: tuple[Choice, ...] = tuple((name, {}) for name in ROOT_ADDITIONS) if open_root else ()
    inner: list[Episode] = []
    outer: list[Episode] = []
    if settings.leave_one_out:
        known, turn_DR = _known_images(images, generator)
        seen_other = images.other
        if seen_other is not None:
            seen_other = replace(seen_other, embedding_BD=seen_other.embedding_BD.double() @ turn_DR)

        def refit(embedding_BD: Tensor, slot_B: Tensor) -> Any:
            return quick_head(embedding_BD, slot_B, plan)

        inner = node_episodes(known, plan, names, refit, generator) if len(gated) else []
        inner = [episode for episode in inner if episode.node in set(gated.tolist())]
        if asked:
            outer = root_episodes(known, plan, (*asked, *additions), refit, generator, other=seen_other)
    combination_CS = torch.tensor([[name in combination for name in names] for combination in words])
    chosen_G = torch.zeros(len(gated), dtype=torch.int64)
    told: list[tuple[int, Tensor, Tensor]] = []
    found: tuple[Detection, ...] = ()
    if inner:
        aurocs = combination_aurocs(inner, combination_CS, gated)
        chosen_G = chosen_combinations(aurocs, inner, gated)
        found = detections(aurocs, inner, gated, chosen_G, words, plan)
        told = surprises(inner, gated, combination_CS[chosen_G].T)
    if outer:
        read = [name for name, _ in (*asked, *additions)]
        root_words = [tuple(name for name, _ in asked)]
        root_words += [(*root_words[0], name) for name, _ in additions]
        root_CS = torch.tensor([[name in combination for name in read] for combination in root_words])
        at_root = torch.tensor([0])
        aurocs = combination_aurocs(outer, root_CS, at_root)
        best = chosen_combinations(aurocs, outer, at_root)
        if open_root and int(best):
            root = (*root, (root_words[int(best)][-1], {}))
        if about_branches(outer, plan):
            found = (*detections(aurocs, outer, at_root, best, root_words, plan), *found)
            told = [*told, *surprises(outer, at_root, root_CS[best].T)]
    used = sorted({name for number in chosen_G.tolist() for name in words[number]}, key=names.index)
    columns = torch.tensor([names.index(name) for name in used], dtype=torch.int64)
    return GateChoice(
        root=root,
        names=tuple(used),
        gated=gated,
        use_SG=combination_CS[chosen_G].T[columns],
        told=tuple(told),
        detections=found,
    )


def _fitted(images: GateImages, choice: GateChoice, settings: Settings, generator: Generator) -> Gate:
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
        taken_for = gate.statistic(images.evidence(images.tune)).node_B
        of_fit = images.label_n[images.fit]
        counted = of_fit[images.plan.leaf_slot_N[of_fit] >= 0] if len(of_fit) else taken_for
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
    count = max(1, round(OTHER_SHARE * len(order)))
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
        choice = choose(seen, settings, usual_scores, generator)
        fold = Fold(gate=_fitted(seen, choice, settings, generator), weight=head.weight, bias=head.bias)
        scores_n[fold_n == number] = fold.statistic(images.embedding_nD[known[fold_n == number]])
        folds.append(fold)
    guarantee = Cross(keep=settings.keep, scores=scores_n, folds=fold_n)
    return replace(gate, folds=tuple(folds), guarantee=guarantee)


def _known_images(images: GateImages, generator: Generator) -> tuple[KnownImages, Tensor]:
    """Images for leave-one-child-out: those to learn from and of split A, none that calibrate.

    Returns:
        The images, their embeddings in their strongest directions, and these, shape ``(D, R)``.
    """
    rows = torch.cat([images.fit, images.tune])
    values_nD = images.embedding_nD[rows].double()
    turn_DR = _strongest_directions(values_nD, generator)
    known = KnownImages(
        embedding_nD=values_nD @ turn_DR,
        label_n=images.label_n[rows],
        learn_n=torch.arange(len(rows)) < len(images.fit),
        frozen=images.frozen,
    )
    return known, turn_DR


def _strongest_directions(values_nD: Tensor, generator: Generator) -> Tensor:
    """Orthonormal directions that hold almost all of the embeddings' squares, `DIRECTIONS` at most, shape ``(D, R)``.

    By subspace iteration: Halko, Martinsson and Tropp, *Finding Structure with Randomness*, SIAM Review 2011,
    arXiv:0909.4061.
    """
    size = values_nD.shape[1]
    if size <= DIRECTIONS:
        return torch.eye(size, dtype=torch.float64)
    start_nR = torch.randn(len(values_nD), DIRECTIONS, generator=generator, dtype=torch.float64)
    basis_DR = torch.linalg.qr(values_nD.T @ start_nR)[0]
    directions_DR: Tensor = torch.linalg.qr(values_nD.T @ (values_nD @ basis_DR))[0]
    return directions_DR


def _slots(images: GateImages, rows: Tensor) -> Tensor:
    slot_B = images.plan.leaf_slot_N[images.label_n[rows]]
    return slot_B[slot_B >= 0]


def _pairs(scores: Sequence[Any]) -> tuple[Choice, ...]:
    return tuple((choice, {}) if isinstance(choice, str) else (choice[0], choice[1]) for choice in scores)


def usual_root_scores(*, other: bool, given: bool) -> tuple[str, ...]:
    """The root's scores where the user names none.

    Args:
        other: whether there are images of other.
        given: whether embeddings were given, which may differ in length as well as in direction.
    """
    usual = default_scores(other=other)
    return ("mahalanobis", *usual) if given and "mahalanobis" not in usual else usual
