"""Were the reference's meta-classes found, as sets of classes?

The strictest question that can be asked: a meta-class counts only if exactly its classes were put together. One class
in the wrong place spoils every clade above it that is not shared, so a small score need not mean a useless taxonomy;
`clade_jaccard` gives part of the credit, and triplets look at each class by itself. A binary dendrogram has ``L - 2``
clades, most of them invented, and pays in precision.

Robinson and Foulds, *Comparison of phylogenetic trees*, Mathematical Biosciences 1981 (the sets of rooted trees, here
as F1 instead of a distance); Yang, McAuley and Leskovec, *Community Detection in Networks with Node Attributes*, ICDM
2013, arXiv:1401.7267 (the best match averaged both ways).
"""

from __future__ import annotations

import numpy as np

from hierclf.discovery.agreement.cells import Cells, overlaps
from hierclf.discovery.agreement.leaf_sets import Floats, LeafSets
from hierclf.discovery.agreement.precision import PrecisionRecall, precision_recall

# P pairs of a found clade and a clade of the reference with leaves in common


def clade_agreement(found: LeafSets, reference: LeafSets) -> PrecisionRecall:
    """Precision, recall and F1 of the clades: distinct sets of at least two leaves, without that of all leaves.

    1 where neither taxonomy has a clade, 0 where one alone has none (see `precision_recall`).
    """
    _, jaccard_P = clade_overlaps(found, reference)
    right = int((jaccard_P == 1).sum())
    return precision_recall(right=right, found=found.num_sets - 1, reference=reference.num_sets - 1)


def clade_jaccard(found: LeafSets, reference: LeafSets) -> float:
    """How alike each clade and its best match are, averaged over either side's clades and over the two sides.

    ``½ (mean_f max_r J(f, r) + mean_r max_f J(f, r))`` with ``J(f, r) = |f ∩ r| / |f ∪ r|``; several clades may have
    the same best match. 1 where neither taxonomy has a clade, 0 where one alone has none.
    """
    num_found, num_reference = found.num_sets - 1, reference.num_sets - 1
    if num_found == 0 or num_reference == 0:
        return float(num_found == num_reference)
    cells, jaccard_P = clade_overlaps(found, reference)
    best_found, best_reference = np.zeros(num_found), np.zeros(num_reference)
    np.maximum.at(best_found, cells.row_P, jaccard_P)
    np.maximum.at(best_reference, cells.column_P, jaccard_P)
    return float((best_found.mean() + best_reference.mean()) / 2)


def clade_overlaps(found: LeafSets, reference: LeafSets) -> tuple[Cells, Floats]:
    """The pairs of clades with leaves in common, numbered without the root's set, and their Jaccard similarity."""
    cells = overlaps(found.member_SL[1:], reference.member_SL[1:])
    either_P = found.size_S[1:][cells.row_P] + reference.size_S[1:][cells.column_P] - cells.count_P
    return cells, cells.count_P / either_P
