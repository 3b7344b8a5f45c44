"""OpenMax: logits that lie far from a class's usual ones give up a part of themselves to "unknown".

For each class c, μ_c is the mean logit vector of its training images that are classified rightly, and a Weibull
distribution W_c is fitted to the largest distances of these to μ_c. At test time the α likeliest classes, by rank
i = 1, 2, …, are discounted by how extreme the distance is, and what they lose becomes the logit of "unknown":

    ω_c = 1 - (α + 1 - i) / α · W_c(‖v - μ_c‖),    v̂_c = ω_c·v_c,    v̂_unknown = Σ_c (1 - ω_c)·v_c

The softmax over all of these is the answer. As in the paper's LibMR, distances are shifted so that the smallest of a
tail comes to 1 before the Weibull is fitted.

``openmax_flat`` is the paper's: one softmax over all leaves, unknown at the root. ``openmax`` has one at every internal
node over its children, and chains them: what is unknown at u stops there, the rest goes down. On a DAG a child of
several parents gets its share from each, and an image that lies under several children of a node belongs to the
likeliest of them. Where a node has one child, nothing is unknown.

The paper uses the last layer of a network that is trained as usual; here that is a linear layer on the embedding.

Bendale and Boult, *Towards Open Set Deep Networks*, CVPR 2016, arXiv:1511.06233.

B images, n training images, D embedding, N nodes, E edges, L leaves, K classes (leaves or edges), G softmax groups
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy import stats
from torch import Generator, Tensor

from hierclf.dag import DagPlan, flow, segment_logsumexp
from hierclf.errors import ConfigError
from hierclf.heads import PerNodeHead
from hierclf.losses import label_weights
from hierclf.references.back_off import flat_classifier
from hierclf.references.belonging import belonging, first_largest, internal_nodes
from hierclf.references.linear import LinearMap
from hierclf.references.reference import FittedStops, references, require_usable
from hierclf.training import LabelledEmbeddings, fit_head


@dataclass(frozen=True, kw_only=True)
class OpenMax:
    """The method at the root alone or at every internal node.

    Args:
        flat: whether there is one softmax over all leaves.
        tails: numbers of largest distances that the Weibull of a class is fitted to, and
        ranks: values of α, to choose from by held-out log-loss; the paper, too, chose both on validation images. Its
            tail of 20 was 1 or 2 % of a class's images; of few images a short tail is taken.
    """

    flat: bool = False
    tails: tuple[int, ...] = (20, 10, 5, 3)
    ranks: tuple[int, ...] = (1, 2, 3, 5, 10)

    def __post_init__(self) -> None:
        if not self.tails or not self.ranks or min(self.tails) < 2 or min(self.ranks) < 1:
            raise ConfigError(
                f"expected tails of at least 2 and ranks of at least 1, got tails={self.tails} and ranks={self.ranks}"
            )

    @property
    def name(self) -> str:
        """``openmax`` or ``openmax_flat``."""
        return "openmax_flat" if self.flat else "openmax"

    def fit(
        self,
        embedding_nD: Tensor,
        label_n: Tensor,
        plan: DagPlan,
        *,
        held_out: tuple[Tensor, Tensor],
        generator: Generator,
    ) -> FittedStops:
        """A linear classifier, its penalty chosen by held-out log-loss, and a Weibull for each class, with α."""
        require_usable(embedding_nD, label_n, plan, held_out, self.name)
        if self.flat:
            layer = flat_classifier(embedding_nD, label_n, plan, held_out, generator)
            group_K = torch.zeros_like(plan.leaf_L)
            own_nK = label_n[:, None] == plan.leaf_L
        else:
            layer = _node_classifiers(embedding_nD, label_n, plan, held_out, generator)
            group_K = plan.group_E
            own_nK = belonging(plan).along_NE[label_n]
        logits_nK, logits_mK = layer(embedding_nD), layer(held_out[0])
        fitted = [fit_tails(logits_nK, group_K, own_nK, tail) for tail in self.tails]

        def held_out_log_loss(choice: tuple[Tails, int]) -> float:
            stops_mN = self._over_nodes(*openmax(logits_mK, group_K, *choice), plan)
            return -float(stops_mN.gather(1, held_out[1][:, None]).mean())

        best = min(product(fitted, self.ranks), key=held_out_log_loss)

        def stops(embedding_BD: Tensor) -> Tensor:
            return self._over_nodes(*openmax(layer(embedding_BD), group_K, *best), plan)

        return FittedStops(name=self.name, plan=plan, stops=stops)

    def _over_nodes(self, class_BK: Tensor, unknown_BG: Tensor, plan: DagPlan) -> Tensor:
        """The stop distribution, from the softmax of each group."""
        here_BN = class_BK.new_zeros(len(class_BK), plan.num_nodes)
        if not self.flat:
            here_BN[:, internal_nodes(plan)] = unknown_BG
            return flow(class_BK, plan) + here_BN
        here_BN[:, internal_nodes(plan)] = -torch.inf
        here_BN[:, :1], here_BN[:, plan.leaf_L] = unknown_BG, class_BK
        return here_BN


references.register("openmax")(OpenMax())
references.register("openmax_flat")(OpenMax(flat=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tails:
    """What the classes remember, all float64.

    Args:
        mean_KK: the mean logits of each class's images, a row per class, 0 at classes of other groups.
        shape_K: shape of each class's Weibull distribution.
        scale_K: its scale; infinite where a class has too few images, so that it is never discounted.
        shift_K: added to a distance before it is looked up.
    """

    mean_KK: Tensor
    shape_K: Tensor
    scale_K: Tensor
    shift_K: Tensor

    def extreme(self, logits_BK: Tensor, group_K: Tensor) -> Tensor:
        """How extreme the distance to each class is among its group, W of the distance, 0 to 1, shape ``(B, K)``."""
        groups = int(group_K.max()) + 1
        squared_BG = logits_BK.new_zeros(len(logits_BK), groups).index_add(1, group_K, logits_BK.square())
        crossed_BK = logits_BK @ self.mean_KK.T
        distance_BK = (squared_BG[:, group_K] - 2 * crossed_BK + self.mean_KK.square().sum(1)).clamp(min=0.0).sqrt()
        shifted_BK = (distance_BK + self.shift_K).clamp(min=0.0)
        return -torch.expm1(-((shifted_BK / self.scale_K) ** self.shape_K))


def fit_tails(logits_nK: Tensor, group_K: Tensor, own_nK: Tensor, tail: int) -> Tails:
    """The mean logits and the Weibull tail of every class.

    Args:
        logits_nK: of training images, float64, shape ``(n, K)``.
        group_K: the softmax that each class belongs to, ascending.
        own_nK: whether the image belongs to the class, bool, shape ``(n, K)``.
        tail: how many of the largest distances to fit to.

    Returns:
        A class with fewer than two distinct distances among its rightly classified images is never discounted.
    """
    count = logits_nK.shape[1]
    largest_nG = first_largest(logits_nK, group_K)
    mean_KK = torch.zeros(count, count, dtype=torch.float64)
    shape_K, scale_K = torch.ones(count, dtype=torch.float64), torch.full((count,), torch.inf, dtype=torch.float64)
    shift_K = torch.zeros(count, dtype=torch.float64)
    for place in range(count):
        right_n = own_nK[:, place] & (largest_nG[:, group_K[place]] == place)
        siblings = (group_K == group_K[place]).nonzero()[:, 0]
        own_mK = logits_nK[right_n][:, siblings].double()
        if len(own_mK) == 0:
            continue
        mean_KK[place, siblings] = own_mK.mean(0)
        distances = (own_mK - own_mK.mean(0)).norm(dim=1).sort().values[-tail:].numpy()
        if np.ptp(distances) < 1e-9:
            continue
        shift_K[place] = 1.0 - distances[0]
        shape, _, scale = stats.weibull_min.fit(distances + 1.0 - distances[0], floc=0.0)
        shape_K[place], scale_K[place] = float(shape), float(scale)
    return Tails(mean_KK=mean_KK, shape_K=shape_K, scale_K=scale_K, shift_K=shift_K)


def openmax(logits_BK: Tensor, group_K: Tensor, tails: Tails, ranks: int) -> tuple[Tensor, Tensor]:
    """The softmax of the module's formula, for all groups at once.

    Args:
        logits_BK: float64, shape ``(B, K)``.
        group_K: the softmax that each class belongs to, ascending.
        tails: from `fit_tails`.
        ranks: α; at most the number of a group's classes counts.

    Returns:
        Log-probabilities of the classes, shape ``(B, K)``, and of "unknown" in each group, shape ``(B, G)``: ``-inf``
        where a group has one class.
    """
    size_G = torch.bincount(group_K)
    single_G = size_G == 1
    alpha_K = size_G.clamp(max=ranks)[group_K].double()
    part_BK = ((alpha_K - ranks_within(logits_BK, group_K)) / alpha_K).clamp(min=0.0)
    lost_BK = part_BK * tails.extreme(logits_BK, group_K) * logits_BK.masked_fill(single_G[group_K], 0.0)
    kept_BK = logits_BK - lost_BK
    unknown_BG = torch.zeros(len(logits_BK), len(size_G), dtype=logits_BK.dtype).index_add(1, group_K, lost_BK)
    unknown_BG = unknown_BG.masked_fill(single_G, -torch.inf)
    total_BG = torch.logaddexp(segment_logsumexp(kept_BK.T, group_K, len(size_G)).T, unknown_BG)
    return kept_BK - total_BG[:, group_K], unknown_BG - total_BG


def ranks_within(values_BK: Tensor, group_K: Tensor) -> Tensor:
    """Each value's place among its group, 0 for the largest, shape ``(B, K)``.

    >>> ranks_within(torch.tensor([[1.0, 3.0, 2.0, 5.0, 9.0]]), torch.tensor([0, 0, 0, 1, 1]))
    tensor([[2, 0, 1, 1, 0]])
    """
    order_BK = values_BK.argsort(dim=1, descending=True, stable=True)
    order_BK = order_BK.gather(1, group_K[order_BK].argsort(dim=1, stable=True))  # by group, the largest first
    size_G = torch.bincount(group_K)
    rank_K = torch.arange(len(group_K)) - (size_G.cumsum(0) - size_G)[group_K]
    return torch.zeros_like(order_BK).scatter(1, order_BK, rank_K.expand_as(order_BK))


def _node_classifiers(
    embedding_nD: Tensor, label_n: Tensor, plan: DagPlan, held_out: tuple[Tensor, Tensor], generator: Generator
) -> LinearMap:
    """A softmax at every internal node, as `fit_head` fits it, as a map to edge logits."""
    head = PerNodeHead(embedding_nD.shape[1], plan, generator=generator)
    parts = ((embedding_nD, label_n), held_out)
    train, tune = (LabelledEmbeddings(embedding_BD=part.double(), label_B=label) for part, label in parts)
    fit_head(head, train, tune, label_weights(plan, "uniform"))
    return LinearMap(weight_OD=head.linear.weight.detach(), bias_O=head.linear.bias.detach())
