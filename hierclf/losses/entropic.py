"""An image of other should make every leaf equally likely.

The softmax has no place for "none of these", but it can be undecided. Whether an image looks undecided is what scores
like ``msp`` read, so such a network is meant for them.

B images, the known ones first, M images of other among them, L leaves
"""

from __future__ import annotations

from torch import Tensor

from hierclf.losses.open_set import OpenSetBatch, OtherLoss, other_losses

OUTLIER_EXPOSURE_WEIGHT = 0.5
"""λ of the paper, for images."""

OUTLIER_EXPOSURE_JOINS = 0.5
"""Share of the training after which the term joins in; what came before is the pretraining of the paper.

There, a classifier that has been trained to the end is tuned for some more epochs at a small rate. Here both happen in
one training along one falling rate, so joining in later teaches less.
"""


def entropic_open_set_loss(leaf_log_probs_BL: Tensor) -> Tensor:
    """Cross-entropy to the uniform distribution over the leaves: ``-mean_y log p(y)``, averaged over the images.

    Args:
        leaf_log_probs_BL: log-probabilities of images of "other", shape ``(B, L)``.

    Returns:
        A scalar, at least ``log L``; 0 for an empty batch.

    Dhamija, Günther and Boult, *Reducing Network Agnostophobia*, NeurIPS 2018, arXiv:1811.04110; the same term is the
    outlier exposure of Hendrycks et al., ICLR 2019, arXiv:1812.04606.
    """
    if len(leaf_log_probs_BL) == 0:
        return leaf_log_probs_BL.sum()
    return -leaf_log_probs_BL.mean()


def entropic_term(batch: OpenSetBatch) -> Tensor:
    """`entropic_open_set_loss` of the images of other, each with its share: ``Σ_m share_m·(-mean_l log p_ml)``.

    p is the softmax of the leaf scores. The loss of the known images is their cross-entropy, which is the
    classification loss, so the two together are the published J_E; there, each image of a batch counts alike, here
    each side does.

    Dhamija, Günther and Boult, *Reducing Network Agnostophobia*, NeurIPS 2018, arXiv:1811.04110.
    """
    log_probs_ML = batch.leaf_BL[batch.known :].log_softmax(1)
    total: Tensor = (batch.share_M * -log_probs_ML.mean(1)).sum()
    return total


other_losses.register("entropic")(OtherLoss(term=entropic_term))
# Hendrycks, Mazeika and Dietterich, Deep Anomaly Detection with Outlier Exposure, ICLR 2019, arXiv:1812.04606
other_losses.register("outlier_exposure")(
    OtherLoss(term=entropic_term, weight=OUTLIER_EXPOSURE_WEIGHT, joins=OUTLIER_EXPOSURE_JOINS)
)
