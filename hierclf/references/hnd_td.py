"""HND-TD: go down from the root while the classifier at hand is sure, and stop where it cannot tell the children apart.

Each internal node u has a softmax over its children, trained to be right on images under u and to know nothing about
all others: there it should be uniform (U). Sum over u of

    E_{x under u}[-log P(y | x, u)] + weight · E_{x elsewhere}[KL(U ‖ P(· | x, u))]

At test time an image that has reached u stops there, as novel below u, if ``KL(U ‖ P(· | x, u)) < λ_u``, else it goes
on to the likeliest child. Each λ_u is chosen on held-out images: those under u should go on to their child, all others
should stop; the best harmonic mean of the two rates wins. At the root there are no others, so λ is 0 and nothing stops;
nor does anything where a node has one child.

The method gives decisions and no distribution. The bias is added to every λ_u, in nats; an image is answered with a
leaf as long as ``bias ≤ KL_u - λ_u`` all the way down. On a DAG the way down is that of the likeliest children, and a
class that lies under several children counts for each of them.

The paper trains the last layer of a network on its features, as here.

Lee et al., *Hierarchical Novelty Detection for Visual Object Recognition*, CVPR 2018, arXiv:1804.00722.

B images, n training images, E edges, G internal nodes, Q pairs (image, edge towards its class)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from hierclf.dag import DagPlan, edge_log_softmax
from hierclf.errors import ConfigError
from hierclf.references.belonging import belonging, first_largest, internal_nodes
from hierclf.references.linear import LinearMap, Objective, fit_linear
from hierclf.references.reference import no_stops, references, require_usable


@dataclass(frozen=True, kw_only=True)
class HndTd:
    """The top-down method.

    Args:
        weight: how much images from elsewhere count against those under the node.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight < float("inf"):
            raise ConfigError(f"weight is a finite number of at least 0, got {self.weight!r}")

    @property
    def name(self) -> str:
        """``hnd_td``."""
        return "hnd_td"

    def fit(
        self,
        embedding_nD: Tensor,
        label_n: Tensor,
        plan: DagPlan,
        *,
        held_out: tuple[Tensor, Tensor],
        generator: Generator,
    ) -> FittedTopDown:
        """One layer with an output per edge; the penalty and the thresholds are chosen on held-out images."""
        require_usable(embedding_nD, label_n, plan, held_out, self.name)
        layer = fit_linear(confident_objective(plan, self.weight), plan.num_edges, (embedding_nD, label_n), held_out)
        log_probs_BE = edge_log_softmax(layer(held_out[0]), plan)
        threshold_G = best_thresholds(log_probs_BE, held_out[1], plan)
        return FittedTopDown(plan=plan, layer=layer, threshold_G=threshold_G)


references.register("hnd_td")(HndTd())


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedTopDown:
    """A confidence-calibrated classifier with a threshold at every internal node.

    Args:
        plan: the compiled taxonomy.
        layer: embeddings to edge logits.
        threshold_G: λ of each internal node, in nats.
    """

    plan: DagPlan
    layer: LinearMap
    threshold_G: Tensor
    gives_stops: ClassVar[bool] = False

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Refused: there is no distribution.

        Raises:
            ConfigError: always.
        """
        raise no_stops("hnd_td")

    def decide(self, embedding_BD: Tensor, bias: float = 0.0) -> Tensor:
        """The first node on the way down whose KL is below λ + bias, or the leaf at the end."""
        return self._walk(embedding_BD, bias)[0]

    def known_score(self, embedding_BD: Tensor) -> Tensor:
        """The least ``KL - λ`` on the way down to a leaf."""
        return self._walk(embedding_BD, -torch.inf)[1]

    def _walk(self, embedding_BD: Tensor, bias: float) -> tuple[Tensor, Tensor]:
        """Where each image stops, and the least margin of the nodes that it passed."""
        plan = self.plan
        log_probs_BE = edge_log_softmax(self.layer(embedding_BD), plan)
        margin_BG = margins(log_probs_BE, self.threshold_G, plan)
        child_BG = likeliest_children(log_probs_BE, plan)
        group_N = torch.full((plan.num_nodes,), -1)
        group_N[internal_nodes(plan)] = torch.arange(plan.num_groups)
        node_B = torch.zeros(len(embedding_BD), dtype=torch.int64)
        least_B = torch.full((len(embedding_BD),), torch.inf, dtype=torch.float64)
        for _ in plan.level_sizes[1:]:
            group_B = group_N[node_B]
            at_B = group_B.clamp(min=0)[:, None]
            here_B = margin_BG.gather(1, at_B)[:, 0].masked_fill(group_B < 0, torch.inf)
            passes_B = (group_B >= 0) & (here_B >= bias)
            least_B = torch.where(passes_B, torch.minimum(least_B, here_B), least_B)
            node_B = torch.where(passes_B, child_BG.gather(1, at_B)[:, 0], node_B)
        return node_B, least_B


def confident_objective(plan: DagPlan, weight: float) -> Objective:
    """The loss of the module's formula, made from labels."""
    tables = belonging(plan)

    def objective(label_n: Tensor) -> Callable[[Tensor], Tensor]:
        image_Q, edge_Q = tables.along_NE[label_n].nonzero(as_tuple=True)
        group_Q = plan.group_E[edge_Q]
        weight_Q = 1.0 / torch.bincount(group_Q, minlength=plan.num_groups)[group_Q]
        elsewhere_nG = (~tables.within_NG[label_n]).float()
        elsewhere_nG = weight * elsewhere_nG / elsewhere_nG.sum(0).clamp(min=1.0)

        def loss(logits_nE: Tensor) -> Tensor:
            log_probs_nE = edge_log_softmax(logits_nE, plan)
            right = -(weight_Q * log_probs_nE[image_Q, edge_Q]).sum()
            return right + (elsewhere_nG * divergence_from_uniform(log_probs_nE, plan)).sum()

        return loss

    return objective


def divergence_from_uniform(log_probs_BE: Tensor, plan: DagPlan) -> Tensor:
    """``KL(U ‖ P) = -log K - mean of log P`` over the K children of each internal node, shape ``(B, G)``."""
    children_G = torch.bincount(plan.group_E).to(log_probs_BE.dtype)
    sum_GB = log_probs_BE.new_zeros(plan.num_groups, len(log_probs_BE)).index_add(0, plan.group_E, log_probs_BE.T)
    return -children_G.log() - sum_GB.T / children_G


def margins(log_probs_BE: Tensor, threshold_G: Tensor, plan: DagPlan) -> Tensor:
    """``KL - λ`` at each internal node, infinite where there is one child, shape ``(B, G)``."""
    single_G = torch.bincount(plan.group_E) == 1
    return (divergence_from_uniform(log_probs_BE, plan) - threshold_G).masked_fill(single_G, torch.inf)


def likeliest_children(log_probs_BE: Tensor, plan: DagPlan) -> Tensor:
    """Node ids of the likeliest child of each internal node, the first of equal ones, int64, shape ``(B, G)``."""
    return plan.child_E[first_largest(log_probs_BE, plan.group_E)]


def best_thresholds(log_probs_BE: Tensor, label_B: Tensor, plan: DagPlan) -> Tensor:
    """λ of each internal node: the best harmonic mean of images that rightly go on and of images that rightly stop.

    Args:
        log_probs_BE: of held-out images, shape ``(B, E)``.
        label_B: their node ids, shape ``(B,)``.
        plan: the compiled taxonomy.

    Returns:
        float64, shape ``(G,)``; 0 where there is no image to stop, none to go on, or one child. Candidates are 0 and
        every KL that was seen; the smallest of equally good ones is taken.
    """
    tables = belonging(plan)
    divergence_BG = divergence_from_uniform(log_probs_BE, plan)
    right_BG = tables.under_NN[label_B[:, None], likeliest_children(log_probs_BE, plan)]
    within_BG = tables.within_NG[label_B]
    threshold_G = torch.zeros(plan.num_groups, dtype=torch.float64)
    for group in (torch.bincount(plan.group_E) > 1).nonzero()[:, 0].tolist():
        divergence_B, within_B = divergence_BG[:, group], within_BG[:, group]
        if not within_B.any() or within_B.all():
            continue
        candidate_C = torch.cat([torch.zeros(1, dtype=torch.float64), divergence_B.clamp(min=0)]).sort().values
        on_B = divergence_B[within_B & right_BG[:, group]].sort().values
        stop_B = divergence_B[~within_B].sort().values
        goes_on_C = 1 - torch.searchsorted(on_B, candidate_C).double() / len(on_B) if len(on_B) else candidate_C * 0
        goes_on_C = goes_on_C * len(on_B) / within_B.sum()
        stops_C = torch.searchsorted(stop_B, candidate_C).double() / len(stop_B)
        harmonic_C = 2 * goes_on_C * stops_C / (goes_on_C + stops_C).clamp(min=1e-12)
        threshold_G[group] = candidate_C[harmonic_C.argmax()]
    return threshold_G
