"""Of three classes, which two belong together? The finest question about a taxonomy, asked of all triples.

A taxonomy *resolves* a triple when exactly one of its pairs is closer than the two others (see `closeness`: the
smallest set that holds the pair has fewer leaves). Against the reference every triple is one of

======================  =====================  =======================
reference               found                  told as
======================  =====================  =======================
resolved                in the same way        right
resolved                differently            wrong
resolved                not                    unresolved
not                     resolved               claimed without reason
not                     not                    left alone
======================  =====================  =======================

A star resolves nothing, so all is unresolved. A binary tree resolves everything, also where the reference sees equals:
its recall has a free lunch, which the precision (right among all that it resolves) and ``left_alone`` take back. By
chance a resolved triple is right in one of three cases.

Triples are counted exactly for two trees of any usual size (see `crossing`) and for DAGs up to some 290 classes; above
that a random sample is, and ``standard_error`` says how far the recall may be off.

Critchlow, Pearl and Qian, *The Triples Distance for Rooted Bifurcating Phylogenetic Trees*, Systematic Biology 1996;
Brodal, Fagerberg, Mailund, Pedersen and Sand, *Efficient Algorithms for Computing the Triplet and Quartet Distance
Between Trees of Arbitrary Degree*, SODA 2013.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from hierclf.discovery.agreement.closeness import different_leaves, smallest_size
from hierclf.discovery.agreement.crossing import Crossing
from hierclf.discovery.agreement.leaf_sets import Ints, LeafSets
from hierclf.discovery.agreement.precision import PrecisionRecall, precision_recall

# L leaves, T triples, P pairs of later leaves, Q cells of two crossed trees

TRIPLES_AT_MOST = 1 << 22
"""As many are looked at one by one; where there are more, `TRIPLES_DRAWN` are."""

TRIPLES_DRAWN = 1 << 18


@dataclass(frozen=True, kw_only=True)
class TripletAgreement:
    """What became of the triples, as counts; shares are properties, None where they are shares of nothing.

    Args:
        triples: how many were looked at.
        found: how many the found taxonomy resolves.
        reference: how many the reference resolves.
        both: how many both resolve, in the same way or not.
        right: how many both resolve in the same way.
        sampled: whether the triples are a random sample of all.
    """

    triples: int
    found: int
    reference: int
    both: int
    right: int
    sampled: bool = False

    @property
    def scores(self) -> PrecisionRecall:
        """Right among those that the found taxonomy resolves, among those that the reference resolves, and F1.

        1 where neither resolves any, 0 where one alone resolves none (see `precision_recall`).
        """
        return precision_recall(right=self.right, found=self.found, reference=self.reference)

    @property
    def wrong(self) -> float | None:
        """Share of the reference's resolved triples that the found taxonomy resolves differently."""
        return _share(self.both - self.right, self.reference)

    @property
    def unresolved(self) -> float | None:
        """Share of the reference's resolved triples that the found taxonomy does not resolve."""
        return _share(self.reference - self.both, self.reference)

    @property
    def left_alone(self) -> float | None:
        """Share of the reference's unresolved triples that the found taxonomy does not resolve either."""
        return _share(
            self.triples - self.reference - self.found + self.both,
            self.triples - self.reference,
        )

    @property
    def standard_error(self) -> float | None:
        """Of the recall, ``sqrt(r (1 - r) / reference)``; None where all triples were counted."""
        if not self.sampled or not self.reference:
            return None
        recall = self.scores.recall
        return math.sqrt(recall * (1 - recall) / self.reference)


def triplet_agreement(
    found: LeafSets, reference: LeafSets, crossing: Crossing | None, *, seed: int = 0
) -> TripletAgreement:
    """Sort all triples of leaves by what both taxonomies make of them.

    Args:
        found: the found taxonomy's sets.
        reference: the reference's sets, over the same leaves.
        crossing: the two laid across each other, from `cross`; None looks at triples one by one.
        seed: of the sample, where one is drawn.
    """
    num_leaves = found.num_leaves
    if crossing is not None:
        return _from_crossing(found, reference, crossing)
    if comb(num_leaves, 3) <= TRIPLES_AT_MOST:
        return _from_counts(_count_all(found, reference), sampled=False)
    first_T, second_T, third_T = different_leaves(num_leaves, 3, TRIPLES_DRAWN, np.random.default_rng(seed))
    both = [
        resolution(
            smallest_size(sets, first_T, second_T),
            smallest_size(sets, first_T, third_T),
            smallest_size(sets, second_T, third_T),
        )
        for sets in (found, reference)
    ]
    return _from_counts(_cross_table(*both), sampled=True)


def resolution(first_second_T: Ints, first_third_T: Ints, second_third_T: Ints) -> Ints:
    """Which pair of each triple is the closest, given the sizes of the three smallest sets, shape ``(T,)``.

    0 for none (a tie), 1 for the first and second leaf, 2 for the first and third, 3 for the second and third.
    """
    return np.select(
        [
            first_second_T < np.minimum(first_third_T, second_third_T),
            first_third_T < np.minimum(first_second_T, second_third_T),
            second_third_T < np.minimum(first_second_T, first_third_T),
        ],
        [1, 2, 3],
        default=0,
    )


def _from_crossing(found: LeafSets, reference: LeafSets, crossing: Crossing) -> TripletAgreement:
    """In a tree a pair is the closest of a triple exactly when the third leaf lies outside its smallest set."""
    num_leaves = found.num_leaves
    outside_found_Q = num_leaves - found.size_S[crossing.found_Q]
    outside_reference_Q = num_leaves - reference.size_S[crossing.reference_Q]
    outside_both_Q = outside_found_Q + outside_reference_Q - num_leaves + crossing.shared_Q
    triples = comb(num_leaves, 3)
    by_found = int((crossing.pairs_Q * outside_found_Q).sum())
    by_reference = int((crossing.pairs_Q * outside_reference_Q).sum())
    return TripletAgreement(
        triples=triples,
        found=by_found,
        reference=by_reference,
        both=by_found + by_reference - triples + crossing.unresolved,
        right=int((crossing.pairs_Q * outside_both_Q).sum()),
    )


def _count_all(found: LeafSets, reference: LeafSets) -> Ints:
    """The cross table of all triples: for each first leaf, all pairs of later ones at once."""
    num_leaves = found.num_leaves
    places = np.indices((num_leaves, num_leaves)).reshape(2, -1)
    closeness = [smallest_size(sets, *places).reshape(num_leaves, num_leaves) for sets in (found, reference)]
    table = np.zeros((4, 4), dtype=np.int64)
    second_P, third_P = np.triu_indices(num_leaves, 1)
    for first in range(num_leaves - 2):
        later = second_P.searchsorted(first, side="right")  # pairs stand by their first leaf, ascending
        second, third = second_P[later:], third_P[later:]
        table += _cross_table(
            *(
                resolution(size_LL[first, second], size_LL[first, third], size_LL[second, third])
                for size_LL in closeness
            )
        )
    return table


def _cross_table(found_T: Ints, reference_T: Ints) -> npt.NDArray[np.int64]:
    return np.bincount(4 * found_T + reference_T, minlength=16).reshape(4, 4)


def _from_counts(table: Ints, *, sampled: bool) -> TripletAgreement:
    return TripletAgreement(
        triples=int(table.sum()),
        found=int(table[1:].sum()),
        reference=int(table[:, 1:].sum()),
        both=int(table[1:, 1:].sum()),
        right=int(np.trace(table)) - int(table[0, 0]),
        sampled=sampled,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
