from dataclasses import replace

import numpy as np
import pytest

from hierclf.report.review import groups as module
from hierclf.report.review.groups import LEAST_TYPICAL, MOST_CLASSES, STYLES, found_groups


def square(distances):
    k = len(distances)
    table = np.zeros((k, k))
    table[np.triu_indices(k, 1)] = distances.distance_P
    return table + table.T


def test_every_group_is_there_before_those_below_it(found):
    discovery = found(24)
    groups = found_groups(discovery)
    assert set(groups) == set(discovery.hierarchy.groups)
    seen = set()
    for group in groups.values():
        assert group.above in seen or group.above == -1
        assert group.above == discovery.hierarchy.parent_N[group.node]
        seen.add(group.node)
    assert [group.number for group in groups.values()] == list(range(len(groups)))
    assert len({group.anchor for group in groups.values()}) == len(groups)


def test_the_facts_are_those_of_the_discovery(found):
    discovery = found(24)
    for group in found_groups(discovery).values():
        below = discovery.taxonomy.leaves_below(group.name)
        assert group.size == len(below)
        assert group.support == discovery.support.get(group.name)
        assert group.medoid == discovery.medoid.get(group.name, "")
        assert group.height == discovery.hierarchy.height_N[group.node]
        children = {discovery.name[node] for node in group.groups} | {member.name for member in group.classes}
        assert children == set(discovery.taxonomy.children(group.name))


def test_a_group_never_has_the_colour_of_the_one_around_it(found):
    groups = found_groups(found(40))
    inner = [group for group in groups.values() if group.number]
    assert len({group.style for group in inner}) == STYLES
    assert all(group.style != groups[group.above].style for group in inner)


def test_members_stand_from_the_most_to_the_least_typical(found):
    discovery = found(24)
    far, place = square(discovery.distances), {name: at for at, name in enumerate(discovery.distances.classes)}
    groups = found_groups(discovery)
    for group in groups.values():
        if not group.number:
            continue
        inside = discovery.hierarchy.members[group.node - 24]
        for member in group.classes:
            own = [far[place[member.name], other] for other in inside if other != place[member.name]]
            assert member.own == pytest.approx(np.mean(own))
            others = discovery.hierarchy.members[member.other - 24]
            assert not set(others) & set(inside)
            assert member.far == pytest.approx(np.mean([far[place[member.name], other] for other in others]))
        distances = [member.own for member in group.classes]
        assert distances == sorted(distances)


def test_what_is_left_out_lies_between_the_shown(found, monkeypatch):
    discovery = found(24)
    whole = found_groups(discovery)
    monkeypatch.setattr(module, "MOST_CLASSES", 3)
    monkeypatch.setattr(module, "LEAST_TYPICAL", 1)
    short = found_groups(discovery)
    shortened = 0
    for node, group in short.items():
        names = [member.name for member in whole[node].classes]
        if group.number and len(names) > 3:
            shortened += 1
            assert [member.name for member in group.classes] == [*names[:2], names[-1]]
            assert list(group.further) == names[2:-1]
    assert shortened
    assert LEAST_TYPICAL < MOST_CLASSES


def test_of_very_many_groups_the_least_sure_are_shown_in_full(found, monkeypatch):
    discovery = found(24)
    support = {name: 0.5 + 0.01 * place for place, name in enumerate(sorted(discovery.support))}
    discovery = replace(discovery, support=support)
    monkeypatch.setattr(module, "MOST_GROUPS", 4)
    detailed = [group for group in found_groups(discovery).values() if group.detailed]
    assert sorted(group.name for group in detailed) == sorted(support)[:4]
    assert all(group.other is not None for group in detailed)


def test_groups_that_only_the_limit_asked_for_are_told(found):
    free, limited = (found(40, bootstraps=0, ratio=0.05, largest=largest) for largest in (None, 6))
    assert not any(group.for_size for group in found_groups(free).values())
    kept = free.hierarchy.clades
    for group in found_groups(limited).values():
        members = frozenset(limited.hierarchy.members[group.node - 40])
        assert group.for_size == (group.number > 0 and members not in kept)
    assert limited.hierarchy.clades > kept


def test_no_group_is_for_size_where_nothing_is_cut(found):
    assert not any(group.for_size for group in found_groups(found(16, method="kmeans", bootstraps=0)).values())


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_few_classes_stand_below_the_root(found, classes):
    groups = found_groups(found(classes, bootstraps=0, ratio=0.01))
    (root,) = groups.values()
    assert root.number == root.style == 0
    assert root.anchor == "classes"
    assert root.above == -1
    assert root.support is root.other is root.far is None
    assert len(root.classes) == classes
    assert all(member.own is member.other is member.far is None for member in root.classes)
    assert not any(member.strays for member in root.classes)
