"""What favouring a class changed on held-out images, as a value and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MOST_NAMED = 3
"""Classes that pay, in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Payer:
    """A class whose images are recognised less often than before.

    Args:
        name: of the class.
        images: of it that were held out.
        recall_before: share of them that was answered rightly.
        recall_after: share of them that is answered rightly now.
    """

    name: str
    images: int
    recall_before: float
    recall_after: float

    @property
    def words(self) -> str:
        """The loss, short.

        >>> Payer(name="coat", images=40, recall_before=0.8, recall_after=0.725).words
        "'coat' (80.0 → 72.5 %)"
        """
        return f"'{self.name}' ({100 * self.recall_before:.1f} → {100 * self.recall_after:.1f} %)"


@dataclass(frozen=True, kw_only=True)
class Favoured:
    """A favoured class: how much its odds were raised, what that brought, and who pays.

    Everything was counted on images that the answering head has not learnt from, each image once, in the proportions
    of the images to learn from: with other proportions the recall stays and the precision does not. The gates are left
    aside.

    Args:
        node: the favoured class or meta-class.
        factor: what its odds are multiplied by; 1 changes nothing.
        wanted: the precision that was asked for.
        reached: whether the factor has it.
        images: that were held out.
        images_of_node: those of them that are of the node.
        recall_before: share of the node's images that was said to be the node.
        recall_after: the same with the factor.
        recall_error: standard error of the difference of the two, paired over images.
        precision_before: share of what was said to be the node that is; None where nothing was.
        precision_after: the same with the factor.
        others_before: share of all other images that was answered rightly; None without any.
        others_after: the same with the factor.
        others_error: standard error of the difference, paired over images.
        payers: the classes that lose, the greatest loss of recall first.
        too_few: whether so few of the node's images were held out that nothing was tried.
    """

    node: str
    factor: float
    wanted: float
    reached: bool
    images: int
    images_of_node: int
    recall_before: float
    recall_after: float
    recall_error: float
    precision_before: float | None
    precision_after: float | None
    others_before: float | None = None
    others_after: float | None = None
    others_error: float | None = None
    payers: tuple[Payer, ...] = ()
    too_few: bool = False

    @property
    def sentence(self) -> str:
        """What was chosen, what it brings and what it costs, in words.

        >>> Favoured(
        ...     node="shirt", factor=2.0, wanted=0.6, reached=True, images=1200, images_of_node=100, recall_before=0.6,
        ...     recall_after=0.75, recall_error=0.036, precision_before=0.72, precision_after=0.61, others_before=0.9,
        ...     others_after=0.885, others_error=0.004,
        ...     payers=(Payer(name="coat", images=40, recall_before=0.8, recall_after=0.725),),
        ... ).sentence
        "Favoured 'shirt': its odds are multiplied by 2. On 1,200 held-out images (100 of it) its recall goes from
        60.0 to 75.0 % (+15.0 ± 3.6), its precision from 72.0 to 61.0 % (at least 60 % was asked for). The price: of
        all others 90.0 → 88.5 % are right (-1.5 ± 0.4); most is lost by 'coat' (80.0 → 72.5 %)."
        """
        if self.too_few:
            return (
                f"'{self.node}' was not favoured: {self.images_of_node} of its images could be held out, too few to "
                "measure what a weight does. Add images of it."
            )
        where = f"{self.images:,} held-out images ({self.images_of_node:,} of it)"
        if self.factor == 1:
            have = f"recall {_percent(self.recall_before)}, precision {_percent(self.precision_before)} on {where}"
            why = (
                f"no weight raises its recall beyond chance at a precision of at least {100 * self.wanted:g} %"
                if self.reached
                else f"no weight reaches a precision of {100 * self.wanted:g} %"
            )
            return f"'{self.node}' keeps its odds: {why} ({have})."
        begin = (
            f"Favoured '{self.node}': its odds are multiplied"
            if self.factor > 1
            else f"'{self.node}' is said too often for the precision: its odds are multiplied"
        )
        return (
            f"{begin} by {self.factor:.3g}. On {where} its recall goes from "
            f"{100 * self.recall_before:.1f} to {_percent(self.recall_after)} "
            f"({_signed(self.recall_after - self.recall_before, self.recall_error)}), its precision from "
            f"{_number(self.precision_before)} to {_percent(self.precision_after)} (at least {100 * self.wanted:g} % "
            f"was asked for).{self._price()}"
        )

    def _price(self) -> str:
        if self.others_before is None or self.others_after is None or self.others_error is None:
            return ""
        begin = "The price: of all others" if self.others_after < self.others_before else "Of all others"
        told = (
            f" {begin} {100 * self.others_before:.1f} → {_percent(self.others_after)} are right "
            f"({_signed(self.others_after - self.others_before, self.others_error)})"
        )
        if self.payers:
            told += f"; most is lost by {', '.join(payer.words for payer in self.payers[:MOST_NAMED])}"
        return f"{told}."

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, with the sentence."""
        return asdict(self) | {"payers": [asdict(payer) for payer in self.payers], "sentence": self.sentence}


def _number(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _percent(share: float | None) -> str:
    return "undefined (it is never said)" if share is None else f"{100 * share:.1f} %"


def _signed(difference: float, error: float) -> str:
    return f"{100 * difference + 0.0:+.1f} ± {100 * error:.1f}"
