"""Free energy: a soft version of the largest logit.

B images, C known leaf classes
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.gates.score import logit_score


@logit_score("energy")
def energy_score(logits_BC: Tensor, *, temperature: float = 1.0) -> Tensor:
    """How unknown each image looks: ``-T logsumexp(logits / T)``, shape ``(B,)``.

    Liu et al., *Energy-based Out-of-distribution Detection*, NeurIPS 2020, arXiv:2010.03759.

    >>> energy_score(torch.tensor([[4.0, 0.0], [1.0, 1.0]]))
    tensor([-4.0181, -1.6931])
    """
    return -temperature * torch.logsumexp(logits_BC / temperature, dim=1)
