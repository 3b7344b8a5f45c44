import re

import numpy as np
import pytest

from hierclf.discovery import Hierarchy
from hierclf.report.review.branches import Branches, branches
from hierclf.report.review.dendrogram import ACROSS, MARGIN, ROW, draw
from hierclf.report.review.groups import found_groups


def drawn(discovery, **options):
    tree = branches(discovery, **options)
    return tree, draw(tree, found_groups(discovery), discovery.distances.classes, discovery.dropped)


def strokes(path):
    """Horizontal and vertical lines of a path, as ((x, y), (x, y))."""
    found = []
    for x, y, way, end in re.findall(r"M([\d.e+]+) ([\d.]+)([HVv])([\d.]+)", path):
        start = (float(x), float(y))
        found.append(
            (start, (float(end), start[1]) if way == "H" else (start[0], float(end) + start[1] * (way == "v")))
        )
    return found


def twigs_and_stems(drawing):
    return [stroke for kind, path in drawing.paths if kind.startswith(("twig", "stem")) for stroke in strokes(path)]


def test_it_is_the_dendrogram_that_scipy_would_draw(found):
    """Read back from the lines: which classes join at which height."""
    discovery = found(16)
    _, drawing = drawn(discovery)
    lines = twigs_and_stems(drawing)
    upright = [line for line in lines if line[0][0] == line[1][0]]
    across = {(end, y): start for (start, y), (end, _) in lines if start != end}
    assert len(upright) == 15
    assert len(across) == 30
    rows = {y: name.text for y, name in zip(np.arange(16) * ROW + ROW / 2, drawing.ends, strict=True)}
    joins = set()
    below = {(float(ACROSS), y): frozenset([name]) for y, name in rows.items()}
    for (x, low), (_, high) in sorted(upright, key=lambda line: -line[0][0]):
        arms = [end for end, start in across.items() if start == x and end[1] in (low, high)]
        arms = [end for end in arms if end in below]
        assert len(arms) == 2
        group = below[arms[0]] | below[arms[1]]
        below[x, round((low + high) / 2, 2)] = group
        joins.add((group, x))
    top = discovery.dendrogram.height_N[-1]
    names = discovery.distances.classes
    for node in range(16, 31):
        group = frozenset(names[leaf] for leaf in discovery.dendrogram.members(node))
        place = ACROSS - discovery.dendrogram.height_N[node] / top * (ACROSS - MARGIN)
        assert any(group == found_group and x == pytest.approx(place, abs=0.06) for found_group, x in joins)


def test_kept_groups_are_marked_with_their_support_and_lost_ones_with_theirs(torn):
    discovery = torn
    _, drawing = drawn(discovery)
    kept = [mark for mark in drawing.marks if mark.kept]
    lost = [mark for mark in drawing.marks if not mark.kept]
    assert sorted(mark.label for mark in kept) == sorted(f"{100 * s:.0f}\u202f%" for s in discovery.support.values())
    assert sorted(mark.label for mark in lost) == sorted(f"{100 * c.support:.0f}\u202f%" for c in discovery.dropped)
    assert list(drawing.marks) == [*lost, *kept]
    assert {mark.target for mark in lost} == {"dropped"}
    assert len({mark.target for mark in kept}) == len(kept)


def test_marks_sit_where_their_members_join(found):
    discovery = found(16)
    tree, drawing = drawn(discovery)
    top = tree.height[tree.root]
    groups = {group.anchor: group for group in found_groups(discovery).values()}
    for mark in drawing.marks:
        group = groups[mark.target]
        assert mark.x == pytest.approx(100 - group.height / top * (100 - MARGIN / 10), abs=0.02)
        rows = [
            row for run in drawing.runs for row in range(run.row, run.row + run.rows) if run.group.node == group.node
        ]
        if len(rows) == group.size:
            assert rows[0] / 16 * 100 < mark.y < (rows[-1] + 1) / 16 * 100


def test_runs_are_the_rows_of_the_lowest_group_of_each_class(found):
    discovery = found(24)
    _, drawing = drawn(discovery)
    place = {name: leaf for leaf, name in enumerate(discovery.distances.classes)}
    own = {}
    for run in drawing.runs:
        for row in range(run.row, run.row + run.rows):
            own[drawing.ends[row].text] = run.group.node
            assert drawing.ends[row].style == run.group.style
    root = discovery.hierarchy.root
    expected = {name: int(discovery.hierarchy.parent_N[leaf]) for name, leaf in place.items()}
    assert own == {name: node for name, node in expected.items() if node != root}
    named = [run.group.node for run in drawing.runs if run.named]
    assert sorted(named) == sorted(set(own.values()))


def test_bars_stand_where_the_cut_was(found):
    discovery = found(16, bootstraps=0, largest=None)
    tree, drawing = drawn(discovery)
    bars = strokes(dict(drawing.paths)["bar"])
    assert drawing.barred
    places = sorted(line[0][0] for line in bars)
    top = tree.height[tree.root]
    expected = sorted(ACROSS - tree.bar[node] / top * (ACROSS - MARGIN) for node in tree.group)
    np.testing.assert_allclose(places, expected, atol=0.06)
    dots = {mark.target: mark.x * 10 for mark in drawing.marks}
    assert len(dots) == len(places)


def test_ticks_are_distances_from_right_to_left(found):
    _, drawing = drawn(found(16))
    assert drawing.ticks[0].text == "0"
    assert drawing.ticks[0].place == 100
    places = [tick.place for tick in drawing.ticks]
    assert places == sorted(places, reverse=True)


def test_without_any_distance_it_is_drawn_by_levels():
    hierarchy = Hierarchy.of(tuple("abcd"), [(0, 1), (0, 1, 2)])
    tree = Branches(
        root=4, children={node: hierarchy.children(node) for node in hierarchy.groups},
        height=dict.fromkeys(range(7), 0.0), group={},
    )  # fmt: skip
    drawing = draw(tree, {}, "abcd")
    assert drawing.ticks == ()
    upright = sorted({line[0][0] for line in twigs_and_stems(drawing) if line[0][0] == line[1][0]})
    assert upright == [MARGIN, pytest.approx(346.7), pytest.approx(673.3)]


def test_wedges_stand_for_several_classes(found):
    discovery = found(40)
    _, drawing = drawn(discovery, most_rows=12)
    assert len(drawing.ends) <= 12
    assert not any(end.single for end in drawing.ends)
    assert sum(int(end.text.split()[0]) for end in drawing.ends) == 40
    assert sum(path.count("z") for kind, path in drawing.paths if kind.startswith("wedge")) == len(drawing.ends)
    assert "groups" in drawing.words


def test_the_words_say_what_is_drawn(found):
    discovery = found(16)
    _, drawing = drawn(discovery)
    assert drawing.words.startswith(f"A tree of 16 rows. {len(discovery.medoid)} groups were kept")
    assert "No group was kept." in drawn(found(2))[1].words
