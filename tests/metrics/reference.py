"""Metrics by walking the taxonomy with dictionaries, one image at a time: slow, obvious, and sharing no code."""

from __future__ import annotations

import math
from collections import deque

from hierclf.taxonomy import Taxonomy


def line(taxonomy: Taxonomy, node: str) -> set[str]:
    """The node and everything above it, the root among them."""
    reached, waiting = set(), [node]
    while waiting:
        here = waiting.pop()
        reached.add(here)
        waiting.extend(taxonomy.parents(here))
    return reached


def leaves_under(taxonomy: Taxonomy, node: str) -> set[str]:
    return {leaf for leaf in taxonomy.leaves if node in line(taxonomy, leaf)}


def bits(taxonomy: Taxonomy, node: str) -> float:
    return math.log2(len(taxonomy.leaves)) - math.log2(len(leaves_under(taxonomy, node)))


def height(taxonomy: Taxonomy, node: str) -> int:
    return max((1 + height(taxonomy, child) for child in taxonomy.children(node)), default=0)


def lowest_common(taxonomy: Taxonomy, one: str, two: str) -> str:
    shared = line(taxonomy, one) & line(taxonomy, two)

    def key(node: str) -> tuple[int, int, int]:  # fewest leaves, then the deepest, then the first
        return -len(leaves_under(taxonomy, node)), taxonomy.level(node), -taxonomy.nodes.index(node)

    return max(shared, key=key)


def hops_up(taxonomy: Taxonomy, node: str) -> dict[str, int]:
    hops, queue = {node: 0}, deque([node])
    while queue:
        here = queue.popleft()
        for parent in taxonomy.parents(here):
            if parent not in hops:
                hops[parent] = hops[here] + 1
                queue.append(parent)
    return hops


def hops_between(taxonomy: Taxonomy, one: str, two: str) -> int:
    up, down = hops_up(taxonomy, one), hops_up(taxonomy, two)
    return min(up[node] + down[node] for node in up if node in down)


def hierarchical(taxonomy: Taxonomy, decided: list[str], truth: list[str]) -> tuple[float, float, float]:
    """Micro-averaged precision, recall and F1."""
    shared = claimed = wanted = 0
    for guess, label in zip(decided, truth, strict=True):
        mine, theirs = line(taxonomy, guess) - {taxonomy.root}, line(taxonomy, label) - {taxonomy.root}
        shared, claimed, wanted = shared + len(mine & theirs), claimed + len(mine), wanted + len(theirs)
    return ratio(shared, claimed), ratio(shared, wanted), ratio(2 * shared, claimed + wanted)


def hierarchical_per_image(taxonomy: Taxonomy, decided: list[str], truth: list[str]) -> tuple[float, ...]:
    """The means of the images' own precision, recall and F1, each over the images that have one."""
    per_image = [hierarchical(taxonomy, [guess], [label]) for guess, label in zip(decided, truth, strict=True)]
    columns = [[value for value in column if not math.isnan(value)] for column in zip(*per_image, strict=True)]
    return tuple(ratio(sum(column), len(column)) for column in columns)


def ratio(part: float, of: float) -> float:
    return part / of if of else math.nan


def information(taxonomy: Taxonomy, guess: str, label: str) -> tuple[float, float, bool, bool]:
    common = lowest_common(taxonomy, guess, label)
    held, said, asked = (round(bits(taxonomy, node), 12) for node in (common, guess, label))
    return held / said if said else 1.0, held / asked if asked else 1.0, common in (guess, label), guess == label


def climb(taxonomy: Taxonomy, probabilities: dict[str, float], threshold: float) -> str:
    """The lowest node above the best leaf whose probability reaches the threshold; the root if none does."""
    best = max(taxonomy.leaves, key=lambda leaf: probabilities[leaf])
    reaching = [node for node in line(taxonomy, best) if probabilities[node] >= threshold and node != taxonomy.root]

    def key(node: str) -> tuple[int, int, float, int]:
        return (
            -len(leaves_under(taxonomy, node)),
            taxonomy.level(node),
            probabilities[node],
            -taxonomy.nodes.index(node),
        )

    return max(reaching, key=key, default=taxonomy.root)


def covered(taxonomy: Taxonomy, node: str) -> float:
    if len(taxonomy.leaves) == 1:
        return float(node != taxonomy.root)
    return 1 - math.log2(len(leaves_under(taxonomy, node))) / math.log2(len(taxonomy.leaves))


def chance_above(known: list[float], other: list[float]) -> float:
    """P(other > known) + P(other = known) / 2."""
    return sum((o > k) + (o == k) / 2 for k in known for o in other) / len(known) / len(other)


def chance_right_and_below(known: list[float], right: list[bool], other: list[float]) -> float:
    """OSCR as a count of pairs."""
    pairs = ((r, k, o) for k, r in zip(known, right, strict=True) for o in other)
    return sum(r * ((o > k) + (o == k) / 2) for r, k, o in pairs) / len(known) / len(other)


def accepted(scores: list[float], threshold: float) -> float:
    return sum(score <= threshold for score in scores) / len(scores)
