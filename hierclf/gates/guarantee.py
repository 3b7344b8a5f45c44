"""What is promised about the images that a gate turns away, and the calibration images that stand behind it.

==============  ======================================================================================================
``average``     at most a share α of known images is turned away, on average over calibration sets
``confident``   the same for *this* calibration set, with a stated confidence
``per_class``   among the known images that are taken for one class, or for a group of rare ones, at most α
``cross``       every known image both teaches and calibrates: more of them where images are few, a weaker promise
``two_sided``   beside α for known images, at most β of images like those of other are called known; between: uncertain
``none``        nothing is promised: the likeliest place in the taxonomy decides, novelty included
==============  ======================================================================================================

Each is calibrated on one number per image, the statistic of the gate (see `hierclf.gates.gate`), and turns an image
away where its p-value is at most `level`.

B images, n calibration images, m calibration images of other, K folds, N nodes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from math import inf
from typing import Any, ClassVar, Protocol

from torch import Tensor

from hierclf.errors import BundleError, CalibrationError
from hierclf.gates.promise import GatePromise
from hierclf.promises import (
    ConfidentPromise,
    CrossPromise,
    PerClass,
    Promise,
    RoutePromise,
    TwoSided,
    confident_level,
    confident_threshold,
    conformal_threshold,
    cross_p_values,
    p_values,
)
from hierclf.promises.conformal import raised, sorted_scores
from hierclf.registry import Registry


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistic:
    """One number per image, and what a guarantee may read beside it.

    Args:
        score_B: how unknown the strangest step on the image's route is, float64.
        node_B: the leaf that the image is taken for, node ids, int64.
        fold_BK: the same number by the gate of each fold, float64; no column but for cross-conformal gates.
    """

    score_B: Tensor
    node_B: Tensor
    fold_BK: Tensor

    def __len__(self) -> int:
        return len(self.score_B)


class Guarantee(Protocol):
    """A promise with the calibration images behind it."""

    name: ClassVar[str]

    @property
    def keep(self) -> float:
        """Share of known images that must not be turned away."""
        ...

    @property
    def scores(self) -> Tensor:
        """Statistic of the calibration images, float64, shape ``(n,)``."""
        ...

    @property
    def level(self) -> float:
        """An image is turned away where its p-value is at most this."""
        ...

    @property
    def threshold(self) -> float:
        """The statistic above which an image is turned away; infinity where nobody is."""
        ...

    def p_value(self, statistic: Statistic) -> Tensor:
        """Conformal p-values, float64, shape ``(B,)``."""
        ...

    def promise(self, gates: int) -> Promise:
        """The promise in words, for so many gates."""
        ...


guarantees: Registry[type[Any]] = Registry("promise")


def alpha_of(keep: float) -> float:
    """The share that may be turned away: 1 - keep, as the decimal that was written."""
    return float(1 - Fraction(repr(float(keep))))


@guarantees.register("average")
@dataclass(frozen=True, kw_only=True, eq=False)
class Average:
    """At most α of known images are turned away, on average over calibration sets.

    Args:
        keep: share of known images that must not be turned away.
        scores: statistic of the calibration images, ascending, float64, shape ``(n,)``.
    """

    name: ClassVar[str] = "average"
    keep: float
    scores: Tensor

    @property
    def level(self) -> float:
        """α itself."""
        return alpha_of(self.keep)

    @cached_property
    def threshold(self) -> float:
        """See `hierclf.promises.conformal_threshold`."""
        return conformal_threshold(raised(self.scores), alpha_of(self.keep))

    def p_value(self, statistic: Statistic) -> Tensor:
        """See `hierclf.promises.p_values`; rounding tells no image from itself."""
        return p_values(raised(self.scores), statistic.score_B)

    def promise(self, gates: int) -> Promise:
        """For the root's gate alone, or for all gates of the route together."""
        alpha, count = alpha_of(self.keep), len(self.scores)
        return GatePromise(alpha, count) if gates == 1 else RoutePromise(alpha=alpha, n=count, gates=gates)


@guarantees.register("confident")
@dataclass(frozen=True, kw_only=True, eq=False)
class Confident:
    """With a stated confidence, at most α of known images are turned away by this very gate.

    Args:
        keep: share of known images that must not be turned away.
        scores: statistic of the calibration images, ascending, float64, shape ``(n,)``.
        confidence: how sure the promise is, over the choice of calibration images.
    """

    name: ClassVar[str] = "confident"
    keep: float
    scores: Tensor
    confidence: float = 0.95

    @property
    def level(self) -> float:
        """A p-value smaller than α; 0 where there are too few images."""
        return confident_level(len(self.scores), alpha_of(self.keep), 1 - self.confidence)

    @cached_property
    def threshold(self) -> float:
        """See `hierclf.promises.confident_threshold`."""
        return confident_threshold(raised(self.scores), alpha_of(self.keep), 1 - self.confidence)

    def p_value(self, statistic: Statistic) -> Tensor:
        """As for `Average`."""
        return p_values(raised(self.scores), statistic.score_B)

    def promise(self, gates: int) -> Promise:
        """See `hierclf.promises.ConfidentPromise`."""
        return ConfidentPromise(alpha=alpha_of(self.keep), delta=round(1 - self.confidence, 12), n=len(self.scores))


@guarantees.register("per_class")
@dataclass(frozen=True, kw_only=True, eq=False)
class ForEachClass:
    """Among the known images that are taken for one class, or one group of rare classes, at most α are turned away.

    Args:
        keep: share of known images that must not be turned away.
        scores: statistic of the calibration images, in the order of `nodes`, float64, shape ``(n,)``.
        nodes: the leaf that each is taken for, int64, shape ``(n,)``.
        pools: for each node the node whose group calibrates it, int64, shape ``(N,)``.
        leaves: node ids of the classes, int64.
    """

    name: ClassVar[str] = "per_class"
    keep: float
    scores: Tensor
    nodes: Tensor
    pools: Tensor
    leaves: Tensor

    @cached_property
    def groups(self) -> PerClass:
        """The calibration images by group."""
        return PerClass.calibrated(raised(self.scores), self.nodes, self.pools)

    @property
    def level(self) -> float:
        """α itself."""
        return alpha_of(self.keep)

    @cached_property
    def threshold(self) -> float:
        """The largest of the groups' thresholds: whatever is above it is turned away, whatever it is taken for."""
        return float(self.groups.thresholds(alpha_of(self.keep))[self.leaves].max())

    def p_value(self, statistic: Statistic) -> Tensor:
        """Within the group of the class that each image is taken for."""
        return self.groups.p_values(statistic.score_B, statistic.node_B)

    def promise(self, gates: int) -> Promise:
        """See `hierclf.promises.PerClassPromise`."""
        return self.groups.promise(alpha_of(self.keep), self.leaves)


@guarantees.register("cross")
@dataclass(frozen=True, kw_only=True, eq=False)
class Cross:
    """Every known image teaches and calibrates; the promise is weaker, see `hierclf.promises.CrossPromise`.

    Args:
        keep: share of known images that must not be turned away.
        scores: statistic of each known image by the gate of its fold, float64, shape ``(n,)``.
        folds: fold of each, 0 to K - 1, int64, shape ``(n,)``.
    """

    name: ClassVar[str] = "cross"
    keep: float
    scores: Tensor
    folds: Tensor

    @property
    def level(self) -> float:
        """α itself."""
        return alpha_of(self.keep)

    @cached_property
    def threshold(self) -> float:
        """Where the mean of the folds' statistics is turned away, roughly: the p-value decides."""
        return conformal_threshold(raised(self.scores), alpha_of(self.keep))

    def p_value(self, statistic: Statistic) -> Tensor:
        """See `hierclf.promises.cross_p_values`."""
        return cross_p_values(raised(self.scores), self.folds, statistic.fold_BK)

    def promise(self, gates: int) -> Promise:
        """See `hierclf.promises.CrossPromise`."""
        return CrossPromise(alpha=alpha_of(self.keep), n=len(self.scores), folds=int(self.folds.max()) + 1)


@guarantees.register("two_sided")
@dataclass(frozen=True, kw_only=True, eq=False)
class BothSides:
    """At most α of known images are called other, at most β of images like those of other are called known.

    Args:
        keep: share of known images that must not be called other.
        scores: statistic of the known calibration images, ascending, float64, shape ``(n,)``.
        other: statistic of images of other kept for this alone, ascending, float64, shape ``(m,)``.
        other_accepted: β.
    """

    name: ClassVar[str] = "two_sided"
    keep: float
    scores: Tensor
    other: Tensor
    other_accepted: float = 0.05

    @cached_property
    def zones(self) -> TwoSided:
        """The two thresholds."""
        return TwoSided.calibrated(
            raised(self.scores), lowered(self.other), alpha=alpha_of(self.keep), beta=self.other_accepted
        )

    @property
    def level(self) -> float:
        """α itself."""
        return alpha_of(self.keep)

    @property
    def threshold(self) -> float:
        """The upper one."""
        return self.zones.upper

    def p_value(self, statistic: Statistic) -> Tensor:
        """As for `Average`."""
        return p_values(raised(self.scores), statistic.score_B)

    def uncertain(self, statistic: Statistic) -> Tensor:
        """Which images lie between the thresholds, bool, shape ``(B,)``."""
        return self.zones.zones(statistic.score_B) == 1

    def promise(self, gates: int) -> Promise:
        """See `hierclf.promises.TwoSided`."""
        return self.zones


@dataclass(frozen=True, kw_only=True)
class NoPromise:
    """Nothing is promised."""

    holds: bool = True
    sentence: str = (
        "Nothing is promised: an image is turned away where it most likely belongs to none of the known classes."
    )


@guarantees.register("none")
@dataclass(frozen=True, kw_only=True, eq=False)
class Unbound(Average):
    """No promise: p-values are told, but the likeliest place in the taxonomy decides."""

    name: ClassVar[str] = "none"

    @property
    def level(self) -> float:
        """No p-value is as small: nobody is turned away for it."""
        return 0.0

    @property
    def threshold(self) -> float:
        """None."""
        return inf

    def promise(self, gates: int) -> Promise:
        """None."""
        return NoPromise()


def stored_guarantee(guarantee: Guarantee) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A guarantee as settings that JSON can hold, and tensors."""
    values = {one.name: getattr(guarantee, one.name) for one in fields(guarantee)}  # type: ignore[arg-type]  # all are
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    plain = {name: value for name, value in values.items() if name not in tensors and name != "name"}
    return {"name": guarantee.name, **plain}, tensors


def loaded_guarantee(settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Guarantee:
    """The guarantee that gave these.

    Raises:
        BundleError: they do not belong together.
    """
    options = {name: value for name, value in settings.items() if name != "name"}
    kind = guarantees[settings["name"]]
    if set(options) | set(tensors) != set(kind.__dataclass_fields__) - {"name"}:
        raise BundleError(f"the stored promise {settings['name']!r} is not whole; save the model anew")
    for name, values in tensors.items():
        if values.ndim != 1 or (values.is_floating_point() and values.isnan().any()):
            raise BundleError(f"the stored promise {settings['name']!r} holds {name} of the wrong shape, or NaN")
    checked_keep(options["keep"])
    guarantee: Guarantee = kind(**options, **tensors)
    guarantee.promise(1)
    return guarantee


def checked_keep(keep: float) -> float:
    """The share to keep, if it lies between 0 and 1.

    Raises:
        CalibrationError: when it does not.
    """
    if not 0 < keep < 1:
        raise CalibrationError(
            f"expected keep (the share of known images not turned away) above 0 and below 1, got {keep}"
        )
    return float(keep)


def lowered(other_scores: Tensor) -> Tensor:
    """Scores of images of other lowered by a hair, for the reason for which those of known images are `raised`."""
    return sorted_scores(-raised(-other_scores.double()))
