"""The most probable leaves of each image, best first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hierclf.errors import DataError
from hierclf.metrics.ancestry import CELLS_AT_ONCE, Ancestry, Ints

# B images, N nodes, C best leaves

LOWEST = float(np.finfo(np.float64).min)


def best_leaves(node_log_probs_BN: npt.ArrayLike, ancestry: Ancestry, count: int = 1) -> Ints:
    """Node ids of the ``count`` most probable leaves, shape ``(B, C)``; equals in the order of the nodes.

    Args:
        node_log_probs_BN: log memberships, shape ``(B, N)``; -inf is welcome.
        ancestry: the taxonomy's tables.
        count: how many; all leaves when there are fewer.

    Raises:
        DataError: the array is not ``(B, N)``.
    """
    log_probs_BN = np.asarray(node_log_probs_BN)
    if log_probs_BN.ndim != 2 or log_probs_BN.shape[1] != ancestry.num_nodes:
        raise DataError(f"expected log-probabilities of shape (B, {ancestry.num_nodes}), got {log_probs_BN.shape}")
    best_BC = np.empty((len(log_probs_BN), min(count, len(ancestry.leaf_L))), dtype=np.int64)
    step = max(1, CELLS_AT_ONCE // len(ancestry.leaf_L))
    for start in range(0, len(best_BC), step):
        rows = slice(start, start + step)
        left_BL = np.maximum(log_probs_BN[rows][:, ancestry.leaf_L], LOWEST)
        for rank in range(best_BC.shape[1]):
            place_B = left_BL.argmax(axis=1)
            best_BC[rows, rank] = ancestry.leaf_L[place_B]
            left_BL[np.arange(len(left_BL)), place_B] = -np.inf  # below every leaf that is left
    return best_BC
