"""What changed from one taxonomy to another."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hierclf.taxonomy.taxonomy import Taxonomy

TABLES = (
    *("root", "name", "labels", "level_weights", "class_weights"),
    *("other", "keep", "promise", "confidence", "other_accepted", "node_gates", "correct", "false_discovery"),
)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Nodes that came, went, moved or were renamed, and side tables that changed; false when nothing did.

    Args:
        added: nodes of the second taxonomy alone.
        removed: nodes of the first taxonomy alone.
        renamed: pairs ``(before, after)``: an internal node that went and one that came with the same children.
        moved: triples ``(node, parents before, parents after)``.
        changed: triples ``(table, before, after)`` for everything beside nodes and edges.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    changed: tuple[tuple[str, Any, Any], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.renamed or self.moved or self.changed)

    def __str__(self) -> str:
        lines = [f"+ {node}" for node in self.added]
        lines += [f"- {node}" for node in self.removed]
        lines += [f"~ {before} is now called {after}" for before, after in self.renamed]
        lines += [f"> {node} moved from {', '.join(old)} to {', '.join(new)}" for node, old, new in self.moved]
        lines += [f"! {table}: {before!r} became {after!r}" for table, before, after in self.changed]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return asdict(self)


def difference(before: Taxonomy, after: Taxonomy) -> Difference:
    """Compare two taxonomies by the names of their nodes; the order of children does not count.

    >>> print(difference(Taxonomy.from_edges({"r": "ab", "a": "x"}), Taxonomy.from_edges({"r": "ab", "b": "xy"})))
    + y
    > x moved from a to b
    """
    added = [node for node in after.nodes if node not in before]
    removed = [node for node in before.nodes if node not in after]
    heirs = {frozenset(after.children(node)): node for node in added if after.children(node)}
    called = {node: heirs.pop(below) for node in removed if (below := frozenset(before.children(node))) in heirs}

    moved = []
    for node in before.nodes:
        if node in after:
            old, new = before.parents(node), after.parents(node)
            if {called.get(parent, parent) for parent in old} != set(new):
                moved.append((node, old, new))
    tables = ((table, getattr(before, table), getattr(after, table)) for table in TABLES)
    return Difference(
        added=tuple(node for node in added if node not in called.values()),
        removed=tuple(node for node in removed if node not in called),
        renamed=tuple(called.items()),
        moved=tuple(moved),
        changed=tuple((table, old, new) for table, old, new in tables if old != new),
    )
