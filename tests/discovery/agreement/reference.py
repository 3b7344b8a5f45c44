"""Scores of agreement by walking over every set, pair and triple with Python's sets: slow, obvious, no code shared."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.optimize import linear_sum_assignment

from hierclf.taxonomy import Taxonomy


def common_leaves(found: Taxonomy, reference: Taxonomy) -> list[str]:
    return sorted(set(found.leaves) & set(reference.leaves))


def below(taxonomy: Taxonomy, node: str, leaves: list[str]) -> frozenset[str]:
    return frozenset(taxonomy.leaves_below(node)) & frozenset(leaves)


def sets_of(taxonomy: Taxonomy, leaves: list[str]) -> set[frozenset[str]]:
    """Distinct sets of at least two leaves, the root's among them."""
    return {group for node in taxonomy.nodes if len(group := below(taxonomy, node, leaves)) >= 2}


def clades_of(taxonomy: Taxonomy, leaves: list[str]) -> set[frozenset[str]]:
    return {group for group in sets_of(taxonomy, leaves) if len(group) < len(leaves)}


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def closeness(sets: set[frozenset[str]], one: str, other: str) -> int:
    return min(len(group) for group in sets if one in group and other in group)


def closest_pair(sets: set[frozenset[str]], triple: tuple[str, ...]) -> frozenset[str] | None:
    """The pair of a triple that is closer than both others, or None."""
    close = {frozenset(pair): closeness(sets, *pair) for pair in combinations(triple, 2)}
    nearest = min(close.values())
    pairs = [pair for pair, size in close.items() if size == nearest]
    return pairs[0] if len(pairs) == 1 else None


def triplets(found: Taxonomy, reference: Taxonomy) -> dict[str, int]:
    leaves = common_leaves(found, reference)
    sets = [sets_of(taxonomy, leaves) for taxonomy in (found, reference)]
    counts = dict.fromkeys(("triples", "found", "reference", "both", "right"), 0)
    for triple in combinations(leaves, 3):
        ours, theirs = (closest_pair(groups, triple) for groups in sets)
        counts["triples"] += 1
        counts["found"] += ours is not None
        counts["reference"] += theirs is not None
        counts["both"] += ours is not None and theirs is not None
        counts["right"] += ours is not None and ours == theirs
    return counts


def purity(found: Taxonomy, leaves: list[str], group: dict[str, int]) -> float | None:
    sets = sets_of(found, leaves)
    shares = []
    for one, other in combinations(leaves, 2):
        if group[one] == group[other]:
            nearest = closeness(sets, one, other)
            meeting = [held for held in sets if len(held) == nearest and one in held and other in held]
            shares.append(np.mean([sum(group[leaf] == group[one] for leaf in held) / nearest for held in meeting]))
    return float(np.mean(shares)) if shares else None


def groups_at(taxonomy: Taxonomy, leaves: list[str], level: int) -> set[frozenset[str]]:
    """Distinct groups of one level: nodes there, and every leaf above it by itself."""
    there = [
        node
        for node in taxonomy.nodes
        if taxonomy.level(node) == level or (taxonomy.level(node) < level and not taxonomy.children(node))
    ]
    return {group for node in there if (group := below(taxonomy, node, leaves))}


def matching(found: Taxonomy, reference: Taxonomy) -> tuple[float, int]:
    """Total Jaccard similarity and total overlap of the best one-to-one matching, by a dense table."""
    leaves = common_leaves(found, reference)
    ours, theirs = (list(clades_of(taxonomy, leaves)) for taxonomy in (found, reference))
    if not ours or not theirs:
        return 0.0, 0
    alike = np.array([[jaccard(one, other) for other in theirs] for one in ours])
    shared = np.array([[len(one & other) for other in theirs] for one in ours])
    rows, columns = linear_sum_assignment(alike + 1e-7 * shared, maximize=True)
    return float(alike[rows, columns].sum()), int(shared[rows, columns].sum())
