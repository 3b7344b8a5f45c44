"""A taxonomy drawn as text, and what to say of one in a line."""

from __future__ import annotations

from hierclf.taxonomy.taxonomy import Taxonomy

DEEPEST_DRAWN = 64


def draw_taxonomy(taxonomy: Taxonomy, *, max_depth: int | None = None) -> str:
    """The outline as a tree of lines; a node with several parents is drawn out under its first one only.

    Args:
        taxonomy: what to draw.
        max_depth: how many levels below the root to draw; None means all, up to 64.

    >>> print(draw_taxonomy(Taxonomy.from_edges([("r", "a"), ("r", "b"), ("a", "x"), ("b", "x"), ("b", "y")])))
    r  (level 0, 2 children)
    ├── a  (level 1, 1 child)
    │   └── x  (level 2, also under b)
    └── b  (level 1, 2 children)
        ├── x  (level 2, also under a)
        └── y  (level 2)
    """
    limit = DEEPEST_DRAWN if max_depth is None else max_depth
    lines: list[str] = []
    drawn: set[str] = set()
    waiting = [(taxonomy.root, "", "", "", 0)]  # node, its parent, margin of its line, margin below it, depth
    while waiting:
        node, parent, margin, below, depth = waiting.pop()
        children = taxonomy.children(node)
        notes = [f"level {taxonomy.level(node)}"]
        if children:
            notes.append(f"{len(children):,} {'child' if len(children) == 1 else 'children'}")
        if len(others := [above for above in taxonomy.parents(node) if above != parent]) and parent:
            notes.append(f"also under {', '.join(others)}")
        if children and node in drawn:
            notes.append("drawn above")
        lines.append(f"{margin}{node}  ({', '.join(notes)})")
        if node in drawn:
            continue
        drawn.add(node)
        if children and depth >= limit:
            lines.append(f"{below}└── …")
            continue
        for child in reversed(children):
            last = child == children[-1]
            step = (below + "└── ", below + "    ") if last else (below + "├── ", below + "│   ")
            waiting.append((child, node, *step, depth + 1))
    return "\n".join(lines)


def summarise(taxonomy: Taxonomy) -> str:
    """One line: how many nodes, leaves and levels, and whether it is a tree.

    >>> summarise(Taxonomy.from_edges([("r", "a"), ("r", "b")]))
    '3 nodes, 2 leaves, 1 level, tree'
    """
    counts = (
        (len(taxonomy), "node", "nodes"),
        (len(taxonomy.leaves), "leaf", "leaves"),
        (taxonomy.depth, "level", "levels"),
    )
    words = [f"{count:,} {one if count == 1 else many}" for count, one, many in counts]
    return ", ".join([*words, "tree" if taxonomy.is_tree else "dag"])
