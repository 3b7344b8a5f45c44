"""Generalised entropy: how spread the class probabilities are, with small ones made to count.

B images, C known leaf classes, M largest of them
"""

from __future__ import annotations

from torch import Tensor

from hierclf.gates.score import logit_score


@logit_score("gen")
def gen_score(logits_BC: Tensor, *, gamma: float = 0.1, largest: int = 100) -> Tensor:
    """How unknown each image looks: ``Σ p^γ (1 - p)^γ`` over the ``M`` largest probabilities, shape ``(B,)``.

    Args:
        logits_BC: class logits of any float dtype, shape ``(B, C)``.
        gamma: the smaller, the more the small probabilities count.
        largest: ``M``; all classes where there are fewer.

    With a single class the probability is always 1, so the score is 0 for every image and says nothing.

    Liu, Lochman and Zach, *GEN: Pushing the Limits of Softmax-Based Out-of-Distribution Detection*, CVPR 2023.

    >>> import torch
    >>> gen_score(torch.tensor([[9.0, 0.0], [1.0, 1.0]]), gamma=0.5)
    tensor([0.0222, 1.0000])
    """
    log_p_BC = logits_BC.log_softmax(dim=1)
    log_p_BM = log_p_BC.topk(min(largest, logits_BC.shape[1]), dim=1).values
    # 1 - p through expm1 keeps its digits where p is near 1, which is where most known images lie
    return (gamma * log_p_BM).exp().mul((-log_p_BM.expm1()).pow(gamma)).sum(dim=1)
