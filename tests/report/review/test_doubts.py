from dataclasses import replace

import numpy as np
import pytest

from hierclf.discovery import Clade, ClassDistances, Hierarchy, discover
from hierclf.report.review import doubts as module
from hierclf.report.review.doubts import BROADEST, NEAR_MISSES, STRAYS, WEAKEST, doubts
from hierclf.report.review.groups import found_groups


def of(discovery, kind):
    return [doubt for doubt in doubts(discovery, found_groups(discovery)) if doubt.kind == kind]


def grouped(distances, groups):
    """These very groups, as if they had been found."""
    hierarchy = Hierarchy.of(distances.classes, groups.values())
    k, names = len(distances), dict(enumerate(groups, start=len(distances) + 1))
    return replace(
        discover(distances, bootstraps=0),
        hierarchy=hierarchy,
        name={k: "root", **names},
        medoid={name: distances.classes[members[0]] for name, members in groups.items()},
        dendrogram=None,
    )


def test_nothing_is_doubted_about_clear_groups(found):
    discovery = found(16, noise=0.01)
    assert doubts(discovery, found_groups(discovery)) == ()


def test_weak_groups_come_first_and_the_weakest_of_them(found):
    discovery = found(32)
    names = sorted(discovery.support)
    support = {name: 0.95 if place == 0 else 0.7 + 0.001 * place for place, name in enumerate(names)}
    weak = of(replace(discovery, support=support), "unsure group")
    assert [doubt.name for doubt in weak] == names[1 : 1 + WEAKEST]
    assert weak[0].words == "stands together in 70\u202f% of the draws only"
    anchors = {group.name: group.anchor for group in found_groups(discovery).values()}
    assert [doubt.target for doubt in weak] == [anchors[doubt.name] for doubt in weak]


def test_a_class_that_is_nearer_to_another_group_is_named():
    """b2 was joined to b0 and b1 while it is nearer to a0 and a1."""
    far = np.array([
        [0.0, 0.1, 3.0, 3.0, 0.9],
        [0.1, 0.0, 3.0, 3.0, 0.9],
        [3.0, 3.0, 0.0, 0.1, 1.2],
        [3.0, 3.0, 0.1, 0.0, 1.2],
        [0.9, 0.9, 1.2, 1.2, 0.0],
    ])  # fmt: skip
    distances = ClassDistances(classes=("a0", "a1", "b0", "b1", "b2"), distance_P=far[np.triu_indices(5, 1)])
    discovery = grouped(distances, {"a": (0, 1), "b": (2, 3, 4)})
    (stray,) = of(discovery, "odd one out")
    assert stray.name == "b2"
    assert stray.words == "is nearer to a (0.9) than to its own group, b (1.2)"


def test_the_clearest_strays_are_told_first(monkeypatch):
    source = np.random.default_rng(0)
    distances = ClassDistances(classes=tuple("abcdefghijklmnop"), distance_P=1 + source.random(120))
    discovery = grouped(distances, {str(first): range(first, first + 4) for first in range(0, 16, 4)})
    members = [member for group in found_groups(discovery).values() for member in group.classes if member.strays]
    members.sort(key=lambda member: member.far / member.own)
    assert len(members) > STRAYS
    assert [doubt.name for doubt in of(discovery, "odd one out")] == [member.name for member in members[:STRAYS]]
    monkeypatch.setattr(module, "STRAYS", 2)
    assert [doubt.name for doubt in of(discovery, "odd one out")] == [member.name for member in members[:2]]


def test_near_misses_are_told_and_hopeless_ones_are_not(found):
    lost = tuple(Clade(members=("c0", f"c{i}"), support=s) for i, s in enumerate([0.1, 0.6, 0.65, 0.69, 0.55], 1))
    missed = of(replace(found(16), dropped=lost, settings={**found(16).settings, "support": 0.7}), "almost a group")
    assert [doubt.name for doubt in missed] == ["c0, c4", "c0, c3", "c0, c2"]
    assert len(missed) == NEAR_MISSES
    assert missed[0].words == "stand together in 69\u202f% of the draws, and 70\u202f% were asked for"
    assert {doubt.target for doubt in missed} == {"dropped"}


@pytest.mark.parametrize(("largest", "told"), [(5, ["root"]), (24, []), (None, [])])
def test_what_was_left_broad_is_told(found, largest, told):
    discovery = found(24, bootstraps=0, ratio=0.001, largest=None)
    discovery = replace(discovery, settings={**discovery.settings, "largest": largest})
    broad = of(discovery, "broad")
    assert [doubt.name for doubt in broad] == told
    assert len(broad) <= BROADEST
    assert all("has 24 children right below it" in doubt.words for doubt in broad)
