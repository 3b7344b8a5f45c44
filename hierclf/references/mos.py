"""MOS: every group of classes has one more output, "others", for images that belong elsewhere.

Each internal node u below the root is a group: a softmax over its children and *others*, trained with cross-entropy
where images under u belong to their child and all other images to *others*. An image is out of scope as far as every
group disowns it: the paper's score is the least P(others) over the groups.

The paper has one level of groups. Here the groups of all levels are chained. The root has a plain softmax over its
children; novelty at the root is the least P(others) over the groups right below it, where a leaf counts as a group of
its own whose *others* has what the root's softmax leaves it; the rest goes down. Whatever reaches an inner node u and
is *others* there stops at u: it went that way, yet looks like nothing that u was shown:

    S(root) = min over groups k below the root of P(others | k),    reach(c) = (1 - S(root))·P(c | root)
    S(u) = reach(u)·P(others | u),                                  reach(c) = Σ over parents u of reach(u)·P(c | u)

A class that lies under several children of a node, on a DAG, counts in equal parts for each. The paper fine-tunes a
network; here it is one linear layer on the embedding.

Huang and Li, *MOS: Towards Scaling Out-of-distribution Detection for Large Semantic Space*, CVPR 2021,
arXiv:2105.01879.

B images, n training images, E edges, G internal nodes, O outputs (edges, then the *others* of all nodes but the root)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from hierclf.dag import DagPlan, flow, segment_log_softmax
from hierclf.references.belonging import belonging, internal_nodes
from hierclf.references.linear import Objective, fit_linear
from hierclf.references.reference import FittedStops, references, require_usable


@dataclass(frozen=True, kw_only=True)
class Mos:
    """The method; it has no settings but the penalty, which held-out images choose."""

    @property
    def name(self) -> str:
        """``mos``."""
        return "mos"

    def fit(
        self,
        embedding_nD: Tensor,
        label_n: Tensor,
        plan: DagPlan,
        *,
        held_out: tuple[Tensor, Tensor],
        generator: Generator,
    ) -> FittedStops:
        """One layer with an output per edge and per group, by the summed cross-entropy of all groups."""
        require_usable(embedding_nD, label_n, plan, held_out, self.name)
        outputs = plan.num_edges + plan.num_groups - 1
        layer = fit_linear(group_objective(plan), outputs, (embedding_nD, label_n), held_out)

        def stops(embedding_BD: Tensor) -> Tensor:
            return stops_of_groups(group_log_softmax(layer(embedding_BD), plan), plan)

        return FittedStops(name=self.name, plan=plan, stops=stops)


references.register("mos")(Mos())


def group_of_outputs(plan: DagPlan) -> Tensor:
    """The group of each output, int64, shape ``(O,)``; the root's is 0."""
    return torch.cat([plan.group_E, torch.arange(1, plan.num_groups)])


def group_log_softmax(logits_BO: Tensor, plan: DagPlan) -> Tensor:
    """Log-probabilities within each group, shape ``(B, O)``."""
    return segment_log_softmax(logits_BO.T.contiguous(), group_of_outputs(plan), plan.num_groups).T


def group_objective(plan: DagPlan) -> Objective:
    """The mean over images of the cross-entropies of all groups, made from labels."""
    tables = belonging(plan)
    along_NE = tables.along_NE.float()
    inside_NG = torch.zeros(plan.num_nodes, plan.num_groups).index_add(1, plan.group_E, along_NE)
    share_NE = along_NE / inside_NG.clamp(min=1.0)[:, plan.group_E]  # of several children of one node each gets a part
    target_NO = torch.cat([share_NE, (~tables.within_NG[:, 1:]).float()], dim=1)

    def objective(label_n: Tensor) -> Callable[[Tensor], Tensor]:
        target_nO = target_NO[label_n]

        def loss(logits_nO: Tensor) -> Tensor:
            return -(target_nO * group_log_softmax(logits_nO, plan)).sum() / len(label_n)

        return loss

    return objective


def stops_of_groups(log_probs_BO: Tensor, plan: DagPlan) -> Tensor:
    """The stop distribution of the module's formula.

    Args:
        log_probs_BO: from `group_log_softmax`, shape ``(B, O)``.
        plan: the compiled taxonomy.

    Returns:
        Log stop probabilities, shape ``(B, N)``.
    """
    edge_BE, others_BG = log_probs_BO[:, : plan.num_edges], log_probs_BO[:, plan.num_edges :]
    internal_G = internal_nodes(plan)
    others_BN = log_probs_BO.new_full((len(log_probs_BO), plan.num_nodes), -torch.inf)
    others_BN[:, internal_G[1:]] = others_BG
    top = plan.parent_E == 0
    first_K = plan.child_E[top]
    disowned_BK = torch.where(plan.leaf_slot_N[first_K] >= 0, _rest(edge_BE[:, top]), others_BN[:, first_K])
    novel_B = disowned_BK.min(1).values
    scope_B = (-torch.expm1(novel_B)).log()
    edge_BE = torch.cat([edge_BE[:, top] + scope_B[:, None], edge_BE[:, ~top]], dim=1)  # the root's edges come first
    stops_BN = flow(edge_BE, plan) + others_BN.index_fill(1, plan.leaf_L, 0.0)
    stops_BN[:, 0] = novel_B
    return stops_BN


def _rest(log_probs_BK: Tensor) -> Tensor:
    """Log of what a distribution leaves to all but each one, ``log(1 - p)``, precise where p is near 1."""
    place_B1 = log_probs_BK.argmax(1, keepdim=True)
    others_B1 = log_probs_BK.scatter(1, place_B1, -torch.inf).logsumexp(1, keepdim=True)
    return (-torch.expm1(log_probs_BK)).log().scatter(1, place_B1, others_B1)
