"""Features that a loss on the embedding has shaped: alone, or beside the classification loss.

*Alone*: siamese (contrastive), triplet or supervised contrastive features with a one-class machine for each class,
which these losses draw together, or nearest neighbours; a flat softmax is fitted on the finished features, so that they
can tell the classes apart as well.
*Beside*: fine-tuning with a second objective, triplet semi-hard, that hangs off the feature layer.

Contrastive: Hadsell, Chopra and LeCun, *Dimensionality Reduction by Learning an Invariant Mapping*, CVPR 2006. Triplet
semi-hard: Schroff, Kalenichenko and Philbin, *FaceNet*, CVPR 2015, arXiv:1503.03832. SupCon: Khosla et al., *Supervised
Contrastive Learning*, NeurIPS 2020, arXiv:2004.11362.
"""

from __future__ import annotations

from typing import Any

from hierclf.strategies.flat import FLAT
from hierclf.strategies.one_class import machine
from hierclf.strategies.projected import fit_features
from hierclf.strategies.strategy import Strategy

LOSSES = {"contrastive": "siamese", "triplet_semihard": "triplet semi-hard", "supcon": "SupCon"}
"""Losses on the embedding, and what people call their features."""

GATES: dict[str, tuple[str, list[Any]]] = {
    "svm": ("one-class SVM per class", machine("rbf", per_class=True)),
    "knn": ("nearest neighbours", ["knn"]),
}


def shaped(title: str, gate: list[Any], **settings: Any) -> Strategy:
    """A flat softmax on features that a loss shapes, learnt from known images alone."""
    return Strategy(title=title, fit_with=fit_features, settings={**FLAT, "gate": gate, **settings}, uses_other=False)


RECIPES: dict[str, Strategy] = {
    f"{loss.removesuffix('_semihard')}_{gate}": shaped(
        f"{features} features + {words}", scores, classification_weight=0.0, embedding_loss=loss
    )
    for loss, features in LOSSES.items()
    for gate, (words, scores) in GATES.items()
} | {
    f"second_triplet_{gate}": shaped(
        f"second objective triplet semi-hard + {words}",
        [gate],
        embedding_loss="triplet_semihard",
        embedding_weight=1.0,
    )
    for gate, words in (("msp", "threshold"), ("knn", "nearest neighbours"))
}
