"""Hierarchical precision, recall and F: credit for every right ancestor.

With A(v) the node and its ancestors *without the root*, an image of truth y that was decided as ŷ contributes
|A(ŷ) ∩ A(y)| right nodes out of |A(ŷ)| claimed and |A(y)| to be found. Nodes are compared by identity, never by name,
and on a DAG the sets run over all paths. A decision at the root claims nothing: it costs recall and no precision.

Kiritchenko, Matwin, Nock and Famili, *Learning and Evaluation in the Presence of Class Hierarchies*, Canadian AI 2006.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from hierclf.errors import ConfigError
from hierclf.metrics.ancestry import Ancestry, Floats, Ints, common_ancestors, per_pair

# B images


class HierarchicalScores(NamedTuple):
    """Hierarchical precision, recall and F1, each between 0 and 1, or NaN where undefined."""

    precision: float
    recall: float
    f1: float


def hierarchical_scores(
    decided_B: npt.ArrayLike,
    truth_B: npt.ArrayLike,
    ancestry: Ancestry,
    *,
    average: Literal["micro", "macro"] = "micro",
) -> HierarchicalScores:
    """hP = Σ|A(ŷ)∩A(y)| / Σ|A(ŷ)|, hR = Σ|A(ŷ)∩A(y)| / Σ|A(y)|, hF = 2 Σ|A(ŷ)∩A(y)| / (Σ|A(ŷ)| + Σ|A(y)|).

    Args:
        decided_B: node ids, shape ``(B,)``.
        truth_B: node ids, shape ``(B,)``.
        ancestry: the taxonomy's tables.
        average: ``"micro"`` sums over the images first, ``"macro"`` takes the mean of the images' own values. An image
            that was decided at the root has no precision of its own, and the macro mean leaves it out.

    Returns:
        Precision, recall and F1. NaN where nothing was claimed (precision), nothing was to be found (recall) or both.

    Raises:
        DataError: ids that are no nodes, or rows of different length.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]}))
    >>> zero, one = 3, 4
    >>> hierarchical_scores([one], [zero], Ancestry.from_plan(plan))  # "digit" is right, "1" is not
    HierarchicalScores(precision=0.5, recall=0.5, f1=0.5)
    """
    if average not in ("micro", "macro"):
        raise ConfigError(f"average is 'micro' or 'macro', got {average!r}")
    shared_B = shared_ancestors(decided_B, truth_B, ancestry)
    claimed_B = ancestry.count_N[np.asarray(decided_B, dtype=np.int64)] - 1
    wanted_B = ancestry.count_N[np.asarray(truth_B, dtype=np.int64)] - 1
    parts = ((shared_B, claimed_B), (shared_B, wanted_B), (2 * shared_B, claimed_B + wanted_B))
    if average == "micro":
        return HierarchicalScores(*(mean_ratio(part.sum(keepdims=True), of.sum(keepdims=True)) for part, of in parts))
    return HierarchicalScores(*(mean_ratio(part, of) for part, of in parts))


def shared_ancestors(decided_B: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry) -> Ints:
    """|A(ŷ) ∩ A(y)| without the root, shape ``(B,)``."""

    def count(first_U: Ints, second_U: Ints) -> Ints:
        number_U: Ints = common_ancestors(first_U, second_U, ancestry).sum(axis=1) - 1
        return number_U

    return per_pair(count, decided_B, truth_B, ancestry)


def mean_ratio(part_B: Ints | Floats, of_B: Ints | Floats) -> float:
    """Mean of the ratios whose denominator is not 0, NaN when there is none."""
    defined_B = of_B != 0
    return float((part_B[defined_B] / of_B[defined_B]).mean()) if defined_B.any() else float("nan")
