"""A taxonomy cut at one level: the groups of classes that a taxonomy makes there.

The groups of level l are the nodes at that level, with the leaves below them, and each leaf above it as a group of its
own; nodes with the same leaves are one group. Levels are the taxonomy's own (the longest path from the root), so that
in a reference whose levels are ranks (family, genus) a cut is a rank. In a tree the groups are a partition. On a DAG a
leaf may lie in several groups, and then there is no group of each leaf.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierclf.discovery.agreement.leaf_sets import Ints, LeafSets

# N nodes, L leaves, S sets, G groups, X = S + L: sets, then each leaf alone


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """The groups at one level.

    Args:
        level: which, from 0 at the root.
        set_G: the groups as rows of ``member_XL``, ascending, int64.
        group_L: each leaf's group, a place in ``set_G``, or None where some leaf is in several.
    """

    level: int
    set_G: Ints
    group_L: Ints | None

    @property
    def groups(self) -> int:
        """Number of groups ``G``."""
        return len(self.set_G)


def cut_at(sets: LeafSets, level: int) -> Cut:
    """The groups of one level; beyond the deepest every leaf is alone.

    >>> from hierclf.discovery.agreement.leaf_sets import leaf_sets
    >>> from hierclf.taxonomy import Taxonomy
    >>> signs = Taxonomy.from_edges({"sign": ["digit", "x"], "digit": ["even", "1"], "even": ["0", "2"]})
    >>> sets = leaf_sets(signs, ["0", "1", "2", "x"])
    >>> cut_at(sets, 1).group_L, cut_at(sets, 2).group_L
    (array([0, 0, 0, 1]), array([0, 1, 0, 2]))
    """
    set_G = np.unique(sets.set_N[(sets.level_N == level) & (sets.set_N >= 0)])
    inside_L = sets.member_XL[set_G].sum(axis=0)
    set_G = np.concatenate([set_G, np.setdiff1d(sets.num_sets + np.flatnonzero(inside_L == 0), set_G)])
    set_G.sort()
    if (inside_L > 1).any():
        return Cut(level=level, set_G=set_G, group_L=None)
    member_GL = sets.member_XL[set_G]
    group_L = np.empty(sets.num_leaves, dtype=np.int64)
    group_L[member_GL.indices] = np.repeat(np.arange(len(set_G)), np.diff(member_GL.indptr))
    return Cut(level=level, set_G=set_G, group_L=group_L)


def all_cuts(sets: LeafSets) -> tuple[Cut, ...]:
    """The cuts at all levels, from the root's to that of all leaves alone."""
    return tuple(cut_at(sets, level) for level in range(int(sets.level_N.max()) + 1))


def telling_cuts(sets: LeafSets) -> tuple[Cut, ...]:
    """The cuts that group anything, each once: neither all leaves together nor all alone, the coarsest first."""
    telling: list[Cut] = []
    for cut in all_cuts(sets):
        groups_something = bool(((cut.set_G > 0) & (cut.set_G < sets.num_sets)).any())
        if groups_something and not (telling and np.array_equal(telling[-1].set_G, cut.set_G)):
            telling.append(cut)
    return tuple(telling)
