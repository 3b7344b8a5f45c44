"""Scores of novelty below a node: "it is a letter, but does it look like any letter that I know?"

Whether an image is in scope needs an absolute distance; whether it is new *below* a node needs what tells the children
apart. So these are scores of their own, each computed for all nodes at once from the tables of `hierclf.gates.tables`:

==================  ==================================================================================================
``node_relative``   ``min_c M_c(z) - M_u(z)``: it fits the node's Gaussian, but no class below
``mahalanobis++``   ``min_c M_c(z)`` over the classes below
``knn``             the smallest distance over the classes below to a class's k-th nearest image
``gen``             ``Σ_c p^γ (1 - p)^γ`` over the children's probabilities P(c | u)
``msp``             ``-max_c P(c | u)``
``energy``          ``-log Σ exp`` of the head's scores of the classes below
``max_logit``       minus the largest of them
``outside``         ``-log M(u)``: it may not belong below the node at all; the images outside teach what is not
==================  ==================================================================================================

M_c is the squared distance to the class mean under the covariance that all classes share; M_u is the one to the
Gaussian of all images below u, whose covariance is the shared one plus the scatter of the class means.

B images, D embedding, N nodes, E edges, L leaf classes, R directions
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from hierclf.dag import DagPlan, membership_of_leaves, route_log_shares, smallest_below
from hierclf.eigen import symmetric_eigen
from hierclf.gates.tables import ClassStatistics, ClassTables
from hierclf.registry import Registry

MOST_DIRECTIONS = 64
"""In which the classes below one node are held to differ; further ones add little."""
GAMMA = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeGaussians:
    """For each node the Gaussian of all images below it, in whitened coordinates: ``I + Σ_c p_c (m_c - m)(m_c - m)ᵀ``.

    Its inverse is the identity less a few directions (Woodbury), so all nodes together cost one matrix product.

    Args:
        mean: mean of each node, zero for one without images, float64, shape ``(N, D)``.
        direction: directions of all nodes, scaled, float64, shape ``(R, D)``.
        owner: node of each, int64, shape ``(R,)``.
    """

    mean: Tensor
    direction: Tensor
    owner: Tensor

    @classmethod
    def of(cls, statistics: ClassStatistics, plan: DagPlan) -> NodeGaussians:
        """The Gaussians that the class means and counts imply."""
        mean_ND = torch.zeros(plan.num_nodes, statistics.mean.shape[1], dtype=torch.float64)
        directions, owners = [statistics.mean.new_zeros(0, statistics.mean.shape[1])], [torch.zeros(0).long()]
        sizes = torch.bincount(plan.closure_node_P, minlength=plan.num_nodes).tolist()
        for node, leaves in enumerate(torch.split(plan.closure_leaf_P, sizes)):
            leaves = leaves[statistics.count[leaves] > 0]
            if len(leaves) == 0:
                continue
            share = statistics.count[leaves].double()
            share /= share.sum()
            mean_ND[node] = share @ statistics.mean[leaves]
            if len(leaves) > 1:
                spread_KD = (statistics.mean[leaves] - mean_ND[node]) * share.sqrt()[:, None]
                directions.append(_directions(spread_KD))
                owners.append(torch.full((len(directions[-1]),), node))
        return cls(mean=mean_ND, direction=torch.cat(directions), owner=torch.cat(owners))

    def distance(self, white_BD: Tensor) -> Tensor:
        """Squared Mahalanobis distance to each node's Gaussian, shape ``(B, N)``."""
        offset_BN = torch.addmm(self.mean.square().sum(1), white_BD, self.mean.T, alpha=-2)
        distance_BN = white_BD.square().sum(1, keepdim=True) + offset_BN
        along_BR = white_BD @ self.direction.T - (self.mean[self.owner] * self.direction).sum(1)
        return distance_BN.index_add_(1, self.owner, along_BR.square(), alpha=-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeEvidence:
    """What a node score reads.

    Args:
        tables: how close images lie to each class.
        gaussians: of the nodes.
        plan: the compiled taxonomy.
    """

    tables: ClassTables
    gaussians: NodeGaussians
    plan: DagPlan

    @cached_property
    def known_log_probs_BN(self) -> Tensor:
        """Log M of each node, given that the image is known."""
        return membership_of_leaves(self.tables.scores_BL.log_softmax(1), self.plan)

    @cached_property
    def child_log_probs_BE(self) -> Tensor:
        """Log P(c | u) of each edge, given that the image is known."""
        return route_log_shares(self.known_log_probs_BN, self.plan)

    def over_children(self, values_BE: Tensor, reduce: str) -> Tensor:
        """A sum (``"sum"``) or maximum (``"amax"``) over each node's children, 0 at leaves, shape ``(B, N)``."""
        parent_BE = self.plan.parent_E.expand_as(values_BE)
        empty_BN = values_BE.new_zeros(len(values_BE), self.plan.num_nodes)
        return empty_BN.scatter_reduce(1, parent_BE, values_BE, reduce, include_self=False)


NodeScore = Callable[[NodeEvidence], Tensor]

node_scores: Registry[NodeScore] = Registry("node score")


@node_scores.register("node_relative")
def node_relative(evidence: NodeEvidence) -> Tensor:
    """``min_c M_c(z) - M_u(z)``, shape ``(B, N)``.

    After Ren et al., *A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection*, 2021, arXiv:2106.09022,
    with the node's Gaussian in the place of the one of all images.
    """
    return nearest_class(evidence) - evidence.gaussians.distance(evidence.tables.white_BD)


@node_scores.register("mahalanobis++")
def nearest_class(evidence: NodeEvidence) -> Tensor:
    """``min_c M_c(z)`` over the classes below, shape ``(B, N)``.

    Müller and Hein, *Mahalanobis++*, ICML 2025, arXiv:2505.18032.
    """
    return smallest_below(evidence.tables.distance_BL, evidence.plan)


@node_scores.register("knn")
def nearest_neighbour(evidence: NodeEvidence) -> Tensor:
    """The smallest distance over the classes below to a class's second nearest image, shape ``(B, N)``.

    Sun et al., *Out-of-Distribution Detection with Deep Nearest Neighbors*, ICML 2022, arXiv:2204.06507.
    """
    return smallest_below(evidence.tables.neighbour_BL, evidence.plan)


@node_scores.register("gen")
def generalised_entropy(evidence: NodeEvidence) -> Tensor:
    """``Σ_c p^γ (1 - p)^γ`` over the children's probabilities with γ = 0.1, shape ``(B, N)``.

    Liu et al., *GEN: Pushing the Limits of Softmax-Based Out-of-Distribution Detection*, CVPR 2023.
    """
    log_probs_BE = evidence.child_log_probs_BE
    rest_BE = (-torch.expm1(log_probs_BE)).clamp(min=0)
    return evidence.over_children((GAMMA * log_probs_BE).exp() * rest_BE**GAMMA, "sum")


@node_scores.register("msp")
def largest_probability(evidence: NodeEvidence) -> Tensor:
    """``-max_c P(c | u)``, shape ``(B, N)``.

    Hendrycks and Gimpel, *A Baseline for Detecting Misclassified and Out-of-Distribution Examples*, ICLR 2017,
    arXiv:1610.02136.
    """
    return -evidence.over_children(evidence.child_log_probs_BE.exp(), "amax")


@node_scores.register("energy")
def energy(evidence: NodeEvidence) -> Tensor:
    """Minus the log-sum-exp of the head's scores of the classes below, shape ``(B, N)``.

    Liu et al., *Energy-based Out-of-distribution Detection*, NeurIPS 2020, arXiv:2010.03759.
    """
    return -membership_of_leaves(evidence.tables.scores_BL, evidence.plan)


@node_scores.register("outside")
def outside(evidence: NodeEvidence) -> Tensor:
    """``-log M(u)``, shape ``(B, N)``: to the head, every image outside a node is an example of what it is not.

    A newcomer below the node resembles its known children less than they do each other, so some of its probability
    goes elsewhere.
    """
    return -evidence.known_log_probs_BN


@node_scores.register("max_logit")
def largest_score(evidence: NodeEvidence) -> Tensor:
    """Minus the largest of the head's scores of the classes below, shape ``(B, N)``.

    Hendrycks et al., *Scaling Out-of-Distribution Detection for Real-World Settings*, ICML 2022, arXiv:1911.11132.
    """
    return smallest_below(-evidence.tables.scores_BL, evidence.plan)


def _directions(spread_KD: Tensor) -> Tensor:
    """Rows V with ``(I + SᵀS)⁻¹ = I - VᵀV``, the strongest `MOST_DIRECTIONS` of them."""
    few = len(spread_KD) <= spread_KD.shape[1]
    values, vectors = symmetric_eigen(spread_KD @ spread_KD.T if few else spread_KD.T @ spread_KD)
    strongest = values.argsort(descending=True)[:MOST_DIRECTIONS]
    strongest = strongest[values[strongest] > 1e-12 * values.max().clamp(min=1e-300)]
    values, vectors = values[strongest], vectors[:, strongest]
    unit_RD = (vectors.T @ spread_KD) / values.sqrt()[:, None] if few else vectors.T
    scaled_RD: Tensor = unit_RD * (values / (1 + values)).sqrt()[:, None]
    return scaled_RD
