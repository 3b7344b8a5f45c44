"""What the same shape would score with its classes dealt out at random.

Of all scores only the adjusted mutual information and the correlations are near 0 by chance. Dendrogram purity is
high for any fine tree, ancestor F1 for any large clades, and a resolved triple is right in one of three cases. A score
is worth what it exceeds this by.
"""

from __future__ import annotations

import numpy as np

from hierclf.discovery.agreement.agreement import Agreement, compare
from hierclf.taxonomy import Taxonomy


def compare_by_chance(found: Taxonomy, reference: Taxonomy, *, seed: int = 0) -> Agreement:
    """The scores of the found taxonomy after one random exchange of the classes that both have.

    Args:
        found: the taxonomy whose shape is kept: as many clades of the same sizes, nested in the same way.
        reference: the one that is taken for true.
        seed: of the exchange; the scores of small taxonomies depend on it, so take the mean over several there.

    Raises:
        TaxonomyError: fewer than two classes in common.

    >>> reference = Taxonomy.from_edges({"root": "uvwxyz", "u": "ab", "v": "cd", "w": "ef", "x": "gh", "y": "ij"})
    >>> by_chance = compare_by_chance(reference, reference)
    >>> by_chance.clade.f1, round(by_chance.dendrogram_purity, 2)
    (0.2, 0.35)
    """
    return compare(_exchange(found, set(reference.leaves), seed), reference, seed=seed)


def _exchange(taxonomy: Taxonomy, common: set[str], seed: int) -> Taxonomy:
    """The same graph where the common leaves have changed places."""
    leaves = [leaf for leaf in sorted(taxonomy.leaves) if leaf in common]
    dealt = np.random.default_rng(seed).permutation(len(leaves))
    new = {leaf: leaves[place] for leaf, place in zip(leaves, dealt, strict=True)}
    return Taxonomy(
        root=taxonomy.root,
        edges=tuple((new.get(parent, parent), new.get(child, child)) for parent, child in taxonomy.edges),
    )
