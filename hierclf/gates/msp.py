"""Maximum softmax probability: the oldest baseline.

B images, C known leaf classes
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.gates.score import logit_score


@logit_score("msp", reads_single=True)
def msp_score(logits_BC: Tensor) -> Tensor:
    """How unknown each image looks: ``-max softmax(logits)``, float64, shape ``(B,)``, between -1 and ``-1 / C``.

    With a single class the probability is always 1, so the score is -1 for every image and says nothing. Where one
    class takes nearly all, the others are summed instead: 1 - 1e-12 is not 1, and float32 could not tell.

    Hendrycks and Gimpel, *A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
    Networks*, ICLR 2017, arXiv:1610.02136.

    >>> msp_score(torch.tensor([[2.0, 2.0], [9.0, -9.0]]))
    tensor([-0.5000, -1.0000], dtype=torch.float64)
    """
    p_BC = logits_BC.softmax(dim=1)
    top_B = p_BC.amax(dim=1)
    other_B = torch.threshold_(p_BC.neg_(), -0.5, 0.0).sum(dim=1)  # minus the probabilities below 1/2
    return torch.where(top_B > 0.5, -1 - other_B.double(), -top_B.double())
