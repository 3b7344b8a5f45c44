"""What leave-one-child-out says: which scores a gate should read, how well it will notice newcomers, how sure π is.

Every choice is made from the training images. A node has few children to forget, so its own figures are pulled towards
those of all nodes, and the usual scores are kept unless others are clearly better.

S scores, G gated nodes, C combinations, N nodes, X pairs of an image and a gated node
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.gates import Detection, NodeSurprise, NovelMap
from hierclf.metrics import auroc
from hierclf.training.leave_one_out import Episode

Floats: TypeAlias = npt.NDArray[np.float64]

WEIGHT_OF_ALL = 4.0
"""So many episodes the mean over all nodes counts for, beside a node's own."""
MARGIN = 0.01
"""By so much another combination must be better than the usual one."""
USUAL_NOVELTY = (-3.0, 1.0)
"""π where nothing could be learnt: one half where one known image in twenty is as surprising."""
RIDGE = 4.0
"""So strongly a node's own π is pulled to that of all nodes; in images."""


def combination_aurocs(episodes: Sequence[Episode], combinations: Tensor, nodes: Tensor) -> Tensor:
    """How well each combination of scores tells forgotten from known images in each episode.

    Args:
        episodes: at least one.
        combinations: bool, shape ``(C, S)``.
        nodes: node ids, ascending, that the episodes are about.

    Returns:
        AUROC, float64, shape ``(episodes, C)``.
    """
    place = {node: number for number, node in enumerate(nodes.tolist())}
    known_SX, place_X = _known(episodes, place)
    everything_SG = torch.ones(len(known_SX), len(nodes), dtype=torch.bool)
    maps = NodeSurprise.fit(known_SX, place_X, everything_SG)
    found = torch.empty(len(episodes), len(combinations), dtype=torch.float64)
    for row, episode in enumerate(episodes):
        at = place[episode.node]
        surprise = [
            torch.stack(
                [
                    one((values - maps.centre[score, at]) / maps.scale[score, at])
                    for score, (one, values) in enumerate(zip(maps.single, part, strict=True))
                ]
            )
            for part in (episode.known, episode.novel)
        ]
        known_CX, novel_CX = (combinations.double() @ part for part in surprise)
        found[row] = torch.tensor(
            [auroc(known.numpy(), novel.numpy()) for known, novel in zip(known_CX, novel_CX, strict=True)]
        )
    return found


def chosen_combinations(aurocs_XC: Tensor, episodes: Sequence[Episode], nodes: Tensor, usual: int = 0) -> Tensor:
    """The combination that each node should read.

    Args:
        aurocs_XC: from `combination_aurocs`.
        episodes: the same.
        nodes: node ids; those without an episode get what is best for all.
        usual: the combination to keep unless another is better by a margin.

    Returns:
        The number of a combination for each node, int64.
    """
    node_X = torch.tensor([episode.node for episode in episodes])
    means_NC = torch.stack([aurocs_XC[node_X == node].mean(0) for node in torch.unique(node_X)])
    all_C = means_NC.mean(0)
    chosen = []
    for node in nodes.tolist():
        own_XC = aurocs_XC[node_X == node]
        value_C = (own_XC.sum(0) + WEIGHT_OF_ALL * all_C) / (len(own_XC) + WEIGHT_OF_ALL)
        best = int(value_C.argmax())
        chosen.append(best if value_C[best] > value_C[usual] + MARGIN else usual)
    return torch.tensor(chosen)


def detections(
    aurocs_XC: Tensor,
    episodes: Sequence[Episode],
    nodes: Tensor,
    chosen: Tensor,
    words: Sequence[tuple[str, ...]],
    plan: DagPlan,
) -> tuple[Detection, ...]:
    """The expected detection power of each node that was asked."""
    node_X = torch.tensor([episode.node for episode in episodes])
    found = []
    for node, combination in zip(nodes.tolist(), chosen.tolist(), strict=True):
        own_X = aurocs_XC[node_X == node, combination]
        if len(own_X):
            error = float(own_X.std() / len(own_X) ** 0.5) if len(own_X) > 1 else 0.0
            found.append(
                Detection(
                    node=plan.nodes[node],
                    scores=words[combination],
                    auroc=float(own_X.mean()),
                    standard_error=error,
                    children=len(own_X),
                )
            )
    return tuple(found)


def surprises(episodes: Sequence[Episode], nodes: Tensor, use_SG: Tensor) -> list[tuple[int, Tensor, Tensor]]:
    """Surprise of the known and of the novel images of each episode, with its node, by the scores in use."""
    place = {node: number for number, node in enumerate(nodes.tolist())}
    maps = NodeSurprise.fit(*_known(episodes, place), use_SG)
    told = []
    for episode in episodes:
        at = place[episode.node]
        known, novel = (maps.at(part, torch.full((part.shape[1],), at)) for part in (episode.known, episode.novel))
        told.append((episode.node, known, novel))
    return told


def novel_map(
    told: Sequence[tuple[int, Tensor, Tensor]], plan: DagPlan, gated: Tensor, *, prior: float = 0.5
) -> NovelMap:
    """π by logistic regression on surprise, in which known and novel images weigh the same.

    Nodes share one curve; a node with episodes of its own bends it towards them. A node without any borrows from its
    nearest ancestor with episodes (the first of its parents', on a DAG), and from all nodes where there is none.

    Platt, *Probabilistic outputs for support vector machines*, 1999.

    Args:
        told: from `surprises`, for any nodes.
        plan: the compiled taxonomy.
        gated: node ids at which novelty is asked for, the root among them.
        prior: how likely an image is new somewhere on its route before it is looked at; every gate of the longest
            route gets the same part in that.
    """
    intercept_N = torch.full((plan.num_nodes,), -torch.inf, dtype=torch.float64)
    slope_N = torch.zeros(plan.num_nodes, dtype=torch.float64)
    usual = np.array(USUAL_NOVELTY)
    everything = _logistic([(known, novel) for _, known, novel in told], usual) if told else usual
    own: dict[int, Floats] = {}
    for node in {node for node, *_ in told}:
        own[node] = _logistic([(known, novel) for at, known, novel in told if at == node], everything)
    for node in gated.tolist():
        above = node
        while above not in own and above != 0:
            above = int(plan.parent_E[plan.child_E == above][0])
        intercept_N[node], slope_N[node] = map(float, own.get(above, everything))
    share = 1 - (1 - prior) ** (1 / _most_gates(plan, gated))
    intercept_N += math.log(share / (1 - share))
    return NovelMap(intercept=intercept_N, slope=slope_N)


def _most_gates(plan: DagPlan, gated: Tensor) -> int:
    """Number of gates on the way to the leaf with most of them, the root's among them."""
    gated_N = torch.zeros(plan.num_nodes + 1, dtype=torch.int64).index_fill(0, gated, 1)
    gated_N[0] = 0
    path_LK = plan.path_NK[plan.leaf_L]
    return 1 + int(gated_N[torch.where(path_LK < 0, plan.num_nodes, path_LK)].sum(1).max())


def _known(episodes: Sequence[Episode], place: dict[int, int]) -> tuple[Tensor, Tensor]:
    known_SX = torch.cat([episode.known for episode in episodes], dim=1)
    place_X = torch.cat([torch.full((episode.known.shape[1],), place[episode.node]) for episode in episodes])
    return known_SX, place_X


def _logistic(pairs: Sequence[tuple[Tensor, Tensor]], prior: Floats) -> Floats:
    """Intercept and slope (not below 0) by Newton's method, pulled to a prior."""
    known = np.concatenate([known.numpy() for known, _ in pairs])
    novel = np.concatenate([novel.numpy() for _, novel in pairs])
    values = np.concatenate([known, novel])
    truth = np.repeat([0.0, 1.0], [len(known), len(novel)])
    weight = np.repeat([0.5 / len(known), 0.5 / len(novel)], [len(known), len(novel)]) * 2 * min(len(known), len(novel))
    design = np.stack([np.ones_like(values), values], axis=1)
    point: Floats = prior.copy()
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(design @ point)))
        gradient = design.T @ (weight * (chance - truth)) + RIDGE * (point - prior)
        hessian = (design * (weight * chance * (1 - chance))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        point = point - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return point if point[1] >= 0 else np.zeros(2)
