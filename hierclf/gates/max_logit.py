"""The largest logit: what the classifier says before softmax makes the classes compete.

B images, C known leaf classes
"""

from __future__ import annotations

from torch import Tensor

from hierclf.gates.score import logit_score


@logit_score("max_logit", reads_single=True)
def max_logit_score(logits_BC: Tensor) -> Tensor:
    """How unknown each image looks: ``-max logits``, shape ``(B,)``.

    Hendrycks et al., *Scaling Out-of-Distribution Detection for Real-World Settings*, ICML 2022, arXiv:1911.11132;
    Vaze et al., *Open-Set Recognition: A Good Closed-Set Classifier is All You Need*, ICLR 2022, arXiv:2110.06207.

    >>> import torch
    >>> max_logit_score(torch.tensor([[2.0, 1.0], [-3.0, 7.0]]))
    tensor([-2., -7.])
    """
    return -logits_BC.amax(dim=1)
