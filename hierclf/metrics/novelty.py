"""Known classes and unseen ones judged together: is each image sent to where it belongs in the taxonomy?

An image of a known class belongs at that class. An image of a class that the model has never seen belongs at the
closest ancestor of its class that the model knows (`closest_known_ancestor`), and an image that is out of scope
altogether at the root. So every image has a target node, every decision is a node, and hd, the hops between the two,
says how far off a decision is. Averaged over the classes it is BMHD, the balanced mean hierarchical distance, one for
the known and one for the novel images; its mean over both, Mix, rewards neither a model that refuses everything nor one
that refuses nothing.

A model that gives every node a *stop probability* (a leaf: "it is this class"; an internal node: "it is below here, but
none of the children that I know") can be judged at every operating point: a bias added to all novel nodes trades known
images for novel ones, which is the known-novel curve.

The stop distribution and both measures: Lee, Lee, Min, Zhang, Shin and Lee, *Hierarchical Novelty Detection for Visual
Object Recognition*, CVPR 2018, arXiv:1804.00722 (the curve); Wallin, Kahl and Hammarstrand, *ProHOC: Probabilistic
Hierarchical Out-of-Distribution Classification via Multi-Depth Networks*, CVPR 2025, arXiv:2503.21397 (BMHD).

>>> from hierclf.dag import compile_plan
>>> from hierclf.taxonomy import Taxonomy
>>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]}))
>>> sign, digit, letter, zero, one = range(5)
>>> decided, target, novel = [zero, digit, zero, sign], [zero, one, digit, sign], [False, False, True, True]
>>> novelty_scores(decided, target, novel, Ancestry.from_plan(plan)).bmhd_mix  # of 1/2 for known, 1/2 for novel
0.5
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hierclf.errors import DataError
from hierclf.metrics.ancestry import Ancestry, Bools, lowest_common_ancestor, node_ids
from hierclf.metrics.distance import balanced_accuracy, balanced_distance, mix
from hierclf.metrics.open_set import Curve, known_novel_curve

# B images, N nodes


class NoveltyScores(NamedTuple):
    """How far and how often decisions miss their target, each class counting the same; NaN where undefined.

    Args:
        bmhd_known: hops between decision and target for images of known classes; smaller is better.
        bmhd_novel: the same for images of unseen classes.
        bmhd_mix: the mean of these two.
        balanced_accuracy_known: share of images of known classes decided exactly at their target.
        balanced_accuracy_novel: the same for images of unseen classes.
        balanced_accuracy_mix: the mean of these two.
    """

    bmhd_known: float
    bmhd_novel: float
    bmhd_mix: float
    balanced_accuracy_known: float
    balanced_accuracy_novel: float
    balanced_accuracy_mix: float


def novelty_scores(
    decided_B: npt.ArrayLike,
    target_B: npt.ArrayLike,
    novel_B: npt.ArrayLike,
    ancestry: Ancestry,
    class_B: npt.ArrayLike | None = None,
) -> NoveltyScores:
    """BMHD and balanced accuracy for known images, for novel ones, and their means.

    Args:
        decided_B: node ids, shape ``(B,)``; the root where an image was turned away.
        target_B: node ids of where each image belongs, shape ``(B,)``.
        novel_B: which images are of classes that the model has not seen, bool, shape ``(B,)``.
        ancestry: the tables of the taxonomy whose ids these are.
        class_B: whole numbers that tell the true classes apart, shape ``(B,)``; every class counts the same. Without
            them every *target* does, so that unseen classes that share a target share one place in the mean.

    Returns:
        Six numbers; NaN without images of a kind, and then the means are NaN too.

    Raises:
        DataError: ids that are no nodes, or rows of different length.
    """
    decided_B, target_B = node_ids(decided_B, ancestry), node_ids(target_B, ancestry)
    novel_B = _verdicts(novel_B, len(target_B))
    class_B = target_B if class_B is None else np.asarray(class_B)
    if len(decided_B) != len(target_B) or class_B.shape != target_B.shape:
        raise DataError(
            f"expected a decision and a class for each of {len(target_B)} targets, got {len(decided_B)} decisions and "
            f"classes of shape {class_B.shape}"
        )
    kinds = (~novel_B, novel_B)
    distance_known, distance_novel = (
        balanced_distance(decided_B[kind_B], target_B[kind_B], ancestry, class_B[kind_B]) for kind_B in kinds
    )
    right_known, right_novel = (
        balanced_accuracy(decided_B[kind_B], target_B[kind_B], class_B[kind_B]) for kind_B in kinds
    )
    return NoveltyScores(
        bmhd_known=distance_known,
        bmhd_novel=distance_novel,
        bmhd_mix=mix(distance_known, distance_novel),
        balanced_accuracy_known=right_known,
        balanced_accuracy_novel=right_novel,
        balanced_accuracy_mix=mix(right_known, right_novel),
    )


def stop_curve(
    stop_log_probs_BN: npt.ArrayLike, target_B: npt.ArrayLike, novel_B: npt.ArrayLike, ancestry: Ancestry
) -> Curve:
    """The known-novel curve of a stop distribution, see `known_novel_curve`.

    The best known node of an image is its most probable leaf and its best novel node the most probable internal one,
    the root among them; of equally probable nodes the first. A known image is right where its best leaf is its target
    (or below it, if it is labelled at a meta-class); a novel one where its best internal node is its target.

    Args:
        stop_log_probs_BN: log-probability to stop at each node, shape ``(B, N)``; -inf is welcome, but not for all
            nodes of an image.
        target_B: node ids, shape ``(B,)``.
        novel_B: which images are of classes that the model has not seen, bool, shape ``(B,)``.
        ancestry: the tables of the taxonomy whose ids these are.

    Returns:
        Accuracy on the known (x) and on the novel (y), from nothing novel to everything novel; without points when
        either kind is missing.

    Raises:
        DataError: shapes that do not fit, ids that are no nodes, NaN, or an image that can stop nowhere.
    """
    stop_BN, target_B = np.asarray(stop_log_probs_BN, dtype=np.float64), node_ids(target_B, ancestry)
    novel_B = _verdicts(novel_B, len(target_B))
    if stop_BN.shape != (len(target_B), ancestry.num_nodes):
        raise DataError(
            f"expected stop log-probabilities of shape ({len(target_B)}, {ancestry.num_nodes}), got {stop_BN.shape}"
        )
    internal_I = np.flatnonzero(ancestry.height_N > 0)
    rows = np.arange(len(stop_BN))
    leaf_B, inner_B = (nodes[stop_BN[:, nodes].argmax(axis=1)] for nodes in (ancestry.leaf_L, internal_I))
    known_B, other_B = stop_BN[rows, leaf_B], stop_BN[rows, inner_B]  # NaN is the largest of all to argmax
    impossible_B = np.isneginf(known_B) & np.isneginf(other_B)
    if impossible_B.any() or np.isnan(known_B + other_B).any():
        place = int((impossible_B | np.isnan(known_B) | np.isnan(other_B)).argmax())
        raise DataError(f"image {place} has NaN among its stop log-probabilities, or -inf for every node")
    margin_B = known_B - other_B
    known_right_B: Bools = lowest_common_ancestor(leaf_B, target_B, ancestry) == target_B
    novel_right_B: Bools = inner_B == target_B
    return known_novel_curve(margin_B[~novel_B], known_right_B[~novel_B], margin_B[novel_B], novel_right_B[novel_B])


def _verdicts(novel_B: npt.ArrayLike, count: int) -> Bools:
    given_B: npt.NDArray[np.generic] = np.asarray(novel_B)
    if given_B.shape != (count,) or not (given_B.dtype == np.bool_ or count == 0):
        raise DataError(
            f"expected for each of {count} images whether it is novel, got {given_B.dtype} of shape {given_B.shape}"
        )
    return given_B.astype(np.bool_)
