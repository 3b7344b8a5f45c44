"""How well a node's gate may be expected to notice newcomers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Detection:
    """How well a node's gate noticed children that it was made to forget (leave-one-child-out).

    It is an estimate and no promise: what comes later may be harder to tell, or easier.

    Args:
        node: its name.
        scores: names of the scores that it reads.
        auroc: the chance that an image of a forgotten child looks more unknown than one of its siblings', mean over
            the children.
        standard_error: of that mean; 0 with a single child.
        children: how many were forgotten, one after the other.
    """

    node: str
    scores: tuple[str, ...]
    auroc: float
    standard_error: float
    children: int

    @property
    def sentence(self) -> str:
        """The estimate in words.

        >>> Detection(node="letter", scores=("knn", "gen"), auroc=0.912, standard_error=0.013, children=26).sentence
        'letter: a new child is told from the known ones with AUROC 0.91 ± 0.01 (26 children forgotten in turn, by
        knn + gen)'
        """
        told = "1 child forgotten" if self.children == 1 else f"{self.children} children forgotten in turn"
        return (
            f"{self.node}: a new child is told from the known ones with AUROC {self.auroc:.2f} ± "
            f"{self.standard_error:.2f} ({told}, by {' + '.join(self.scores)})"
        )
