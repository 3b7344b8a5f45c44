from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from experiments.discovery_speed import (
    LINKAGE,
    NOTHING,
    OURS,
    WHOLE,
    discovered,
    in_turn,
    made_up,
    main,
    once,
    peak,
    sides,
)
from hierclf.discovery.distances import cosine_distances
from hierclf.taxonomy import parse_taxonomy


def test_the_planted_tree_is_found(capsys):
    point_KD = made_up(200, 512)
    found, text = discovered(point_KD)
    groups = {frozenset(range(start, start + 10)) for start in range(0, 200, 10)}
    assert groups <= {*found.hierarchy.clades}
    assert sorted(parse_taxonomy(text).leaves, key=int) == [str(place) for place in range(200)]


@pytest.mark.parametrize("classes", [2, 10, 11, 101])
def test_any_number_of_classes_has_as_many_embeddings_of_about_one_length(classes):
    point_KD = made_up(classes, 300)
    assert point_KD.shape == (classes, 300)
    assert (point_KD**2).sum(1).mean() == pytest.approx(1, abs=0.4)


def test_all_sides_are_of_the_same_classes():
    point_KD = made_up(30, 40)
    merges = {name: work() for name, work in sides(point_KD, pdist(point_KD, "cosine")).items()}
    np.testing.assert_allclose(merges[LINKAGE], merges[WHOLE])
    assert len(merges[OURS][0].distances) == 30


def test_sides_take_turns():
    calls = []
    times = in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b"] * 3
    assert set(times) == {"a", "b"}


@pytest.mark.parametrize("name", [NOTHING, LINKAGE, OURS])
def test_memory_is_told_in_gigabytes(name, capsys):
    main(["--classes", "30", "--size", "8", "--only", name])
    assert 0.05 < float(capsys.readouterr().out) < 20
    assert once(name, 30, 8) < 20


def test_the_table_has_a_line_for_every_side(capsys, monkeypatch):
    monkeypatch.setattr("experiments.discovery_speed.peak", lambda *_: 1.0)
    main(["--classes", "40", "--size", "64", "--repeats", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("40 classes, 64 numbers each; ")
    assert lines[3].split()[-3:] == [lines[3].split()[-3], "1.00", "1.00"]
    assert [line[:20].strip() for line in lines[2:]] == ["the program itself", LINKAGE, WHOLE, OURS]


def test_the_mean_of_the_classes_is_where_directions_are_seen_from():
    point_KD = made_up(20, 16)
    np.testing.assert_allclose(cosine_distances(point_KD), pdist(point_KD - point_KD.mean(0), "cosine"), atol=1e-12)


@pytest.mark.slow
def test_a_process_of_its_own_tells_its_own_peak():
    nothing, whole = (peak(name, 3000, 16) for name in (NOTHING, LINKAGE))
    assert whole - nothing > 3000 * 2999 / 2 * 8 / 1e9
