"""Generalised entropy: how spread the class probabilities are, with small ones made to count.

B images, C known leaf classes, M largest of them, X images
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.gates.score import logit_score

FAINT = -60.0  # log of a probability so small that a sum in float32 loses digits of it, though p^γ may still count


@logit_score("gen", reads_single=True)
def gen_score(logits_BC: Tensor, *, gamma: float = 0.1, largest: int = 100) -> Tensor:
    """How unknown each image looks: ``Σ p^γ (1 - p)^γ`` over the ``M`` largest probabilities, float64, shape ``(B,)``.

    Args:
        logits_BC: class logits of any float dtype, shape ``(B, C)``.
        gamma: the smaller, the more the small probabilities count.
        largest: ``M``; all classes where there are fewer.

    With a single class the probability is always 1, so the score is 0 for every image and says nothing.

    Liu, Lochman and Zach, *GEN: Pushing the Limits of Softmax-Based Out-of-Distribution Detection*, CVPR 2023.

    >>> gen_score(torch.tensor([[9.0, 0.0], [1.0, 1.0]]), gamma=0.5)
    tensor([0.0222, 1.0000], dtype=torch.float64)
    """
    log_p_BC = logits_BC.log_softmax(dim=1)
    best_B1 = logits_BC.max(dim=1, keepdim=True).indices
    best_B = log_p_BC.gather(1, best_B1)[:, 0].double()
    p_BC = log_p_BC.scatter_(1, best_B1, -torch.inf).exp()
    # 1 - p of the best as the sum of the others keeps its digits where p is near 1, and most known images lie there
    others_B = p_BC.sum(dim=1).double().log()
    faint_X = (others_B < FAINT).nonzero()[:, 0]
    others_B[faint_X] = log_p_BC[faint_X].logsumexp(dim=1).double()
    if largest < logits_BC.shape[1]:
        log_p_BC = log_p_BC.topk(largest - 1, dim=1).values
        p_BC = log_p_BC.exp()
    spread_BM = log_p_BC.add_(p_BC.neg_().log1p_()).mul_(gamma).exp_()
    return spread_BM.sum(dim=1).double() + (gamma * (best_B + others_B)).exp()
