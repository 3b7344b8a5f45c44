"""A gate at every internal node: of the images that belong under it, which belong to none of its known children?

Each gated node has scores of its own (see `hierclf.gates.node_scores`), put together as at the root: a score becomes
the surprise ``-log p`` that its value has among known images of the node, surprises are added, and the sum becomes a
surprise again. Nodes with few known images could not tell how rare a value is. So values are first centred and scaled
node by node, towards what all nodes have in common where a node has few images, and then share one map.

The surprise of a node is what the promise of the whole route reads; `NovelMap` turns it into the chance π that an image
is new below the node.

B images, N nodes, G gated nodes, S scores, n known images, X pairs of an image and a gated node
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.errors import BundleError, CalibrationError
from hierclf.gates.combination import PValueMap
from hierclf.gates.evidence import Evidence
from hierclf.gates.node_scores import NodeEvidence, NodeGaussians, node_scores
from hierclf.gates.tables import ClassStatistics

WEIGHT_OF_ALL = 5.0
"""So many images the common centre and scale count for, beside a node's own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeSurprise:
    """From raw scores at nodes to surprise, fitted on known images.

    Args:
        use: which scores each gated node reads, bool, shape ``(S, G)``; at least one per node.
        centre: of each score at each node, float64, shape ``(S, G)``.
        scale: of each score at each node, positive, float64, shape ``(S, G)``.
        single: a map per score, from centred and scaled values to surprise.
        summed: a map per combination of scores in use, from summed surprise to surprise.
    """

    use: Tensor
    centre: Tensor
    scale: Tensor
    single: tuple[PValueMap, ...]
    summed: tuple[PValueMap, ...]

    @classmethod
    def fit(cls, values_SX: Tensor, place_X: Tensor, use_SG: Tensor) -> NodeSurprise:
        """Fit on known images.

        Args:
            values_SX: what each score says about known images at nodes that they belong under, float64, ``(S, X)``.
            place_X: the place of the node among the gated ones, int64, shape ``(X,)``.
            use_SG: which scores each node reads, bool, shape ``(S, G)``.

        Raises:
            CalibrationError: no image belongs under any gated node.
        """
        if len(place_X) == 0:
            raise CalibrationError("expected known images under the gated nodes to fit their p-values on, got none")
        count_G = torch.bincount(place_X, minlength=use_SG.shape[1]).double()

        def towards_all(numbers_SX: Tensor) -> Tensor:
            """The mean at each node, pulled to the mean over all nodes."""
            sum_SG = torch.zeros(use_SG.shape, dtype=torch.float64).index_add_(1, place_X, numbers_SX)
            return (sum_SG + WEIGHT_OF_ALL * numbers_SX.mean(1, keepdim=True)) / (count_G + WEIGHT_OF_ALL)

        centre_SG = towards_all(values_SX)
        variance_SG = towards_all((values_SX - centre_SG[:, place_X]).square())
        smallest_S1 = 1e-12 * (1 + values_SX.abs().mean(1, keepdim=True))
        scale_SG = torch.maximum(variance_SG.sqrt(), smallest_S1)
        standard_SX = (values_SX - centre_SG[:, place_X]) / scale_SG[:, place_X]
        single = tuple(map(PValueMap.fit, standard_SX))
        bare = cls(use=use_SG, centre=centre_SG, scale=scale_SG, single=single, summed=())
        total_X, combination_X = bare.total(values_SX, place_X), bare.combination_G[place_X]
        summed = []
        for number in range(int(bare.combination_G.max()) + 1):
            mine_X = combination_X == number
            summed.append(PValueMap.fit(total_X[mine_X] if mine_X.any() else total_X))
        return replace(bare, summed=tuple(summed))

    def __call__(self, raw_SBG: Tensor) -> Tensor:
        """Surprise of each image at each gated node, float64, at least 0, shape ``(B, G)``."""
        place_X = torch.arange(raw_SBG.shape[2]).repeat(raw_SBG.shape[1])
        return self.at(raw_SBG.flatten(1), place_X).reshape(raw_SBG.shape[1:])

    def at(self, values_SX: Tensor, place_X: Tensor) -> Tensor:
        """Surprise at one gated node each, arguments as in `fit`, float64, shape ``(X,)``."""
        total_X, combination_X = self.total(values_SX, place_X), self.combination_G[place_X]
        surprise_X = torch.empty_like(total_X)
        for number, surprise in enumerate(self.summed):
            mine_X = combination_X == number
            surprise_X[mine_X] = surprise(total_X[mine_X])
        return surprise_X

    def total(self, values_SX: Tensor, place_X: Tensor) -> Tensor:
        """The sum of the scores' surprises, float64, shape ``(X,)``."""
        standard_SX = (values_SX - self.centre[:, place_X]) / self.scale[:, place_X]
        surprises_SX = torch.stack([one(row_X) for one, row_X in zip(self.single, standard_SX, strict=True)])
        total_X: Tensor = (surprises_SX * self.use[:, place_X]).sum(0)
        return total_X

    @cached_property
    def combination_G(self) -> Tensor:
        """The number of each node's combination of scores, int64, shape ``(G,)``."""
        combination_G: Tensor = torch.unique(self.use.int(), dim=1, return_inverse=True)[1]
        return combination_G

    def tensors(self) -> dict[str, Tensor]:
        """Everything, under flat names."""
        stored = {"use": self.use, "centre": self.centre, "scale": self.scale}
        for kind, maps in (("single", self.single), ("summed", self.summed)):
            for place, one in enumerate(maps):
                stored |= {f"{kind}.{place}.{name}": values for name, values in one.tensors().items()}
        return stored

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], *, scores: int, gated: int) -> NodeSurprise:
        """What gave these tensors.

        Raises:
            BundleError: they do not fit each other.
        """
        use, centre, scale = (tensors[name] for name in ("use", "centre", "scale"))
        if not all(tuple(table.shape) == (scores, gated) for table in (use, centre, scale)) or not (scale > 0).all():
            raise BundleError("the stored gates of the nodes do not fit their scores; save the model anew")
        if use.dtype != torch.bool or not use.any(0).all():
            raise BundleError("a stored node gate reads no score; save the model anew")
        bare = cls(use=use, centre=centre, scale=scale, single=(), summed=())
        maps = {}
        for kind, count in (("single", scores), ("summed", int(bare.combination_G.max()) + 1)):
            maps[kind] = tuple(
                PValueMap(*(tensors[f"{kind}.{place}.{name}"] for name in ("knots", "surprise", "scale"))).checked()
                for place in range(count)
            )
        return cls(use=use, centre=centre, scale=scale, single=maps["single"], summed=maps["summed"])


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeGates:
    """The gates of all internal nodes below the root that have one.

    Args:
        plan: the compiled taxonomy.
        gated: node ids, int64, ascending, shape ``(G,)``, at least one.
        names: scores in use, names of `node_scores`.
        statistics: of the classes.
        surprise: from raw scores to surprise.
    """

    plan: DagPlan
    gated: Tensor
    names: tuple[str, ...]
    statistics: ClassStatistics
    surprise: NodeSurprise

    @cached_property
    def gaussians(self) -> NodeGaussians:
        """Of the nodes; they follow from the statistics of the classes."""
        return NodeGaussians.of(self.statistics, self.plan)

    def read(self, evidence: Evidence) -> Tensor:
        """Surprise of images at every gated node, float64, shape ``(B, G)``."""
        return self.surprise(raw_scores(evidence, self.names, self.statistics, self.gaussians, self.plan, self.gated))

    def spread(self, surprise_BG: Tensor) -> Tensor:
        """The same with a column for every node, 0 where there is no gate, shape ``(B, N)``."""
        empty_BN = surprise_BG.new_zeros(len(surprise_BG), self.plan.num_nodes)
        return empty_BN.index_copy(1, self.gated, surprise_BG)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the gates learnt, under flat names."""
        stored = {f"classes.{name}": values for name, values in self.statistics.tensors().items()}
        stored |= {f"surprise.{name}": values for name, values in self.surprise.tensors().items()}
        return stored | {"gated": self.gated}

    def settings(self) -> dict[str, Any]:
        """Everything else, as JSON can hold it."""
        return {"scores": list(self.names)}

    @classmethod
    def from_parts(
        cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor], plan: DagPlan, *, size: int
    ) -> NodeGates:
        """The gates that gave these `settings` and `tensors`.

        Raises:
            BundleError: they do not fit each other, the taxonomy or embeddings of ``size`` numbers.
        """
        names, gated = tuple(settings["scores"]), tensors["gated"]
        for name in names:
            node_scores[name]
        internal = set(plan.parent_E.tolist()) - {0}
        if not (len(gated) and set(gated.tolist()) <= internal and (gated.diff() > 0).all()):
            raise BundleError("the stored model has gates at nodes that cannot have one; save it anew")
        return cls(
            plan=plan,
            gated=gated,
            names=names,
            statistics=ClassStatistics.from_tensors(_under("classes.", tensors), size=size, classes=plan.num_leaves),
            surprise=NodeSurprise.from_tensors(_under("surprise.", tensors), scores=len(names), gated=len(gated)),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class NovelMap:
    """π: the chance that an image which reached a node is new below it, ``σ(intercept + slope · surprise)``.

    Args:
        intercept: of each node, ``-inf`` where nothing is asked, float64, shape ``(N,)``.
        slope: of each node, at least 0, so that π grows with surprise, float64, shape ``(N,)``.
    """

    intercept: Tensor
    slope: Tensor

    def __call__(self, surprise_BN: Tensor) -> Tensor:
        """Log π, float64, shape ``(B, N)``."""
        logit_BN = self.intercept + self.slope * surprise_BN
        return torch.nn.functional.logsigmoid(logit_BN.nan_to_num(neginf=-torch.inf))

    def checked(self, plan: DagPlan) -> NovelMap:
        """The map itself, if it is one of the taxonomy: for maps that come from a file.

        Raises:
            BundleError: another number of nodes, a chance that is none, or one that falls with surprise.
        """
        if any(tuple(row.shape) != (plan.num_nodes,) for row in (self.intercept, self.slope)):
            raise BundleError("the stored chances of novelty do not fit the taxonomy; save the model anew")
        if not (self.intercept < torch.inf).all() or not ((self.slope >= 0) & self.slope.isfinite()).all():
            raise BundleError(
                "the stored chances of novelty are no numbers, or fall with surprise; save the model anew"
            )
        return self


def gated_nodes(plan: DagPlan, has_images_L: Tensor) -> Tensor:
    """Nodes below the root at which a gate makes sense: with two or more children that have images to learn from.

    Args:
        plan: the compiled taxonomy.
        has_images_L: which leaf classes have any, bool, shape ``(L,)``.

    Returns:
        Node ids, int64, ascending.
    """
    below_N = torch.zeros(plan.num_nodes).index_add(0, plan.closure_node_P, has_images_L[plan.closure_leaf_P].float())
    children_N = torch.zeros(plan.num_nodes).index_add(0, plan.parent_E, (below_N > 0)[plan.child_E].float())
    children_N[0] = 0
    return (children_N >= 2).nonzero()[:, 0]


def belongs(label_n: Tensor, plan: DagPlan) -> Tensor:
    """Which nodes each label lies at or below, bool, shape ``(n, N)``; all belong under the root."""
    path_nK = plan.path_NK[label_n]
    table_nN = torch.zeros(len(label_n), plan.num_nodes + 1, dtype=torch.bool)
    table_nN.scatter_(1, torch.where(path_nK < 0, plan.num_nodes, path_nK), True)
    table_nN[:, 0] = True
    return table_nN[:, :-1]


def raw_scores(
    evidence: Evidence,
    names: Sequence[str],
    statistics: ClassStatistics,
    gaussians: NodeGaussians,
    plan: DagPlan,
    nodes_G: Tensor,
) -> Tensor:
    """Scores by name at the given nodes, float64, shape ``(S, B, G)``."""
    pieces = []
    for chunk in evidence.chunks():
        read = NodeEvidence(tables=statistics.tables(chunk), gaussians=gaussians, plan=plan)
        pieces.append(torch.stack([node_scores[name](read)[:, nodes_G] for name in names]))
    return torch.cat(pieces, dim=1)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
