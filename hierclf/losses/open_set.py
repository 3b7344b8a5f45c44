"""Losses on images that are known to be none of the classes."""

from __future__ import annotations

from torch import Tensor

# B images, L leaves


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
