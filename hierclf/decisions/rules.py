"""Which node to answer with, given the memberships of one image in all nodes.

=====================  =================================================================================================
``leaf``               the likeliest leaf, always
``threshold``          climb from the likeliest leaf to the lowest ancestor with M ≥ θ
``expected_distance``  the node with the least expected hops to the true leaf (Bayes)
``information``        the node with the largest (I(v) + λ)·M(v): detail against certainty
``top_down``           from the root to the likeliest child, again and again, and never back: a leaf, always
=====================  =================================================================================================

Each is one batched function. ``top_down`` may arrive at another leaf than the likeliest one, and then that leaf is what
the image is taken for (`Rule.leaf`). ``threshold`` and ``information`` have an *operating point*, θ or λ, which
calibration can choose so that a promise holds (see `operating_point`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from hierclf.dag import BorrowedTree, DagPlan, ancestor_sum, hop_table
from hierclf.errors import ConfigError
from hierclf.registry import Registry

# B images, N nodes, L leaves, K nodes on the longest path

Point: TypeAlias = float | Tensor

HAIR = 1e-9
"""How far apart two values of M of one image may be through rounding."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule and what its operating point means.

    Args:
        decide: ``(log M (B, N), plan, point) -> node ids (B,)``; the point is a number or one number per image.
        careless: the operating point at which the rule goes down to leaves.
        careful: the point towards which it climbs to the root, or None when the rule has no operating point.
        route: how it finds the leaf that an image is taken for, ``(log M (B, N), plan) -> node ids (B,)``; None for
            the likeliest one.
    """

    decide: Callable[[Tensor, DagPlan, Point], Tensor]
    careless: float
    careful: float | None
    route: Callable[[Tensor, DagPlan], Tensor] | None = None

    def leaf(self, node_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
        """The leaf that each image is taken for, whatever the answer, int64, shape ``(B,)``."""
        return (self.route or likeliest_leaf)(node_log_probs_BN, plan)


rules: Registry[Rule] = Registry("rule")


def likeliest_leaf(node_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """Node ids of the leaf with the largest M, int64, shape ``(B,)``."""
    return plan.leaf_L[node_log_probs_BN[:, plan.leaf_L].argmax(1)]


def climb(node_log_probs_BN: Tensor, plan: DagPlan, threshold: Point) -> Tensor:
    """The lowest ancestor of the likeliest leaf whose M reaches the threshold; the root always does.

    On a DAG the lowest is the one that says most (largest information), and among equals the deepest, then the
    likeliest.

    Args:
        node_log_probs_BN: log M, shape ``(B, N)``.
        plan: the compiled taxonomy.
        threshold: θ, a probability, or one per image, shape ``(B,)``.

    Returns:
        Node ids, int64, shape ``(B,)``.
    """
    leaf_B = likeliest_leaf(node_log_probs_BN, plan)
    path_BK = torch.cat([plan.path_NK[leaf_B], torch.zeros_like(leaf_B)[:, None]], dim=1)  # the root last
    padded_BK = path_BK < 0
    place_BK = path_BK.clamp(min=0)
    log_probs_BK = node_log_probs_BN.gather(1, place_BK).masked_fill(padded_BK, -torch.inf)
    log_probs_BK[:, -1] = 0.0
    reaches_BK = log_probs_BK.double() >= _column(threshold).log()
    reaches_BK[:, -1] = True
    for key_BK in (plan.information_N[place_BK], plan.level_N[place_BK].double(), log_probs_BK.double()):
        best_BK = key_BK.masked_fill(~reaches_BK, -torch.inf)
        reaches_BK = reaches_BK & (best_BK == best_BK.max(1, keepdim=True).values)
    return place_BK.gather(1, reaches_BK.int().argmax(1, keepdim=True))[:, 0]


def least_expected_distance(node_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """The node v with the least ``Σ_y hd(v, y)·P(y)``, hd being hops through the best common ancestor.

    On a tree, ``hd(v, y) = level(v) + level(y) - 2·level(lca)`` and the expected level of the lca is the sum of M over
    v's ancestors and v itself, so no matrix of distances is needed. The deeper of two equal nodes is taken.

    Karthik et al., *No Cost Likelihood Manipulation at Test Time for Making Better Mistakes*, ICLR 2021,
    arXiv:2104.00795 (conditional risk minimisation).
    """
    probs_BN = node_log_probs_BN.double().exp()
    if plan.is_tree:
        cost_BN = plan.level_N - 2 * ancestor_sum(probs_BN, plan)
    else:
        cost_BN = probs_BN[:, plan.leaf_L] @ hop_table(plan).T.double()
    least_B = cost_BN.min(1, keepdim=True).values
    return _last(cost_BN <= least_B + 1e-9)


def most_informative(node_log_probs_BN: Tensor, plan: DagPlan, reward: Point) -> Tensor:
    """The node v with the largest ``(I(v) + λ)·M(v)``.

    At λ = 0 only detail counts; with a growing λ certainty does, until every answer is the root.

    Deng et al., *Hedging your bets*, CVPR 2012 (DARTS).
    """
    value_BN = (plan.information_N + _column(reward)) * node_log_probs_BN.double().exp()
    return _last(value_BN >= value_BN.max(1, keepdim=True).values * (1 - 1e-12))


def top_down(node_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """The leaf at the end of the way that takes the likeliest child of every node, the first of equals.

    A wrong turn cannot be mended further down, so the leaf need not be the likeliest: with P(a) = 0.55 shared evenly by
    two leaves below a, and P(b) = 0.45 at one leaf, it goes to a.

    Args:
        node_log_probs_BN: log M, shape ``(B, N)``; since ``P(c | u) = M(c) / M(u)``, the largest M of the children
            decides.
        plan: the compiled taxonomy.

    Returns:
        Node ids of leaves, int64, shape ``(B,)``.

    Koller and Sahami, *Hierarchically Classifying Documents Using Very Few Words*, ICML 1997; Silla and Freitas, *A
    Survey of Hierarchical Classification across Different Application Domains*, 2011 (local classifiers per parent
    node, top-down).
    """
    value_BE = node_log_probs_BN.index_select(1, plan.child_E)
    group_BE = plan.group_E.expand_as(value_BE)
    lowest_BG = value_BE.new_full((len(value_BE), plan.num_groups), -torch.inf)
    best_BG = lowest_BG.scatter_reduce(1, group_BE, value_BE, "amax")
    edge_E = torch.arange(plan.num_edges, device=value_BE.device)
    edge_BE = torch.where(value_BE == best_BG.gather(1, group_BE), edge_E, plan.num_edges)
    first_BG = torch.full_like(best_BG, plan.num_edges, dtype=torch.int64).scatter_reduce(1, group_BE, edge_BE, "amin")
    group_N = torch.full((plan.num_nodes,), -1, device=value_BE.device).index_copy(0, plan.parent_E, plan.group_E)
    node_B = torch.zeros(len(value_BE), dtype=torch.int64, device=value_BE.device)
    for _ in plan.level_sizes[1:]:
        at_B = group_N[node_B]
        next_B = plan.child_E[first_BG.gather(1, at_B.clamp(min=0)[:, None])[:, 0]]
        node_B = torch.where(at_B >= 0, next_B, node_B)
    return node_B


def route_along(
    route: Callable[[Tensor, DagPlan], Tensor], node_log_probs_BN: Tensor, plan: DagPlan, tree: BorrowedTree
) -> Tensor:
    """The leaf that a route finds in another tree over the same leaves, with the same leaf probabilities.

    Args:
        route: such as `top_down`.
        node_log_probs_BN: log M in the taxonomy, shape ``(B, N)``.
        plan: the compiled taxonomy.
        tree: the tree to go along.

    Returns:
        Node ids of the taxonomy's leaves, int64, shape ``(B,)``.
    """
    inner_BT = tree.memberships(node_log_probs_BN.index_select(1, plan.leaf_L))
    return plan.leaf_L[tree.slot_T[route(inner_BT, tree.plan)]]


rules.register("threshold")(Rule(decide=climb, careless=0.0, careful=1.0 + 1e-6))
rules.register("leaf")(
    Rule(decide=lambda node_log_probs_BN, plan, _: likeliest_leaf(node_log_probs_BN, plan), careless=0.0, careful=None)
)
rules.register("expected_distance")(
    Rule(
        decide=lambda node_log_probs_BN, plan, _: least_expected_distance(node_log_probs_BN, plan),
        careless=0.0,
        careful=None,
    )
)
rules.register("information")(Rule(decide=most_informative, careless=0.0, careful=1e6))
rules.register("top_down")(
    Rule(
        decide=lambda node_log_probs_BN, plan, _: top_down(node_log_probs_BN, plan),
        careless=0.0,
        careful=None,
        route=top_down,
    )
)


def correct_or_ancestor(node_B: Tensor, label_B: Tensor, plan: DagPlan) -> Tensor:
    """Whether each answer is the label or one of its ancestors (or, for a label at an internal node, lies below it).

    Args:
        node_B: answered node ids, shape ``(B,)``.
        label_B: true node ids, shape ``(B,)``, at least 0.
        plan: the compiled taxonomy.

    Returns:
        bool, shape ``(B,)``.
    """
    above_B = (plan.path_NK[label_B] == node_B[:, None]).any(1) | (node_B == 0)
    below_B = (plan.path_NK[node_B] == label_B[:, None]).any(1) | (label_B == 0)
    return above_B | below_B


def operating_point(
    name: str, node_log_probs_BN: Tensor, label_B: Tensor, plan: DagPlan, *, correct: float
) -> float | None:
    """The most detailed operating point at which an answer is correct or an ancestor with probability ≥ ``correct``.

    Split conformal on calibration images that serve nothing else: for each image, find the smallest point from which
    on the rule is right; take the ⌈(n+1)·correct⌉-th smallest of these. Exact for ``threshold``, whose answers only
    climb as θ grows. ``information`` also climbs, since a larger λ favours a larger M; its per-image point is found by
    bisection. The point found is raised by a hair, to the careful side, so that the image it was found on is answered
    alike however its M is rounded.

    Args:
        name: a rule with an operating point.
        node_log_probs_BN: log M of the calibration images, shape ``(B, N)``.
        label_B: their node ids, shape ``(B,)``.
        plan: the compiled taxonomy.
        correct: the promised share, between 0 and 1.

    Returns:
        The point, or None when there are too few images to promise that (n < ⌈(n+1)·correct⌉).

    Raises:
        ConfigError: the rule has no operating point, or ``correct`` is no share.
    """
    rule = rules[name]
    if rule.careful is None:
        raise ConfigError(f"the rule {name!r} has no operating point to calibrate; use 'threshold' or 'information'")
    if not 0 < correct < 1:
        raise ConfigError(f"correct is a share between 0 and 1, got {correct!r}")
    count = len(label_B)
    rank = math.ceil((count + 1) * correct - 1e-9)
    if rank > count:
        return None
    low_B = torch.full((count,), rule.careless, dtype=torch.float64)
    high_B = torch.full((count,), rule.careful, dtype=torch.float64)
    right_B = correct_or_ancestor(rule.decide(node_log_probs_BN, plan, rule.careless), label_B, plan)
    high_B[right_B] = rule.careless
    for _ in range(50):
        if not (high_B > low_B).any():
            break
        middle_B = (low_B + high_B) / 2
        right_B = correct_or_ancestor(rule.decide(node_log_probs_BN, plan, middle_B), label_B, plan)
        high_B = torch.where(right_B, middle_B, high_B)
        low_B = torch.where(right_B, low_B, middle_B)
    return float(high_B.sort().values[rank - 1]) * (1 + HAIR)


def _column(point: Point) -> Tensor:
    """A point as float64 that broadcasts over ``(B, …)``."""
    return torch.as_tensor(point, dtype=torch.float64).reshape(-1, 1)


def _last(chosen_BN: Tensor) -> Tensor:
    """Node id of the last, that is the deepest, of the chosen nodes of each image."""
    return chosen_BN.shape[1] - 1 - chosen_BN.flip(1).int().argmax(1)
