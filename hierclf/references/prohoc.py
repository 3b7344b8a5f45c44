"""ProHOC: one classifier per depth, whose disagreement with the depth above is novelty.

A classifier at depth d knows the nodes of that depth (leaves that end above it are carried down). Let g_c be what the
classifier below gives to the children of node c, all together. *Complementary probability* reads the rest as novelty
below c; *entropy* adds how undecided the classifier is among these children, H_c, in nats:

    complement   P(y | c) = p(y),        P(novel | c) = 1 - g_c
    entropy      P(y | c) = p(y) / Z,    P(novel | c) = H_c / Z,    Z = g_c + H_c

Along the path these multiply. A node with one child is never novel. Nothing lies above the first depth, so novelty at
the root is β·H / (1 + β·H), H being the entropy over all leaves; the paper has β = 0 where no image is far, else β = 1.

The paper trains one network per depth; here each is one linear layer on the same embedding. It answers with the node of
least expected distance: ``prohoc`` is that, with entropy. In ``prohoc_entropy`` and
``prohoc_complement`` the likeliest node answers, as in every other reference. Defined on trees: a class of a DAG may
have two ancestors at one depth.

Wallin, Kahl and Hammarstrand, *ProHOC: Probabilistic Hierarchical Out-of-Distribution Classification via Multi-Depth
Networks*, CVPR 2025, arXiv:2503.21397.

B images, n training images, O outputs (the classes of all depths side by side), C classes of one depth, P their parents
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from hierclf.dag import DagPlan, segment_logsumexp
from hierclf.errors import ConfigError
from hierclf.references.linear import fit_linear
from hierclf.references.nearest import FittedNearest
from hierclf.references.reference import FittedStops, references, require_usable


@dataclass(frozen=True, kw_only=True)
class Prohoc:
    """The method in one of its variants.

    Args:
        novelty: ``"entropy"`` or ``"complement"``.
        root_weight: β, how much the entropy over leaves counts as novelty at the root.
        nearest: whether the node of least expected distance answers, and not the likeliest.
    """

    novelty: Literal["entropy", "complement"]
    root_weight: float = 1.0
    nearest: bool = False

    def __post_init__(self) -> None:
        if self.novelty not in ("entropy", "complement"):
            raise ConfigError(f"novelty is 'entropy' or 'complement', got {self.novelty!r}")
        if not 0 <= self.root_weight < float("inf"):
            raise ConfigError(f"root_weight is a finite number of at least 0, got {self.root_weight!r}")

    @property
    def name(self) -> str:
        """``prohoc_entropy``, ``prohoc_complement``, or with the least expected distance ``prohoc``."""
        return "prohoc" if self.nearest else f"prohoc_{self.novelty}"

    def fit(
        self,
        embedding_nD: Tensor,
        label_n: Tensor,
        plan: DagPlan,
        *,
        held_out: tuple[Tensor, Tensor],
        generator: Generator,
    ) -> FittedStops | FittedNearest:
        """One softmax layer per depth, all under one penalty, chosen by their summed held-out log-loss.

        Raises:
            ConfigError: the taxonomy is no tree.
        """
        require_usable(embedding_nD, label_n, plan, held_out, self.name)
        depths = depths_of(plan)
        sizes = [len(depth.node_C) for depth in depths]

        def objective(label_n: Tensor) -> Callable[[Tensor], Tensor]:
            targets = [depth.class_N[label_n] for depth in depths]

            def loss(logits_nO: Tensor) -> Tensor:
                parts = zip(torch.split(logits_nO, sizes, dim=1), targets, strict=True)
                return torch.stack([torch.nn.functional.cross_entropy(*part) for part in parts]).sum()

            return loss

        layer = fit_linear(objective, sum(sizes), (embedding_nD, label_n), held_out)

        def stops(embedding_BD: Tensor) -> Tensor:
            logits = torch.split(layer(embedding_BD), sizes, dim=1)
            return stops_of_depths([part.log_softmax(1) for part in logits], depths, plan, self)

        fitted = FittedStops(name=self.name, plan=plan, stops=stops)
        return FittedNearest(inner=fitted) if self.nearest else fitted


references.register("prohoc")(Prohoc(novelty="entropy", nearest=True))
references.register("prohoc_entropy")(Prohoc(novelty="entropy"))
references.register("prohoc_complement")(Prohoc(novelty="complement"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Depth:
    """What the classifier of one depth knows.

    Args:
        node_C: node ids of its classes, ascending.
        class_N: for each node at or below this depth and each leaf, the class it belongs to; -1 elsewhere.
        parent_C: place of each class's parent among the classes of the depth above (itself, for a carried-down leaf).
        alone_P: which classes of the depth above have one class below them.
    """

    node_C: Tensor
    class_N: Tensor
    parent_C: Tensor
    alone_P: Tensor


def depths_of(plan: DagPlan) -> list[Depth]:
    """The classifiers of depth 1, 2, … down to the deepest leaf.

    Raises:
        ConfigError: the taxonomy is no tree.
    """
    if not plan.is_tree:
        second = plan.nodes[int(torch.bincount(plan.child_E).argmax())]
        raise ConfigError(
            "ProHOC is defined on trees: at one depth each class has one ancestor; "
            f"{second!r} has several parents, so leave ProHOC out or remove all but one of them"
        )
    is_leaf_N = plan.leaf_slot_N >= 0
    depths: list[Depth] = []
    above_N, size_above = torch.zeros(plan.num_nodes, dtype=torch.int64), 1  # depth 0: all belong to the root
    for depth in range(1, len(plan.level_sizes)):
        own_N = (plan.level_N == depth) | (is_leaf_N & (plan.level_N < depth))
        node_C = own_N.nonzero()[:, 0]
        place_N = own_N.cumsum(0) - 1
        column = torch.where(plan.level_N >= depth, depth - 1, (plan.level_N - 1).clamp(min=0))[:, None]
        ancestor_N = plan.path_NK.gather(1, column)[:, 0]
        class_N = torch.where(is_leaf_N | (plan.level_N >= depth), place_N[ancestor_N], -1)
        parent_C = above_N[node_C]
        alone_P = torch.bincount(parent_C, minlength=size_above) == 1
        depths.append(Depth(node_C=node_C, class_N=class_N, parent_C=parent_C, alone_P=alone_P))
        above_N, size_above = class_N, len(node_C)
    return depths


def stops_of_depths(log_probs: Sequence[Tensor], depths: Sequence[Depth], plan: DagPlan, settings: Prohoc) -> Tensor:
    """The stop distribution that the classifiers of all depths make together.

    Args:
        log_probs: log p of each depth's classes, float64, shape ``(B, C)`` each.
        depths: from `depths_of`.
        plan: the compiled taxonomy.
        settings: the variant.

    Returns:
        Log stop probabilities, shape ``(B, N)``.
    """
    stops_BN = log_probs[0].new_full((len(log_probs[0]), plan.num_nodes), -torch.inf)
    weighted_B = settings.root_weight * entropy(log_probs[-1])
    stops_BN[:, 0] = weighted_B.log() - weighted_B.log1p()
    reached_BC = -weighted_B.log1p()[:, None] + log_probs[0]
    nodes_P = depths[0].node_C
    for depth, rows_BC in zip(depths[1:], log_probs[1:], strict=True):
        child_BC, novel_BP = conditionals(rows_BC, depth, settings.novelty)
        internal_P = plan.leaf_slot_N[nodes_P] < 0
        stops_BN[:, nodes_P[internal_P]] = (reached_BC + novel_BP)[:, internal_P]
        reached_BC, nodes_P = reached_BC[:, depth.parent_C] + child_BC, depth.node_C
    stops_BN[:, nodes_P] = reached_BC
    return stops_BN


def conditionals(log_probs_BC: Tensor, depth: Depth, novelty: str) -> tuple[Tensor, Tensor]:
    """Log P(y | c) for the classes y of a depth and log P(novel | c) for the classes c above.

    Args:
        log_probs_BC: log p of the classes, shape ``(B, C)``.
        depth: how they hang below the depth above.
        novelty: the variant.

    Returns:
        Shapes ``(B, C)`` and ``(B, P)``; the probabilities of one c sum to 1.
    """
    rows_CB, count = log_probs_BC.T, len(depth.alone_P)
    group_PB = segment_logsumexp(rows_CB, depth.parent_C, count).clamp(max=0.0)
    if novelty == "complement":
        child_CB, novel_PB = rows_CB, (-torch.expm1(group_PB)).log()
    else:
        share_CB = rows_CB - group_PB[depth.parent_C].clamp(min=torch.finfo(rows_CB.dtype).min)
        surprise_CB = -torch.special.xlogy(share_CB.exp(), share_CB.exp())
        spread_PB = torch.zeros_like(group_PB).index_add(0, depth.parent_C, surprise_CB).log()
        total_PB = torch.logaddexp(group_PB, spread_PB)
        child_CB, novel_PB = rows_CB - total_PB[depth.parent_C], spread_PB - total_PB
    novel_PB = novel_PB.masked_fill(depth.alone_P[:, None], -torch.inf)
    child_CB = child_CB.masked_fill(depth.alone_P[depth.parent_C][:, None], 0.0)
    return child_CB.T, novel_PB.T


def entropy(log_probs_BC: Tensor) -> Tensor:
    """``-Σ p log p`` in nats, shape ``(B,)``."""
    probs_BC = log_probs_BC.exp()
    total_B: Tensor = torch.special.xlogy(probs_BC, probs_BC).sum(1)
    return -total_B.clamp(max=0.0)
