"""How bad mistakes are: the height of the lowest common ancestor of truth and decision.

The height of a node is the length of the longest path down to a leaf, so a leaf has height 0, taking a beagle for a
basset has the height of *dog*, and taking it for a teapot has the height of the root. On a DAG the lowest common
ancestor is the common ancestor with the largest information. Read these beside the accuracy always: fewer mistakes and
milder mistakes are two things.

Bertinetto, Mueller, Tertikas, Samangooei and Lord, *Making Better Mistakes: Leveraging Class Hierarchies with Deep
Networks*, CVPR 2020, arXiv:1912.09393.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hierclf.errors import DataError
from hierclf.metrics.ancestry import Ancestry, Ints, lowest_common_ancestor

# B images, K best guesses


def severity(decided_B: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry) -> Ints:
    """Height of lca(y, ŷ) for each image, shape ``(B,)``; 0 for a leaf decided rightly."""
    height_B: Ints = ancestry.height_N[lowest_common_ancestor(decided_B, truth_B, ancestry)]
    return height_B


def mistake_severity(decided_B: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry) -> float:
    """Mean height of lca(y, ŷ) over the images with ŷ ≠ y; NaN when there is no mistake.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]}))
    >>> zero, one, a = 3, 4, 5
    >>> mistake_severity([zero, one, a], [zero, zero, zero], Ancestry.from_plan(plan))  # heights 1 and 2
    1.5
    """
    wrong_B = np.asarray(decided_B) != np.asarray(truth_B)
    height_B = severity(decided_B, truth_B, ancestry)
    return float(height_B[wrong_B].mean()) if wrong_B.any() else float("nan")


def hierarchical_distance(ranked_BK: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry) -> float:
    """HD@K: mean height of lca(y, ŷ) over all images and their K best guesses; NaN without images.

    Args:
        ranked_BK: node ids of each image's K best guesses, shape ``(B, K)``.
        truth_B: node ids, shape ``(B,)``.
        ancestry: the taxonomy's tables.

    Raises:
        DataError: the guesses are not ``(B, K)``.
    """
    guesses_BK, truths_B = np.asarray(ranked_BK), np.asarray(truth_B)
    if guesses_BK.ndim != 2 or len(guesses_BK) != len(truths_B):
        raise DataError(f"expected guesses of shape ({len(truths_B)}, K), got {guesses_BK.shape}")
    if guesses_BK.size == 0:
        return float("nan")
    return float(severity(guesses_BK.ravel(), np.repeat(truths_B, guesses_BK.shape[1]), ancestry).mean())
