"""How close two classes are in a taxonomy: the number of leaves of the smallest set that holds both.

In a tree this is the leaf set of the lowest common ancestor; on a DAG several common ancestors may be lowest, and the
one with the fewest leaves counts. No level and no number of edges enters, so chains of only children change nothing.

For trees most counts need no pair at all (see `crossing`). Here is the plain road that any DAG can take: look at all
pairs or triples of leaves, or at a random sample where there are too many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hierclf.discovery.agreement.leaf_sets import Ints, LeafSets

if TYPE_CHECKING:
    from numpy.random import Generator

# L leaves, S sets, W bytes that hold one bit a set, P pairs, T pairs (pair, smallest set)

CELLS_AT_ONCE = 1 << 24
"""Bounds the memory of a comparison, whatever the number of pairs."""

LEADING_ZEROS = np.array([8, *(8 - byte.bit_length() for byte in range(1, 256))])


def smallest_size(sets: LeafSets, first_P: Ints, second_P: Ints) -> Ints:
    """Number of leaves of the smallest set that holds both leaves of each pair, shape ``(P,)``; 1 for a leaf itself.

    Args:
        sets: of any taxonomy, nested or not.
        first_P: places of leaves in ``sets.leaves``, shape ``(P,)``.
        second_P: the same for the other leaf.
    """
    bits_LW = sets.bits_LW
    size_P = np.empty(len(first_P), dtype=np.int64)
    for part in _parts(len(first_P), bits_LW.shape[1]):
        both_PW = bits_LW[first_P[part]] & bits_LW[second_P[part]]
        byte_P = (both_PW != 0).argmax(axis=1)  # the root's set holds every pair
        bit_P = 8 * byte_P + LEADING_ZEROS[both_PW[np.arange(len(byte_P)), byte_P]]
        size_P[part] = sets.size_S[sets.num_sets - 1 - bit_P]
    size_P[first_P == second_P] = 1
    return size_P


def smallest_sets(sets: LeafSets, first_P: Ints, second_P: Ints) -> tuple[Ints, Ints]:
    """Every smallest set of each pair of different leaves: the pair and the set, both of shape ``(T,)``.

    In a tree there is one a pair; on a DAG several sets of the same size may hold both leaves and none fewer.
    """
    member_LS = sets.member_SL.astype(np.bool_).toarray().T
    pair_pieces, set_pieces = [], []
    for part in _parts(len(first_P), sets.num_sets):
        both_PS = member_LS[first_P[part]] & member_LS[second_P[part]]
        smallest_P = sets.size_S[sets.num_sets - 1 - both_PS[:, ::-1].argmax(axis=1)]
        pair_T, set_T = (both_PS & (sets.size_S == smallest_P[:, None])).nonzero()
        pair_pieces.append(pair_T + part.start)
        set_pieces.append(set_T)
    return np.concatenate(pair_pieces), np.concatenate(set_pieces)


def leaf_pairs(num_leaves: int, at_most: int, random: Generator) -> tuple[Ints, Ints, bool]:
    """All pairs of different leaves, or ``at_most`` random ones where there are more; and whether these are all."""
    if num_leaves * (num_leaves - 1) // 2 <= at_most:
        first_P, second_P = np.triu_indices(num_leaves, 1)
        return first_P.astype(np.int64), second_P.astype(np.int64), True
    first_P, second_P = different_leaves(num_leaves, 2, at_most, random)
    return first_P, second_P, False


def different_leaves(num_leaves: int, leaves_each: int, count: int, random: Generator) -> npt.NDArray[np.int64]:
    """Random pairs (2) or triples (3) of different leaves, each equally likely, shape ``(leaves_each, count)``."""
    drawn = np.empty((leaves_each, count), dtype=np.int64)
    for place in range(leaves_each):
        leaf = random.integers(num_leaves - place, size=count)
        for earlier in np.sort(drawn[:place], axis=0):
            leaf += leaf >= earlier  # skip what is taken, from the smallest upwards
        drawn[place] = leaf
    return drawn


def _parts(rows: int, width: int) -> Iterator[slice]:
    step = max(1, CELLS_AT_ONCE // width)
    return (slice(start, min(start + step, rows)) for start in range(0, max(rows, 1), step))
