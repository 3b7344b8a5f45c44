"""Where an image stops that is not taken for one of the known classes.

Gates at the nodes give a distribution over everything that an image can be (see `hierclf.dag.stops`): a class, or
something new below an internal node. When a promise turns the image away, it stops at the likeliest of the internal
nodes: at the root it is *other*, below it a *novel child*. Without a promise the distribution decides alone.

B images, N nodes
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.dag import DagPlan, ancestor_sum, hop_table, membership_of_stops

# L leaves


@dataclass(frozen=True, kw_only=True, eq=False)
class Novelty:
    """What gates say about B images.

    Args:
        away_B: which images are turned away, bool.
        stop_log_probs_BN: log S, or None where only the root has a gate and every image that is turned away is other.
        uncertain_B: which images are neither known nor other, bool.
        bound: whether a promise decides who is turned away; if not, the distribution does.
    """

    away_B: Tensor
    stop_log_probs_BN: Tensor | None = None
    uncertain_B: Tensor | None = None
    bound: bool = True

    @classmethod
    def by_p_value(cls, p_value_B: Tensor, alpha: float) -> Novelty:
        """Turned away at the root where p ≤ α."""
        return cls(away_B=p_value_B <= alpha)


def likeliest_novelty(stop_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """The internal node at which something new is likeliest, int64, shape ``(B,)``; the first of equals.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]}))
    >>> likeliest_novelty(torch.tensor([[0.1, 0.2, 0.0, 0.4, 0.2, 0.1]]).log(), plan)
    tensor([1])
    """
    return stop_log_probs_BN.index_fill(1, plan.leaf_L, -torch.inf).argmax(1)


def nearest_to_stops(stop_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """The node v with the least expected hops to where the image stops, ``Σ_y hd(v, y)·S(y)``, int64, shape ``(B,)``.

    On a tree no table of distances is needed: ``hd(v, y) = level(v) + level(y) - 2·level(lca)``, and the expected level
    of the lca is the sum of M over v's ancestors and v itself. The deeper of two equal nodes is taken.
    """
    if plan.is_tree:
        member_BN = membership_of_stops(stop_log_probs_BN.double(), plan).exp()
        cost_BN = plan.level_N - 2 * ancestor_sum(member_BN, plan)
    else:
        everything_N = torch.arange(plan.num_nodes, device=plan.device)
        cost_BN = stop_log_probs_BN.double().exp() @ hop_table(plan, everything_N).T.double()
    least_B = cost_BN.min(1, keepdim=True).values
    near_BN = cost_BN <= least_B + 1e-9
    return near_BN.shape[1] - 1 - near_BN.flip(1).int().argmax(1)


def likeliest_answer(stop_log_probs_BN: Tensor, rule: str, node_B: Tensor, plan: DagPlan) -> tuple[Tensor, Tensor]:
    """What to answer where no promise decides.

    Args:
        stop_log_probs_BN: log S, shape ``(B, N)``.
        rule: the rule's name: ``expected_distance`` weighs all places by their distance; any other is asked about
            images that are likeliest of a known class.
        node_B: what the rule says, given that the image is known, int64, shape ``(B,)``.
        plan: the compiled taxonomy.

    Returns:
        The answers, int64, and which of them say that the image is new below the node, bool; shape ``(B,)`` each.
    """
    internal_N = plan.leaf_slot_N < 0
    if rule != "expected_distance":
        likeliest_B = stop_log_probs_BN.argmax(1)
        novel_B = internal_N[likeliest_B]
        return torch.where(novel_B, likeliest_B, node_B), novel_B
    nearest_B = nearest_to_stops(stop_log_probs_BN, plan)
    leaves_BN = stop_log_probs_BN.masked_fill(internal_N, -torch.inf)
    known_below_B = membership_of_stops(leaves_BN, plan).gather(1, nearest_B[:, None])[:, 0]
    own_B = stop_log_probs_BN.gather(1, nearest_B[:, None])[:, 0]
    return nearest_B, internal_N[nearest_B] & (own_B >= known_below_B)
