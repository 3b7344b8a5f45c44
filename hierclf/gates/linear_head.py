"""The linear map from embedding to class logits, read off the evidence.

Some scores need the weights and biases of the classifier. Instead of reaching into the head they recover them from
what it said about the known images: by least squares, which is exact for a linear head, and the best linear account of
it for any other (a path through a hierarchy is not linear in the embedding, but nearly so where it matters).

B images, D embedding, C known leaf classes
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.gates.evidence import Evidence

ENOUGH = 5_000  # images, evenly taken from all; more would not make an exact answer better


def linear_head(known: Evidence) -> tuple[Tensor, Tensor]:
    """Weights and biases that map the embeddings to the logits.

    Args:
        known: evidence of at least one image. Directions of the embedding in which the images do not differ get
            weight 0 (the solution of smallest norm).

    Returns:
        Weights, float64, shape ``(C, D)``, and biases, float64, shape ``(C,)``.
    """
    size = known.embedding_BD.shape[1]
    stride = max(1, len(known) // max(ENOUGH, 4 * size))
    embedding_BD, logits_BC = known.embedding_BD[::stride].double(), known.logits_BC[::stride].double()
    mean_D, mean_C = embedding_BD.mean(0), logits_BC.mean(0)
    # The triangular factor of [Z L] holds all that least squares need, at the size of the embedding
    stacked = torch.cat([embedding_BD - mean_D, logits_BC - mean_C], dim=1)
    triangle = torch.linalg.qr(stacked, mode="r").R
    weight_DC = torch.linalg.lstsq(triangle[:, :size], triangle[:, size:], rcond=1e-9, driver="gelsd").solution
    return weight_DC.T.contiguous(), mean_C - mean_D @ weight_DC
