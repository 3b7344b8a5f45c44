"""The taxonomy with its accuracy per node: an icicle for the eye, an outline to open and close, the weakest nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hierclf.report.colours import step
from hierclf.report.numbers import count, defined, percent, plural
from hierclf.report.outline import icicle, unfold, walk
from hierclf.taxonomy import Taxonomy

if TYPE_CHECKING:
    from hierclf.evaluation import NodeReport

MOST_BLOCKS, DEEPEST_BLOCK = 120, 7
"""The icicle draws at most so many nodes, and so many levels."""
MOST_LINES, DEEPEST_LINE = 5000, 40
"""The outline lists at most so many nodes, and so many levels."""
MOST_WEAK = 8
SMALL = 40
"""A taxonomy of at most so many nodes is listed with every node open, and needs no list of the weakest."""


@dataclass(frozen=True, kw_only=True)
class NodeFacts:
    """A node's numbers as text, with its colour."""

    recall: str
    precision: str
    support: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class TreeBlock:
    """A rectangle of the icicle; ``more`` counts the children that are not drawn."""

    node: str
    facts: NodeFacts
    column: int
    row: int
    rows: int
    shared: bool
    more: int


@dataclass(frozen=True, kw_only=True)
class TreeLine:
    """A step of the walk around the outline: ``kind`` is ``"open"``, ``"alone"`` or ``"close"``."""

    kind: str
    node: str
    facts: NodeFacts
    shared: bool
    more: int
    unfolded: bool


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A taxonomy ready to draw."""

    measured: bool
    counted: bool
    columns: int
    rows: int
    blocks: tuple[TreeBlock, ...]
    lines: tuple[TreeLine, ...]
    weakest: tuple[tuple[str, NodeFacts], ...]
    remarks: tuple[str, ...]


def taxonomy_tree(taxonomy: Taxonomy, nodes: Sequence[NodeReport], counts: Mapping[str, int]) -> Tree:
    """Lay a taxonomy out, coloured by recall where it was measured.

    Args:
        taxonomy: what may be recognised.
        nodes: accuracy per node; empty when nothing was evaluated, and then ``counts`` give the numbers.
        counts: training images per class.
    """
    known = {report.node: _facts(report.recall, report.precision, report.support) for report in nodes}

    def facts(node: str) -> NodeFacts:
        if node not in known:
            known[node] = _facts(None, None, _images_below(taxonomy, node, counts) if not nodes else None)
        return known[node]

    top = unfold(taxonomy, limit=MOST_BLOCKS, deepest=DEEPEST_BLOCK)
    drawn = icicle(top)
    blocks = tuple(
        TreeBlock(
            node=block.entry.node,
            facts=facts(block.entry.node),
            column=block.column,
            row=block.row,
            rows=block.rows,
            shared=block.entry.shared,
            more=block.entry.hidden,
        )
        for block in drawn
    )
    lines = tuple(
        TreeLine(
            kind=event.kind,
            node=event.entry.node,
            facts=facts(event.entry.node),
            shared=event.entry.shared,
            more=event.entry.hidden,
            unfolded=event.entry.depth < 1 or len(taxonomy) <= SMALL,
        )
        for event in walk(unfold(taxonomy, limit=MOST_LINES, deepest=DEEPEST_LINE))
    )
    return Tree(
        measured=bool(nodes),
        counted=not nodes and any(node in counts for node in taxonomy.nodes),
        columns=1 + max(block.column for block in blocks),
        rows=max(block.row + block.rows for block in blocks),
        blocks=blocks,
        lines=lines,
        weakest=tuple((report.node, facts(report.node)) for report in _weakest(taxonomy, nodes)),
        remarks=_remarks(taxonomy, blocks, lines),
    )


def _images_below(taxonomy: Taxonomy, node: str, counts: Mapping[str, int]) -> int | None:
    found = [counts[below] for below in (node, *taxonomy.descendants(node)) if below in counts]
    return sum(found) if found else None


def _weakest(taxonomy: Taxonomy, nodes: Sequence[NodeReport]) -> list[NodeReport]:
    if len(taxonomy) <= SMALL:
        return []
    tested = [report for report in nodes if report.node != taxonomy.root and report.support and _recall(report) < 1]
    return sorted(tested, key=_recall)[:MOST_WEAK]


def _recall(report: NodeReport) -> float:
    recall = defined(report.recall)
    return 1.0 if recall is None else recall


def _remarks(taxonomy: Taxonomy, blocks: Sequence[TreeBlock], lines: Sequence[TreeLine]) -> tuple[str, ...]:
    remarks = []
    if not taxonomy.is_tree:
        shared = sum(len(taxonomy.parents(node)) > 1 for node in taxonomy.nodes)
        remarks.append(
            f"{plural(shared, 'node')} with several parents: drawn once under each of them and marked “shared”,"
            " with the same numbers everywhere."
        )
    drawn = {block.node for block in blocks}
    if len(drawn) < len(taxonomy.nodes):
        remarks.append(
            f"The drawing shows {count(len(drawn))} of {count(len(taxonomy.nodes))} nodes, the upper levels first;"
            " “+ n” counts children that are not drawn."
        )
    listed = {line.node for line in lines}
    if len(listed) < len(taxonomy.nodes):
        remarks.append(f"The list below holds {count(len(listed))} of {count(len(taxonomy.nodes))} nodes.")
    return tuple(remarks)


def _facts(recall: Any, precision: Any, support: Any) -> NodeFacts:
    return NodeFacts(
        recall=percent(recall), precision=percent(precision), support=count(support), colour=step("good", recall)
    )
