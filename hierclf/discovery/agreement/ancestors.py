"""Which class lies under which meta-class: ancestor F1 for meta-classes that have other names.

Taxonomies of words are compared by their pairs (ancestor, descendant). A found taxonomy's meta-classes have names of
their own, so they are first matched one to one with the reference's by their classes (see `matching`); then the pairs
(meta-class, class) are counted. A class in the wrong clade costs one pair of precision and one of recall, where clade
F1 would take the whole clade. The root is left out: that all classes lie under it is no merit. Works on DAGs as it is.

Bordea, Lefever and Buitelaar, *SemEval-2016 Task 13: Taxonomy Extraction Evaluation (TExEval-2)*, SemEval 2016; Mao,
Ren, Shen, Gu and Han, *End-to-End Reinforcement Learning for Automatic Taxonomy Induction*, ACL 2018, arXiv:1805.04044.
"""

from __future__ import annotations

from hierclf.discovery.agreement.leaf_sets import LeafSets
from hierclf.discovery.agreement.matching import Matching
from hierclf.discovery.agreement.precision import PrecisionRecall, precision_recall


def ancestor_agreement(found: LeafSets, reference: LeafSets, matching: Matching) -> PrecisionRecall:
    """Precision, recall and F1 of the pairs (clade, leaf), with ``f ~ r`` the matched clades.

    Precision ``Σ_{f~r} |f ∩ r| / Σ_f |f|``, recall ``Σ_{f~r} |f ∩ r| / Σ_r |r|``; 1 where neither taxonomy has a
    clade, 0 where one alone has none (see `precision_recall`).

    Args:
        found: the found taxonomy's sets.
        reference: the reference's sets, over the same leaves.
        matching: of the two, from `match_clades`.
    """
    return precision_recall(
        right=int(matching.shared_M.sum()),
        found=int(found.size_S[1:].sum()),
        reference=int(reference.size_S[1:].sum()),
    )
