"""The reference's meta-classes one by one: under which name each was found, and how well.

Scores say how much was found; somebody who edits a taxonomy wants to know what. Every clade of the reference stands
beside the found clade that the best one-to-one matching gives it, by name, or beside none.

>>> from hierclf.taxonomy import Taxonomy
>>> reference = Taxonomy.from_edges({"animal": ["cat", "dog"], "cat": ["tabby", "manx"], "dog": ["pug", "corgi"]})
>>> found = Taxonomy.from_edges({"root": ["g", "manx"], "g": ["tabby", "h"], "h": ["pug", "corgi"]})
>>> for match in clade_matches(found, reference):
...     print(match.reference, match.found, match.shared, round(match.jaccard, 2))
cat g 1 0.25
dog h 2 1.0
"""

from __future__ import annotations

from dataclasses import dataclass

from hierclf.discovery.agreement.leaf_sets import LeafSets, common_leaf_sets
from hierclf.discovery.agreement.matching import match_clades
from hierclf.taxonomy import Taxonomy


@dataclass(frozen=True, kw_only=True)
class CladeMatch:
    """A meta-class of the reference and what was found in its place.

    Args:
        reference: its name; of nodes with the same classes the topmost.
        found: the found meta-class's name, or None where nothing is left to match it.
        size: how many of the common classes it has.
        shared: how many of these the found one has too.
        jaccard: how alike the two are, 1 for the same classes, 0 without a partner.
    """

    reference: str
    found: str | None
    size: int
    shared: int
    jaccard: float


def clade_matches(found: Taxonomy, reference: Taxonomy) -> tuple[CladeMatch, ...]:
    """Each clade of the reference with its partner, in the order of the reference's nodes.

    Raises:
        TaxonomyError: fewer than two classes in common.
    """
    found_sets, reference_sets = common_leaf_sets(found, reference)
    found_names, reference_names = _names(found, found_sets), _names(reference, reference_sets)
    partners = {
        int(own): (found_names[int(other)], int(shared), float(jaccard))
        for other, own, shared, jaccard in zip(*match_clades(found_sets, reference_sets), strict=True)
    }
    matches = []
    for clade, name in reference_names.items():
        partner, shared, jaccard = partners.get(clade, (None, 0, 0.0))
        size = int(reference_sets.size_S[clade])
        matches.append(CladeMatch(reference=name, found=partner, size=size, shared=shared, jaccard=jaccard))
    return tuple(matches)


def _names(taxonomy: Taxonomy, sets: LeafSets) -> dict[int, str]:
    """The topmost node of each clade, in the order of the nodes."""
    names: dict[int, str] = {}
    for node, clade in zip(taxonomy.nodes, sets.set_N.tolist(), strict=True):
        if 0 < clade < sets.num_sets:
            names.setdefault(clade, node)
    return names
