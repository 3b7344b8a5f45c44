"""Free energy: a soft version of the largest logit.

B images, C known leaf classes
"""

from __future__ import annotations

from torch import Tensor

from hierclf.gates.score import logit_score


@logit_score("energy", reads_single=True)
def energy_score(logits_BC: Tensor, *, temperature: float = 1.0) -> Tensor:
    """How unknown each image looks: ``-T logsumexp(logits / T)``, float64, shape ``(B,)``.

    It is read off the softmax, whose largest entry is ``exp(max(l) / T - logsumexp(l / T))``.

    Liu et al., *Energy-based Out-of-distribution Detection*, NeurIPS 2020, arXiv:2010.03759.

    >>> import torch
    >>> energy_score(torch.tensor([[4.0, 0.0], [1.0, 1.0]]))
    tensor([-4.0181, -1.6931], dtype=torch.float64)
    """
    largest_B = logits_BC.amax(dim=1).double()
    scaled_BC = logits_BC if temperature == 1 else logits_BC / temperature
    p_B = scaled_BC.softmax(dim=1).amax(dim=1).double()
    return temperature * p_B.log() - largest_B
