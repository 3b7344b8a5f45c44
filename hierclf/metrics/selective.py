"""Say less, be right more often: how much a decision says, against how often it is wrong.

The coverage of a decision at node v is the share of the question that it answers, 1 − log2|L(v)| / log2|L|: 1 at a
leaf, 0 at the root, in between at a meta-class. Its risk is 0 when truth and decision lie on one path, else 1. Turning
an image away answers nothing: coverage 0, risk 0.

Goren, Galil and El-Yaniv, *Hierarchical Selective Classification*, NeurIPS 2024, arXiv:2405.11533.
"""

from __future__ import annotations

import numpy.typing as npt

from hierclf.metrics.ancestry import Ancestry, Floats, node_ids
from hierclf.metrics.information import OperatingCurve, area, information_scores

# B images


def coverage(decided_B: npt.ArrayLike, ancestry: Ancestry) -> Floats:
    """1 − log2|L(v)| / log2|L| of each decision, float64 of shape ``(B,)``.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> edges = {"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a", "b"]}
    >>> coverage([0, 1, 3], Ancestry.from_plan(compile_plan(Taxonomy.from_edges(edges, root="sign"))))
    array([0. , 0.5, 1. ])
    """
    covered_B: Floats = ancestry.coverage_N[node_ids(decided_B, ancestry)]
    return covered_B


def risk(decided_B: npt.ArrayLike, truth_B: npt.ArrayLike, ancestry: Ancestry) -> float:
    """Share of the images whose decision is neither above, nor at, nor below the truth; NaN without images."""
    correct_B = information_scores(decided_B, truth_B, ancestry).correct_B
    return float(1 - correct_B.mean()) if len(correct_B) else float("nan")


def hierarchical_aurc(curve: OperatingCurve) -> float:
    """hAURC: the area under risk against coverage as the threshold moves; smaller is better, NaN without images."""
    return area(curve.coverage_T, 1 - curve.correct_T)
