"""Distance between nodes in hops, and its mean balanced over classes.

hd(u, v) is the number of edges from u up to a common ancestor and down to v, through the common ancestor that makes it
smallest. On a tree there is one way; on a DAG this is the best one.

Where targets of unseen kinds go: an image of an unseen leaf belongs at its closest known ancestor, an image that is far
out of scope at the root. *BMHD*, the balanced mean hierarchical distance, is the mean over target nodes of the target's
mean hd; *Mix* is the mean of its values on known and on novel images, so that neither all-refusing nor all-accepting
looks good.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hierclf.metrics.ancestry import Ancestry, Bools, Floats, Ints, node_ids, per_pair

# B images, Q pairs, U distinct pairs, N nodes, K ancestors

FAR = np.iinfo(np.int64).max


def hop_distance(first_Q: npt.ArrayLike, second_Q: npt.ArrayLike, ancestry: Ancestry) -> Ints:
    """hd(u, v) = min over common ancestors c of hops(u, c) + hops(v, c), int64 of shape ``(Q,)``.

    Only the distinct pairs among those asked for are computed, so a taxonomy of any size will do.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]}))
    >>> zero, one, a = 3, 4, 5
    >>> hop_distance([zero, zero, zero], [zero, one, a], Ancestry.from_plan(plan))
    array([0, 2, 4])
    """

    def fewest(first_U: Ints, second_U: Ints) -> Ints:
        first_UK, up_UK = ancestry.ancestor_NK[first_U], ancestry.hops_NK[first_U]
        best_U = np.full(len(first_U), FAR)
        for ancestor_u, down_u in zip(ancestry.ancestor_NK[second_U].T, ancestry.hops_NK[second_U].T, strict=True):
            same_UK = (first_UK == ancestor_u[:, None]) & (first_UK >= 0)
            np.minimum(best_U, np.where(same_UK, up_UK + down_u[:, None], FAR).min(axis=1), out=best_U)
        return best_U

    return per_pair(fewest, first_Q, second_Q, ancestry)


def distance_matrix(row_R: npt.ArrayLike, column_C: npt.ArrayLike, ancestry: Ancestry) -> Ints:
    """hd between every row node and every column node, int64 of shape ``(R, C)``."""
    rows_R, columns_C = node_ids(row_R, ancestry), node_ids(column_C, ancestry)
    pairs = np.repeat(rows_R, len(columns_C)), np.tile(columns_C, len(rows_R))
    return hop_distance(*pairs, ancestry).reshape(len(rows_R), len(columns_C))


def balanced_distance(
    decided_B: npt.ArrayLike, target_B: npt.ArrayLike, ancestry: Ancestry, class_B: npt.ArrayLike | None = None
) -> float:
    """BMHD: the mean over classes of the mean hd(ŷ, target) of the class's images; NaN without images.

    Args:
        decided_B: node ids, shape ``(B,)``.
        target_B: node ids, shape ``(B,)``.
        ancestry: the taxonomy's tables.
        class_B: whole numbers that tell the classes apart, shape ``(B,)``; None: images of one target are one class.
    """
    distance_B = hop_distance(decided_B, target_B, ancestry).astype(np.float64)
    return class_mean(distance_B, target_B if class_B is None else class_B)


def balanced_accuracy(decided_B: npt.ArrayLike, target_B: npt.ArrayLike, class_B: npt.ArrayLike | None = None) -> float:
    """The mean over classes (or targets) of the share of their images decided at the target; NaN without images."""
    right_B = (np.asarray(decided_B) == np.asarray(target_B)).astype(np.float64)
    return class_mean(right_B, target_B if class_B is None else class_B)


def mix(known: float, novel: float) -> float:
    """The mean of a metric on known and on novel images; NaN when either is undefined."""
    return (known + novel) / 2


def class_mean(value_B: Floats, class_B: npt.ArrayLike) -> float:
    """The mean over classes of the mean over each class's images; NaN without images."""
    class_B = np.asarray(class_B)
    if len(class_B) == 0:
        return float("nan")
    _, place_B = np.unique(class_B, return_inverse=True)
    return float((np.bincount(place_B, weights=value_B) / np.bincount(place_B)).mean())


def closest_known_ancestor(node_B: npt.ArrayLike, known_N: Bools, ancestry: Ancestry) -> Ints:
    """The known node fewest hops above each node, itself if known; of equally close ones the most informative.

    Args:
        node_B: node ids, shape ``(B,)``.
        known_N: which nodes the model knows, shape ``(N,)``; the root always counts as known.
        ancestry: the tables of the whole taxonomy, unseen nodes included.

    Returns:
        Node ids, shape ``(B,)``.
    """
    nodes_B = node_ids(node_B, ancestry)
    known_N = known_N.copy()
    known_N[0] = True
    above_BK = ancestry.ancestor_NK[nodes_B]
    hops_BK = np.where(known_N[above_BK] & (above_BK >= 0), ancestry.hops_NK[nodes_B], FAR)
    closest_B: Ints = above_BK[np.arange(len(nodes_B)), hops_BK.argmin(axis=1)]
    return closest_B
