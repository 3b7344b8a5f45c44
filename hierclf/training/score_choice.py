"""Which scores the gates read: those that the user names, else those that notice left-out children best.

C combinations, S scores, G gated nodes, D embedding, R directions, n known images
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from hierclf.gates import Detection, belongs, default_scores, gated_nodes
from hierclf.settings import Settings
from hierclf.taxonomy import LevelWeights
from hierclf.training.choices import gate_scores, node_score_names
from hierclf.training.gate_choice import chosen_combinations, combination_aurocs, detections, surprises
from hierclf.training.gate_images import GateImages
from hierclf.training.leave_one_out import Episode, KnownImages, about_branches, node_episodes, root_episodes
from hierclf.training.loss_choices import features_learn_from_other
from hierclf.training.quick_head import quick_head

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

ROOT_ADDITIONS = ("mahalanobis++", "vim", "fdbd", "gen", "energy", "max_logit", "msp")
"""What may join the usual scores of the root, one of them at most: a distance is always read."""

SPARE = 4
"""Directions of an embedding per class below which the classes crowd it."""

Choice = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreChoice:
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


def choose_scores(
    images: GateImages, settings: Settings, usual_scores: Sequence[str], generator: Generator
) -> ScoreChoice:
    """Let leave-one-child-out choose what the user left open, and estimate how well newcomers will be noticed.

    Args:
        images: what to learn from; those that calibrate are not looked at.
        settings: what the user named.
        usual_scores: of the root, where the user named none.
        generator: the source of randomness.
    """
    rounds = _Rounds.over(images, generator) if settings.leave_one_out else None
    inner = _at_nodes(images, settings, rounds)
    root, outer = _at_root(images, settings, usual_scores, rounds)
    return replace(inner, root=root, told=(*inner.told, *outer.told), detections=(*outer.detections, *inner.detections))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rounds:
    """What the rounds of leave-one-child-out work on.

    Args:
        known: images to learn from and of split A, in their strongest directions.
        turn_DR: these directions.
        generator: the source of randomness.
    """

    known: KnownImages
    turn_DR: Tensor
    generator: Generator

    @classmethod
    def over(cls, images: GateImages, generator: Generator) -> _Rounds:
        rows = torch.cat([images.fit, images.tune])
        values_nD = images.embedding_nD[rows].double()
        turn_DR = _strongest_directions(values_nD, generator)
        known = KnownImages(
            embedding_nD=values_nD @ turn_DR,
            label_n=images.label_n[rows],
            learn_n=torch.arange(len(rows)) < len(images.fit),
            frozen=images.frozen,
        )
        return cls(known=known, turn_DR=turn_DR, generator=generator)


def _at_nodes(images: GateImages, settings: Settings, rounds: _Rounds | None) -> ScoreChoice:
    """What the gates of inner nodes read."""
    plan = images.plan
    wanted = node_score_names(settings.node_gates)
    gated = torch.zeros(0, dtype=torch.int64)
    if wanted is not None:
        gated = gated_nodes(plan, torch.bincount(images.slots(images.fit), minlength=plan.num_leaves) > 0)
        if not belongs(images.label_n[images.tune], plan)[:, gated].any():
            gated = gated[:0]
    words = (wanted,) if wanted else NODE_COMBINATIONS
    names = tuple(dict.fromkeys(name for combination in words for name in combination))
    combination_CS = _table(words, names)
    chosen_G = torch.zeros(len(gated), dtype=torch.int64)
    told: Sequence[tuple[int, Tensor, Tensor]] = ()
    found: tuple[Detection, ...] = ()
    episodes: list[Episode] = []
    if rounds is not None and len(gated):
        refit = partial(quick_head, plan=plan)
        asked = set(gated.tolist())
        episodes = node_episodes(rounds.known, plan, names, refit, rounds.generator)
        episodes = [episode for episode in episodes if episode.node in asked]
    if episodes:
        aurocs = combination_aurocs(episodes, combination_CS, gated)
        chosen_G = chosen_combinations(aurocs, episodes, gated)
        found = detections(aurocs, episodes, gated, chosen_G, words, plan)
        told = surprises(episodes, gated, combination_CS[chosen_G].T)
    used = sorted({name for number in chosen_G.tolist() for name in words[number]}, key=names.index)
    columns = torch.tensor([names.index(name) for name in used], dtype=torch.int64)
    return ScoreChoice(
        root=(),
        names=tuple(used),
        gated=gated,
        use_SG=combination_CS[chosen_G].T[columns],
        told=tuple(told),
        detections=found,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Outer:
    """What leave-one-child-out says about the root; see `ScoreChoice`."""

    told: tuple[tuple[int, Tensor, Tensor], ...] = ()
    detections: tuple[Detection, ...] = ()


def _at_root(
    images: GateImages, settings: Settings, usual_scores: Sequence[str], rounds: _Rounds | None
) -> tuple[tuple[Choice, ...], _Outer]:
    """What the root's gate reads."""
    plan, at_root = images.plan, torch.tensor([0])
    root = _pairs(gate_scores(settings.gate) or tuple(usual_scores))
    asked = tuple(pair for pair in root if pair[0] != "made" and not pair[0].startswith("ood:"))
    is_open = gate_scores(settings.gate) == () and len(asked) == len(root)
    named = {name for name, _ in root}
    additions: tuple[Choice, ...] = tuple((name, {}) for name in ROOT_ADDITIONS if is_open and name not in named)
    if rounds is None or not asked:
        return root, _Outer()
    other = images.other
    if other is not None:
        other = replace(other, embedding_BD=other.embedding_BD.double() @ rounds.turn_DR)
    read = (*asked, *additions)
    refit = partial(quick_head, plan=plan)
    episodes = root_episodes(rounds.known, plan, read, refit, rounds.generator, other=other)
    if not episodes:
        return root, _Outer()
    usual = tuple(name for name, _ in asked)
    words = [usual, *((*usual, name) for name, _ in additions)]
    combination_CS = _table(words, [name for name, _ in read])
    aurocs = combination_aurocs(episodes, combination_CS, at_root)
    best = chosen_combinations(aurocs, episodes, at_root)
    if is_open and int(best):
        root = (*root, (words[int(best)][-1], {}))
    if not about_branches(episodes, plan):
        return root, _Outer()
    return root, _Outer(
        told=tuple(surprises(episodes, at_root, combination_CS[best].T)),
        detections=detections(aurocs, episodes, at_root, best, words, plan),
    )


def _table(words: Sequence[Sequence[str]], names: Sequence[str]) -> Tensor:
    """Which names each combination holds, bool, shape ``(C, S)``."""
    return torch.tensor([[name in combination for name in names] for combination in words])


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


def _pairs(scores: Sequence[Any]) -> tuple[Choice, ...]:
    return tuple((choice, {}) if isinstance(choice, str) else (choice[0], choice[1]) for choice in scores)


def crowds(classes: int, size: int) -> bool:
    """Whether classes take so many of an embedding's directions that few are left for anything else.

    A network that tells C classes apart draws them towards the corners of a simplex, which spans C − 1 directions.

    >>> crowds(10, 128), crowds(100, 128)
    (False, True)
    """
    return classes * SPARE > size


def usual_root_scores(
    settings: Settings,
    level_weights: LevelWeights,
    *,
    other: bool,
    trained: bool,
    given: bool = False,
    crowded: bool = False,
) -> tuple[str, ...]:
    """The root's scores where the user names none.

    Args:
        settings: of the fit.
        level_weights: in force; the first of a list weighs the gate.
        other: whether there are images of other; what they have taught the features is not learnt from them twice.
        trained: whether the backbone, or a projection, was trained on the known images.
        given: whether embeddings were given, which may differ in length as well as in direction.
        crowded: whether there are many classes for the size of the embedding, see `crowds`.
    """
    untaught = other and not features_learn_from_other(settings, level_weights, trained=trained)
    usual = default_scores(other=untaught, trained=trained, crowded=crowded)
    return ("mahalanobis", *usual) if given and "mahalanobis" not in usual else usual
