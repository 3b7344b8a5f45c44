"""Maximum softmax probability: the oldest baseline.

B images, C known leaf classes
"""

from __future__ import annotations

from torch import Tensor

from hierclf.gates.score import logit_score


@logit_score("msp")
def msp_score(logits_BC: Tensor) -> Tensor:
    """How unknown each image looks: ``-max softmax(logits)``, shape ``(B,)``, between -1 and ``-1 / C``.

    With a single class the probability is always 1, so the score is -1 for every image and says nothing.

    Hendrycks and Gimpel, *A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
    Networks*, ICLR 2017, arXiv:1610.02136.

    >>> import torch
    >>> msp_score(torch.tensor([[2.0, 2.0], [9.0, -9.0]]))
    tensor([-0.5000, -1.0000])
    """
    return -logits_BC.softmax(dim=1).amax(dim=1)
