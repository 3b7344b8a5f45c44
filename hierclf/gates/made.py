"""The made head: what is none of the classes, learnt from images that were made out of images of the classes.

Mirrored and turned glyphs, say, see `hierclf.negatives`. It needs no image of other, but it knows only what a
transformation can show, so leave-one-child-out has to tell whether it is of use beside a one-class score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Generator, Tensor

from hierclf.errors import DataError
from hierclf.gates.evidence import Evidence
from hierclf.gates.outlier import OutlierHead
from hierclf.gates.score import FittedScore, Score, scores


@scores.register("made")
@dataclass(frozen=True, kw_only=True)
class MadeHead(Score):
    """Log odds of negatives against known images, by the logistic regression of `OutlierHead`.

    Args:
        known_as: see `OutlierHead`.
        made_as: "one" class, or "kinds": each transformation of each class on its own.
        penalty: see `OutlierHead`.
        groups: see `OutlierHead`.
        most: see `OutlierHead`.
    """

    needs_other: ClassVar[bool] = True

    known_as: Literal["one", "classes"] = "classes"
    made_as: Literal["one", "kinds"] = "kinds"
    penalty: float = 0.01
    groups: int = 32
    most: int = 10_000

    def __post_init__(self) -> None:
        self._head()

    @property
    def learns(self) -> tuple[str, ...]:
        """As `OutlierHead`."""
        return self._head().learns

    def fit(self, known: Evidence, generator: Generator, other: Evidence | None = None) -> FittedScore:
        """Learn from known images and from negatives, which take the place of images of other.

        Raises:
            DataError: without negatives, or for the reasons of `Score.fit`.
        """
        if not other:
            raise DataError(
                "the score 'made' learns from negatives, and none were made; set negatives='auto' or name "
                "transformations, or leave this score out"
            )
        return super().fit(known, generator, other)

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """As `OutlierHead.learn`, with the kinds of negatives as kinds of other."""
        return self._head().learn(known, generator, other)

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """Log odds of a negative."""
        return self._head().measure(evidence, learnt)

    def _head(self) -> OutlierHead:
        return OutlierHead(
            known_as=self.known_as,
            other_as=self.made_as,
            penalty=self.penalty,
            groups=self.groups,
            most=self.most,
        )
