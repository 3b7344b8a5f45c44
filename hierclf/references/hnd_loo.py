"""HND-LOO: one softmax over all classes and all novelties, taught novelty by leaving classes out.

Beside the leaves each internal node u has an output N(u), "under u, but none of its known children". In training every
class takes its turn at being unknown: leave child a of u out, with all that lies below it, and what was under a belongs
to N(u), among the outputs that are left. With T \\ a for these, and the edges u → a of the taxonomy,

    loss = E[-log P(y | x; T)] + weight · mean over edges of E_{x under a}[-log P(N(u) | x; T \\ a)]

so N(u) learns to be right under u's known classes, yet never where these can answer themselves. A node with one child
is not left without it. On a DAG whatever has an ancestor-path through a is left out with a, and a child of two parents
is an edge of both.

The paper trains the last layer of a network on its features, as here.

Lee et al., *Hierarchical Novelty Detection for Visual Object Recognition*, CVPR 2018, arXiv:1804.00722.

B images, n training images, N nodes, E edges, Q pairs (image, edge towards its class)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from hierclf.dag import DagPlan
from hierclf.errors import ConfigError
from hierclf.references.belonging import belonging
from hierclf.references.linear import Objective, fit_linear
from hierclf.references.reference import FittedStops, references, require_usable


@dataclass(frozen=True, kw_only=True)
class HndLoo:
    """The flat method with leave-one-out training.

    Args:
        weight: how much the left-out classes count against the known ones.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise ConfigError(f"weight is a finite number above 0, got {self.weight!r}")

    @property
    def name(self) -> str:
        """``hnd_loo``."""
        return "hnd_loo"

    def fit(
        self,
        embedding_nD: Tensor,
        label_n: Tensor,
        plan: DagPlan,
        *,
        held_out: tuple[Tensor, Tensor],
        generator: Generator,
    ) -> FittedStops:
        """One layer with an output per node; the penalty is chosen by the same loss on held-out images."""
        require_usable(embedding_nD, label_n, plan, held_out, self.name)
        layer = fit_linear(
            leave_one_out_objective(plan, self.weight), plan.num_nodes, (embedding_nD, label_n), held_out
        )
        return FittedStops(name=self.name, plan=plan, stops=lambda embedding_BD: layer(embedding_BD).log_softmax(1))


references.register("hnd_loo")(HndLoo())


def leave_one_out_objective(plan: DagPlan, weight: float) -> Objective:
    """The loss of the module's formula, made from labels.

    Args:
        plan: the compiled taxonomy.
        weight: of the left-out classes.
    """
    tables = belonging(plan)
    children_N = torch.bincount(plan.parent_E, minlength=plan.num_nodes)
    asked_E = children_N[plan.parent_E] > 1

    def objective(label_n: Tensor) -> Callable[[Tensor], Tensor]:
        image_Q, edge_Q = (tables.along_NE & asked_E)[label_n].nonzero(as_tuple=True)
        left_out_QN = tables.under_NN.T[plan.child_E[edge_Q]]
        images_E = torch.bincount(edge_Q, minlength=plan.num_edges)
        weight_Q = weight / images_E[edge_Q] / max(int((images_E > 0).sum()), 1)
        novel_Q = plan.parent_E[edge_Q]

        def loss(logits_nN: Tensor) -> Tensor:
            known = torch.nn.functional.cross_entropy(logits_nN, label_n)
            pairs_QN = logits_nN[image_Q]
            rest_Q = pairs_QN.masked_fill(left_out_QN, -torch.inf).logsumexp(1)
            return known + (weight_Q * (rest_Q - pairs_QN.gather(1, novel_Q[:, None])[:, 0])).sum()

        return loss

    return objective
