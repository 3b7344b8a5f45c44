"""The terms on which a model decides: what it promised, on which calibration images, and what it expected of its gates.

>>> Terms().threshold, Terms().alpha
(inf, 0.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from hierclf.gates import Detection, Guarantee, Unbound
from hierclf.gates.guarantee import alpha_of
from hierclf.promises import Promise


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """What a report holds against what was measured; the defaults are a model without a gate or a promise.

    Args:
        guarantee: of the gates, with the calibration images behind it; None without a gate.
        promise: the same in words.
        correct: the promised share of answers that are correct or an ancestor, None when the rule promises nothing.
        correct_on: number of known images behind that promise.
        gated: names of the nodes with a gate, the root first: the columns of a reading's surprise.
        detections: how well they are expected to notice newcomers.
        knows_novelty: whether readings hold a distribution over all places where an image may belong.
        routed: whether the rule has a way of its own to a leaf, which then counts instead of the likeliest.
    """

    guarantee: Guarantee | None = None
    promise: Promise | None = None
    correct: float | None = None
    correct_on: int = 0
    gated: tuple[str, ...] = ()
    detections: tuple[Detection, ...] = ()
    knows_novelty: bool = False
    routed: bool = False

    @property
    def kind(self) -> str:
        """Name of the promise, see `hierclf.gates.guarantee`; empty without a gate."""
        return self.guarantee.name if self.guarantee is not None else ""

    @property
    def threshold(self) -> float:
        """The unknown score above which an image is turned away; infinity where the score alone turns nobody away."""
        return self.guarantee.threshold if self.guarantee is not None else inf

    @property
    def alpha(self) -> float | None:
        """The share of known images that may be turned away: 0 without a gate, None where nothing is promised."""
        if self.guarantee is None:
            return 0.0
        return None if isinstance(self.guarantee, Unbound) else alpha_of(self.guarantee.keep)

    @property
    def turns_nothing_away(self) -> bool:
        """Whether there are gates, but too few calibration images for them to turn anybody away."""
        if self.guarantee is None or isinstance(self.guarantee, Unbound) or self.threshold < inf:
            return False
        return self.kind != "per_class" or (self.promise is not None and not self.promise.holds)
