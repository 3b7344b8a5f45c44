"""The gates: is it any of ours, and where does it leave the known classes?

The gate at the root says known or other. Where the taxonomy has inner nodes, each of them has a gate as well (see
`hierclf.gates.node_gates`), and an image must pass all of them on the way to the leaf that it is taken for. A gate is
put together from four sets of images that share none:

* **fit**: known images (and other, where there are any) that its scores learn from;
* **tune** (split A): known images that each score's p-value map is fitted on;
* **calibration** (split B): known images that nothing else has seen; they alone set the threshold;
* whatever comes later, for which the promise is made.

The whole route is summed up in one number, the *statistic*: the surprise ``-log p`` of its strangest step (with a gate
at the root alone, the root's combined score). All gates of a route share what may be turned away; the p-value of an
inner gate counts four times as large as the root's, see `INNER_SHARE`. The statistic is calibrated once, end to end;
`hierclf.gates.guarantee` lists what can be promised with it. The promise is about known images: at most a share α of
them is turned away, for any scores. How many unknown images are noticed cannot be promised by anybody, since nobody
knows what they will look like.

B images, G scores, N nodes, n calibration images, K folds
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.errors import BundleError, ConfigError, DataError, HierclfError
from hierclf.gates.combination import PValueMap, combinations
from hierclf.gates.detection import Detection
from hierclf.gates.evidence import Evidence
from hierclf.gates.guarantee import (
    Average,
    BothSides,
    Guarantee,
    Statistic,
    alpha_of,
    checked_keep,
    loaded_guarantee,
    stored_guarantee,
)
from hierclf.gates.node_gates import NodeGates, NovelMap
from hierclf.gates.score import FittedScore, load_score
from hierclf.promises import Promise, route_surprise, surprise_at
from hierclf.promises.conformal import sorted_scores

LARGEST = 1_000_000  # size of an embedding or of the logits that a stored gate is believed to read

INNER_SHARE = 0.25
"""What the p-value of an inner gate is divided by before it is held against the root's: all gates of a route share α,
and the root's, which every image of other must be stopped at, gets the larger part."""

ScoreChoice = str | tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class GatePart:
    """One score of a gate: what it is called, how it was set, what it learnt and how rare its values are."""

    name: str
    options: Mapping[str, Any]
    score: FittedScore
    surprise: PValueMap


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """The gate of one fold of a cross-conformal calibration, with the classifier that saw what it saw.

    Args:
        gate: fitted without the fold's images; its own guarantee is not used.
        weight: of a linear classifier of the leaves, float64, shape ``(L, D)``.
        bias: its offsets, float64, shape ``(L,)``.
    """

    gate: Gate
    weight: Tensor
    bias: Tensor

    def statistic(self, embedding_BD: Tensor) -> Tensor:
        """The gate's statistic, float64, shape ``(B,)``."""
        embedding_BD = embedding_BD.detach().cpu().double()
        return self.gate.score(Evidence(embedding_BD, embedding_BD @ self.weight.T + self.bias))


@dataclass(frozen=True, kw_only=True, eq=False)
class GateReading:
    """What the gates see in B images.

    Args:
        components: each score of the root on its own, by name, float64, shape ``(B,)``.
        surprise_BN: -log p at every gated node, 0 where there is no gate; no column without a plan. float64.
        statistic: what was calibrated.
        p_value_B: conformal p-values.
        uncertain_B: which images are neither known nor other, bool.
    """

    components: Mapping[str, Tensor]
    surprise_BN: Tensor
    statistic: Statistic
    p_value_B: Tensor
    uncertain_B: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate:
    """Known or other, and known or novel at every inner node, with one promise for the whole route.

    Args:
        parts: the scores of the root, at least one.
        combine: name of their combination.
        shape: sizes ``(D, C)`` of the embedding and of the logits that the gate reads.
        guarantee: what is promised, and the calibration images behind it.
        plan: the compiled taxonomy; None for a gate that knows of no nodes.
        rarity: from the root's combined score to its surprise ``-log p``; None where nobody asks.
        nodes: the gates of the inner nodes, or None.
        novel: π at every gated node, or None.
        detections: what leave-one-child-out said.
        folds: of a cross-conformal calibration.
    """

    parts: tuple[GatePart, ...]
    combine: str
    shape: tuple[int, int]
    guarantee: Guarantee
    plan: DagPlan | None = None
    rarity: PValueMap | None = None
    nodes: NodeGates | None = None
    novel: NovelMap | None = None
    detections: tuple[Detection, ...] = ()
    folds: tuple[Fold, ...] = ()

    # ------------------------------------------------------------------------------------------------------- promises

    @property
    def keep(self) -> float:
        """Share of known images that must not be turned away."""
        return self.guarantee.keep

    @property
    def alpha(self) -> float:
        """Largest share of known images that may be turned away."""
        return alpha_of(self.keep)

    @property
    def calibration_scores(self) -> Tensor:
        """Statistic of the calibration images."""
        return self.guarantee.scores

    @property
    def threshold(self) -> float:
        """The statistic above which an image is turned away; infinity where there are too few images."""
        return self.guarantee.threshold

    @property
    def level(self) -> float:
        """An image is turned away where its p-value is at most this."""
        return self.guarantee.level

    @property
    def promise(self) -> Promise:
        """What may be expected of this gate."""
        return self.guarantee.promise(1 + (len(self.nodes.gated) if self.nodes is not None else 0))

    # -------------------------------------------------------------------------------------------------------- reading

    def read(self, evidence: Evidence) -> GateReading:
        """Everything that the gates see.

        Args:
            evidence: any number of images, none included.

        Raises:
            DataError: when sizes differ from those that the gate was fitted on, or a row holds NaN or infinity.
        """
        components = self.components(evidence)
        surprise_BN, statistic = self._statistic(evidence, components)
        uncertain_B = torch.zeros(len(evidence), dtype=torch.bool)
        if isinstance(self.guarantee, BothSides):
            uncertain_B = self.guarantee.uncertain(statistic)
        return GateReading(
            components=components,
            surprise_BN=surprise_BN,
            statistic=statistic,
            p_value_B=self.guarantee.p_value(statistic),
            uncertain_B=uncertain_B,
        )

    def components(self, evidence: Evidence) -> dict[str, Tensor]:
        """Each of the root's scores on its own, larger = more unknown.

        Args:
            evidence: any number of images, none included.

        Returns:
            Raw scores by name, each float64 on the CPU, shape ``(B,)``.

        Raises:
            DataError: when sizes differ from those that the gate was fitted on, or a row holds NaN or infinity.
        """
        came = (evidence.embedding_BD.shape[1], evidence.logits_BC.shape[1])
        if came != self.shape:
            raise DataError(
                f"expected embeddings of {self.shape[0]} numbers and {self.shape[1]} logits, as the gate was fitted "
                f"on, got {came[0]} and {came[1]}"
            )
        return {part.name: part.score(evidence) for part in self.parts}

    def combined(self, components: Mapping[str, Tensor]) -> Tensor:
        """The root's score from the raw ones: each goes through its p-value map, then they are combined; ``(B,)``."""
        surprise_BG = torch.stack([part.surprise(components[part.name]) for part in self.parts], dim=1)
        return combinations[self.combine](surprise_BG)

    def statistic(self, evidence: Evidence) -> Statistic:
        """What is calibrated: how unknown the strangest step on each image's route is."""
        return self._statistic(evidence, self.components(evidence))[1]

    def score(self, evidence: Evidence) -> Tensor:
        """How unknown each image looks, larger = more unknown, float64 on the CPU, shape ``(B,)``."""
        return self.statistic(evidence).score_B

    def p_value(self, evidence: Evidence) -> Tensor:
        """Conformal p-value per image, float64, shape ``(B,)``; turn it away if and only if it is at most `level`."""
        return self.guarantee.p_value(self.statistic(evidence))

    def _statistic(self, evidence: Evidence, components: Mapping[str, Tensor]) -> tuple[Tensor, Statistic]:
        root_B = self.combined(components)
        slot_B = evidence.logits_BC.detach().cpu().argmax(1)
        surprise_BN = root_B.new_zeros(len(evidence), 0 if self.plan is None else self.plan.num_nodes)
        node_B, score_B = slot_B, root_B
        if self.plan is not None:
            node_B = self.plan.leaf_L[slot_B]
            if self.nodes is not None:
                surprise_BN = self.nodes.spread(self.nodes.read(evidence))
            if self.rarity is not None:
                surprise_BN[:, 0] = self.rarity(root_B)
            if self.nodes is not None:
                counted_BN = torch.cat([surprise_BN[:, :1], surprise_BN[:, 1:] + math.log(INNER_SHARE)], dim=1)
                score_B = surprise_at(route_surprise(counted_BN, self.plan), node_B)
        fold_BK = root_B.new_zeros(len(evidence), 0)
        if self.folds:
            fold_BK = torch.stack([fold.statistic(evidence.embedding_BD) for fold in self.folds], dim=1)
            score_B = fold_BK.mean(1)
        return surprise_BN, Statistic(score_B=score_B, node_B=node_B, fold_BK=fold_BK)

    # -------------------------------------------------------------------------------------------------------- changes

    def guaranteed(self, guarantee: Guarantee) -> Gate:
        """The same scores with another promise, or other images behind it."""
        return replace(self, guarantee=guarantee)

    def recalibrated(self, calibration_scores: Tensor, keep: float | None = None) -> Gate:
        """The same scores with the usual promise, calibrated anew.

        Args:
            calibration_scores: statistic (`score`) of known images used for nothing else, shape ``(n,)``.
            keep: share of known images that must not be turned away; None leaves it as it is.

        Raises:
            CalibrationError: when `keep` is out of range or a score is NaN.
        """
        keep = self.keep if keep is None else keep
        return self.guaranteed(Average(keep=checked_keep(keep), scores=sorted_scores(calibration_scores)))

    # -------------------------------------------------------------------------------------------------------- storing

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the gate learnt, under flat names, ready for safetensors."""
        stored = {f"promise.{name}": values for name, values in stored_guarantee(self.guarantee)[1].items()}
        for place, part in enumerate(self.parts):
            stored |= {f"{place}.map.{name}": values for name, values in part.surprise.tensors().items()}
            stored |= {f"{place}.score.{name}": values for name, values in part.score.tensors().items()}
        if self.rarity is not None:
            stored |= {f"rarity.{name}": values for name, values in self.rarity.tensors().items()}
        if self.nodes is not None:
            stored |= {f"nodes.{name}": values for name, values in self.nodes.tensors().items()}
        if self.novel is not None:
            stored |= {"novel.intercept": self.novel.intercept, "novel.slope": self.novel.slope}
        for place, fold in enumerate(self.folds):
            stored |= {f"fold.{place}.weight": fold.weight, f"fold.{place}.bias": fold.bias}
            stored |= {f"fold.{place}.gate.{name}": values for name, values in fold.gate.tensors().items()}
        return {name: values.contiguous() for name, values in stored.items()}

    def settings(self) -> dict[str, Any]:
        """Everything else, as JSON can hold it."""
        return {
            "scores": [{"name": part.name, "options": dict(part.options)} for part in self.parts],
            "combine": self.combine,
            "shape": list(self.shape),
            "promise": stored_guarantee(self.guarantee)[0],
            "knows_nodes": self.plan is not None,
            "nodes": None if self.nodes is None else self.nodes.settings(),
            "detections": [asdict(one) | {"scores": list(one.scores)} for one in self.detections],
            "folds": [fold.gate.settings() for fold in self.folds],
        }

    @classmethod
    def from_parts(
        cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor], plan: DagPlan | None = None
    ) -> Gate:
        """The gate that gave these `settings` and `tensors`.

        Args:
            settings: from `settings`.
            tensors: from `tensors`.
            plan: the compiled taxonomy, for a gate that knew of its nodes.

        Raises:
            BundleError: when they are not whole, not finite, or do not fit each other.
        """
        try:
            gate = cls._assembled(settings, tensors, plan)
            size, classes = gate.shape
            blank = gate.read(Evidence(torch.zeros(1, size), torch.zeros(1, classes)))
        except BundleError:
            raise
        except (HierclfError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise BundleError(f"the stored gate's settings and tensors do not belong together ({error})") from error
        if not (blank.statistic.score_B.isfinite().all() and blank.surprise_BN.isfinite().all()):
            raise BundleError("the stored gate gives a score that is not finite; its tensors are damaged")
        return gate

    @classmethod
    def _assembled(cls, settings: Mapping[str, Any], tensors: Mapping[str, Tensor], plan: DagPlan | None) -> Gate:
        size, classes = map(int, settings["shape"])
        if not (0 < size <= LARGEST and 0 < classes <= LARGEST):
            raise BundleError(f"the stored gate reads {size} numbers and {classes} logits, which no model gives")
        parts = []
        for place, stored in enumerate(settings["scores"]):
            score = load_score(stored["name"], stored["options"], under(f"{place}.score.", tensors))
            surprise = PValueMap(**under(f"{place}.map.", tensors)).checked()
            parts.append(GatePart(stored["name"], dict(stored["options"]), score, surprise))
        unique_names([part.name for part in parts])
        combinations[settings["combine"]]
        if "promise" not in settings:  # folders of the first versions
            usual = Average(keep=checked_keep(settings["keep"]), scores=sorted_scores(tensors["calibration_scores"]))
            return cls(parts=tuple(parts), combine=settings["combine"], shape=(size, classes), guarantee=usual)
        plan = plan if settings["knows_nodes"] else None
        rarity, novel = under("rarity.", tensors), under("novel.", tensors)
        nodes = None
        if settings["nodes"] is not None:
            if plan is None:
                raise BundleError("the stored gate has gates at nodes of a taxonomy that is not there")
            nodes = NodeGates.from_parts(settings["nodes"], under("nodes.", tensors), plan, size=size)
        if novel and plan is None:
            raise BundleError("the stored gate has chances of novelty at nodes of a taxonomy that is not there")
        folds = [
            Fold(
                gate=cls._assembled(one, under(f"fold.{place}.gate.", tensors), plan),
                weight=tensors[f"fold.{place}.weight"],
                bias=tensors[f"fold.{place}.bias"],
            )
            for place, one in enumerate(settings["folds"])
        ]
        return cls(
            parts=tuple(parts),
            combine=settings["combine"],
            shape=(size, classes),
            guarantee=loaded_guarantee(settings["promise"], under("promise.", tensors)),
            plan=plan,
            rarity=PValueMap(**rarity).checked() if rarity else None,
            nodes=nodes,
            novel=NovelMap(**novel).checked(plan) if novel and plan is not None else None,
            detections=tuple(Detection(**one | {"scores": tuple(one["scores"])}) for one in settings["detections"]),
            folds=tuple(folds),
        )


def unique_names(names: Sequence[str]) -> None:
    """Refuse no score at all, and the same score twice.

    Raises:
        ConfigError: in these cases.
    """
    if not names:
        raise ConfigError("expected at least one gate score, got none; for instance scores=('mahalanobis++', 'knn')")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"expected each gate score once, got {', '.join(twice)} more than once")


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose name starts with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
