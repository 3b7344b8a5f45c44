"""Where a dendrogram was cut: how near the members of each group had to be to become one.

A node is kept by the local cut if it joins below a height that depends on the kept node above it. Drawn beside the
height at which it does join, that bar shows how clear the decision was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hierclf.discovery import Dendrogram, Discovery, LocalCut


def local_cut_of(discovery: Discovery) -> LocalCut | None:
    """The cut that a taxonomy was found with, or None for ways that do not cut locally."""
    from hierclf.discovery.cut import LocalCut  # brings torch along, which other reports do without
    from hierclf.discovery.hierarchy import hierarchies

    finder = hierarchies[discovery.settings["method"]](**discovery.settings["options"])
    return finder if isinstance(finder, LocalCut) else None


def bars(dendrogram: Dendrogram, ratio: float) -> dict[int, float]:
    """The height below which each node that the local cut keeps had to join.

    Args:
        dendrogram: of K classes.
        ratio: of the cut.

    Returns:
        By node of the dendrogram, the bound of the cut times the height of the kept node above.
    """
    from hierclf.discovery.cut import bounds, local_cut

    k, kept = len(dendrogram), set(local_cut(dendrogram, ratio))
    height_N, bound_N = dendrogram.height_N.tolist(), bounds(dendrogram, ratio).tolist()
    found: dict[int, float] = {}
    waiting = [(dendrogram.root, dendrogram.root)]
    while waiting:
        node, above = waiting.pop()
        if node < k:
            continue
        if node in kept:
            found[node] = bound_N[node] * height_N[above]
            above = node
        waiting += [(child, above) for child in dendrogram.child_M2[node - k].tolist()]
    return found
