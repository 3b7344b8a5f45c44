"""A dendrogram as a vector drawing: heights from left (far) to right (0), a row for each class.

The drawing stretches with the page while its text keeps its size, so lines and text are placed apart: lines in a frame
of `ACROSS` by `ROW` per row that is stretched, texts and dots by percentages.

A group that was kept is a dot where its members join, on a thick line that reaches back to where it joins its own
relatives: the longer that line, the clearer the group. A small bar on it marks where its members had to join at the
latest for the cut to keep it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierclf.report.axes import Tick, round_numbers
from hierclf.report.numbers import count, percent, plural
from hierclf.report.review.branches import Branches
from hierclf.report.review.groups import Group

if TYPE_CHECKING:
    from hierclf.discovery import Clade

ACROSS, ROW = 1000, 10
"""Width of the frame, and height of one row of it."""
MARGIN = 20
"""What is left free on the left, for the root."""


@dataclass(frozen=True, kw_only=True)
class End:
    """A row of the drawing: a class, or several that it stands for."""

    text: str
    style: int
    single: bool


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A dot where the members of a group join; places are percentages."""

    x: float
    y: float
    style: int
    label: str
    words: str
    target: str
    kept: bool


@dataclass(frozen=True, kw_only=True)
class Run:
    """Adjacent rows of one group, with its name where it is written."""

    row: int
    rows: int
    group: Group
    named: bool


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A dendrogram, ready to draw."""

    ends: tuple[End, ...]
    paths: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]
    runs: tuple[Run, ...]
    ticks: tuple[Tick, ...]
    words: str
    whole: bool
    barred: bool

    @property
    def width(self) -> int:
        """Of the frame."""
        return ACROSS

    @property
    def height(self) -> int:
        """Of the frame."""
        return ROW * len(self.ends)


def draw(
    drawn: Branches, groups: Mapping[int, Group], classes: Sequence[str], dropped: Sequence[Clade] = ()
) -> Drawing:
    """Lay a tree out.

    Args:
        drawn: what to draw.
        groups: by node of the hierarchy.
        classes: names of the classes by node.
        dropped: groups that were given up.
    """
    order = list(drawn.preorder())
    owner = _owners(drawn, order)
    y, ends = _rows(drawn, order, owner, groups, classes)
    x = _across(drawn, order)
    top = drawn.height[drawn.root]
    return Drawing(
        ends=tuple(ends),
        paths=_paths(drawn, order, owner, groups, x, y),
        marks=tuple(_marks(drawn, order, groups, dropped, x, y, len(ends))),
        runs=_runs(
            [groups.get(owner[node]) if node in owner else None for node in order if node not in drawn.children]
        ),
        ticks=tuple(Tick(round(_place(value, top) / ACROSS * 100, 2), f"{value:g}") for value in round_numbers(0, top))
        if top > 0
        else (),
        words=_words(drawn, groups, len(ends)),
        whole=drawn.whole,
        barred=bool(drawn.bar),
    )


def _owners(drawn: Branches, order: Sequence[int]) -> dict[int, int]:
    """The lowest group that each node is, or lies in; none for what lies in none."""
    owner: dict[int, int] = {}
    for node in order:
        if node in drawn.group:
            owner[node] = drawn.group[node]
        if node in owner:
            owner.update(dict.fromkeys(drawn.children.get(node, ()), owner[node]))
    return owner


def _rows(
    drawn: Branches, order: Sequence[int], owner: Mapping[int, int], groups: Mapping[int, Group], classes: Sequence[str]
) -> tuple[dict[int, float], list[End]]:
    """How far down each node is, and what stands at the end of each row."""
    y: dict[int, float] = {}
    ends: list[End] = []
    for node in order:
        if node in drawn.children:
            continue
        y[node] = ROW * (len(ends) + 0.5)
        single = node not in drawn.wedge
        text = classes[node] if single else _several(*drawn.wedge[node])
        ends.append(End(text=text, style=_style(groups, owner.get(node)), single=single))
    for node in reversed(order):
        below = drawn.children.get(node, ())
        if below:
            y[node] = round((y[below[0]] + y[below[-1]]) / 2, 2)
    return y, ends


def _several(classes: int, groups: int) -> str:
    return plural(classes, "class", "classes") + (f" in {plural(groups, 'group')}" if groups else "")


def _across(drawn: Branches, order: Sequence[int]) -> dict[int, float]:
    """How far across each node is: by its height, or by the nodes below it where all heights are zero."""
    top = drawn.height[drawn.root]
    height: dict[int, float] = {node: drawn.height.get(node, 0.0) for node in order}
    if top <= 0:
        for node in reversed(order):
            height[node] = 1 + max((height[child] for child in drawn.children.get(node, ())), default=-1.0)
        top = height[drawn.root]
    return {node: _place(height[node], top) for node in order}


def _place(height: float, top: float) -> float:
    share = min(max(height / top, 0.0), 1.0) if top > 0 else 0.0
    return round(ACROSS - share * (ACROSS - MARGIN), 1)


def _style(groups: Mapping[int, Group], node: int | None) -> int:
    return 0 if node is None else groups[node].style


def _paths(
    drawn: Branches,
    order: Sequence[int],
    owner: Mapping[int, int],
    groups: Mapping[int, Group],
    x: Mapping[int, float],
    y: Mapping[int, float],
) -> tuple[tuple[str, str], ...]:
    """Everything that is drawn as lines: a path in SVG's language for each style."""
    paths: defaultdict[str, list[str]] = defaultdict(list)
    top = drawn.height[drawn.root]
    for node in order:
        style, below = _style(groups, owner.get(node)), drawn.children.get(node, ())
        if below:
            paths[f"twig s{style}"].append(f"M{x[node]:g} {y[below[0]]:g}V{y[below[-1]]:g}")
        for child in below:
            kept = child in drawn.group
            kind = f"stem s{_style(groups, drawn.group[child])}" if kept else f"twig s{style}"
            paths[kind].append(f"M{x[node]:g} {y[child]:g}H{x[child]:g}")
            if child in drawn.bar and (kept or child in drawn.dropped):
                at = _place(drawn.bar[child], top)
                paths["bar"].append(f"M{at:g} {y[child] - ROW * 0.3:g}v{ROW * 0.6:g}")
                if at < x[node]:
                    paths["reach"].append(f"M{at:g} {y[child]:g}H{x[node]:g}")
        if node in drawn.wedge:
            half = ROW * (0.42 if drawn.wedge[node][0] > 1 else 0)
            paths[f"wedge s{style}"].append(f"M{x[node]:g} {y[node]:g}L{ACROSS} {y[node] - half:g}v{2 * half:g}z")
    return tuple((kind, "".join(parts)) for kind, parts in sorted(paths.items()))


def _marks(
    drawn: Branches,
    order: Sequence[int],
    groups: Mapping[int, Group],
    dropped: Sequence[Clade],
    x: Mapping[int, float],
    y: Mapping[int, float],
    rows: int,
) -> list[Mark]:
    marks = []
    for node in order:
        place = {"x": round(x[node] / ACROSS * 100, 2), "y": round(y[node] / (ROW * rows) * 100, 3)}
        if node in drawn.group:
            group = groups[drawn.group[node]]
            sure = "" if group.support is None else f"support {percent(group.support, digits=0)}, "
            words = f"{group.name}: {plural(group.size, 'class', 'classes')}, {sure}joined at {group.height:.3g}"
            label = "" if group.support is None else percent(group.support, digits=0)
            marks.append(Mark(**place, style=group.style, label=label, words=words, target=group.anchor, kept=True))
        elif node in drawn.dropped:
            clade = dropped[drawn.dropped[node]]
            label = percent(clade.support, digits=0)
            words = f"given up: {plural(len(clade.members), 'class', 'classes')}, support {label}"
            marks.append(Mark(**place, style=0, label=label, words=words, target="dropped", kept=False))
    return sorted(marks, key=lambda mark: mark.kept)  # what was kept is drawn on top


def _runs(owners: Sequence[Group | None]) -> tuple[Run, ...]:
    """Adjacent rows of the same group; the longest run of each group bears its name."""
    found: list[tuple[int, int, Group]] = []
    start = 0
    for row in range(1, len(owners) + 1):
        if row == len(owners) or owners[row] is not owners[start]:
            group = owners[start]
            if group is not None:
                found.append((start, row - start, group))
            start = row
    longest: dict[int, tuple[int, int, Group]] = {}
    for run in found:
        if run[1] > longest.get(run[2].node, (0, 0, run[2]))[1]:
            longest[run[2].node] = run
    return tuple(
        Run(row=row, rows=rows, group=group, named=longest[group.node][0] == row) for row, rows, group in found
    )


def _words(drawn: Branches, groups: Mapping[int, Group], rows: int) -> str:
    """The drawing for those who cannot see it."""
    kept = [group for group in groups.values() if group.number]
    told = f"A tree of {count(rows)} rows. " if drawn.whole else f"A tree of groups in {count(rows)} rows. "
    if not kept:
        return told + "No group was kept."
    top = [group.name for group in kept if groups[group.above].number == 0]
    listed = ", ".join(top[:12]) + (", and more" if len(top) > 12 else "")
    return f"{told}{plural(len(kept), 'group')} were kept; right below the root: {listed}."
