"""How training learns from images that are none of the classes, by name.

Every way reads one batch, known images first, then those of other (given ones, and negatives that are made of known
images), and gives one number that is added to the classification loss. Both sides are means over their own images, so
they count alike however many of each a batch holds; ``share_M`` says what each image of other counts.

====================  ==================================================================================================
``kinds``             kinds of other compete with the leaves in one softmax
``entropic``          no leaf is likelier than another: cross-entropy to the uniform distribution over the leaves
``outlier_exposure``  the same with half the weight, in the second half of the training
``objectosphere``     ``entropic``, and embeddings of other are short, those of known images long
``none``              nothing is learnt from them
====================  ==================================================================================================

``kinds`` teaches the features, and a layer beside the head that is left behind. The others act on the scores of the
leaves, so what they teach is in the head: it stays as it was trained, and is not fitted anew on the finished features.

An own way is one more entry: ``other_losses.register("name")(OtherLoss(term=function))``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from hierclf.registry import Registry

# B images, the known ones first, M images of other among them, D embedding, L leaves, O kinds of other


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenSetBatch:
    """What one batch shows to a loss on images of other.

    Args:
        embedding_BD: of all images, those of other last.
        leaf_BL: scores of the leaves.
        kinds_BO: scores of the kinds of other, for losses that learn kinds; None for the rest.
        kind_M: the kind of each image of other, int64.
        share_M: what each of them counts, 1 in all.
    """

    embedding_BD: Tensor
    leaf_BL: Tensor
    kinds_BO: Tensor | None
    kind_M: Tensor
    share_M: Tensor

    @property
    def known(self) -> int:
        """Number of known images."""
        return len(self.leaf_BL) - len(self.kind_M)


@dataclass(frozen=True, kw_only=True)
class OtherLoss:
    """A way to learn from images of other.

    Args:
        term: what a batch is minimised for, a scalar; None learns nothing from them.
        weight: what it is multiplied with, on top of the setting ``other_weight``.
        learns_kinds: whether it needs a linear layer on the embedding with one output per kind of other.
        joins: share of the training after which it joins in.
    """

    term: Callable[[OpenSetBatch], Tensor] | None
    weight: float = 1.0
    learns_kinds: bool = False
    joins: float = 0.0


other_losses: Registry[OtherLoss] = Registry("loss on images of other")
other_losses.register("none")(OtherLoss(term=None))
