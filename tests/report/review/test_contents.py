from dataclasses import replace

import pytest

from hierclf.report.review import contents as module
from hierclf.report.review.contents import contents
from hierclf.report.review.groups import found_groups
from hierclf.taxonomy import Taxonomy


def told(discovery):
    """(group, classes, groups right below) of every line, read from opening and closing."""
    below, open_groups, found = {}, [], []
    for line in contents(discovery.taxonomy, found_groups(discovery)):
        name = line.group.name
        if line.kind == "open":
            if open_groups:
                below[open_groups[-1]].append(name)
            open_groups.append(name)
            below[name] = []
        else:
            assert open_groups.pop() == name
            found.append((name, line.classes, below[name]))
    assert open_groups == []
    return found


@pytest.mark.parametrize("classes", [1, 2, 24])
def test_it_tells_the_taxonomy(found, classes):
    discovery = found(classes)
    lines = told(discovery)
    assert {name for name, _, _ in lines} == set(discovery.taxonomy.internal_nodes)
    for name, members, groups in lines:
        assert [*groups, *(leaf for leaf, _ in members)] == list(discovery.taxonomy.children(name))
        assert not any(shared for _, shared in members)


def test_second_parents_are_told_under_both(found):
    discovery = found(16)
    first, second = [group for group in found_groups(discovery).values() if group.number and not group.groups][:2]
    leaf = first.classes[0].name
    edges = (*discovery.taxonomy.edges, (second.name, leaf))
    discovery = replace(discovery, taxonomy=Taxonomy(root=discovery.taxonomy.root, edges=edges))
    holders = [name for name, members, _ in told(discovery) if (leaf, True) in members]
    assert sorted(holders) == sorted([first.name, second.name])


def test_a_limit_hides_and_counts(found, monkeypatch):
    discovery = found(24)
    monkeypatch.setattr(module, "MOST_ENTRIES", 6)
    lines = [line for line in contents(discovery.taxonomy, found_groups(discovery)) if line.kind == "close"]
    shown = sum(len(line.classes) for line in lines)
    assert shown < 24
    assert sum(line.hidden for line in lines) > 0


def test_small_ones_are_all_open_and_large_ones_at_the_top(found, monkeypatch):
    discovery = found(24)
    assert all(line.unfolded for line in contents(discovery.taxonomy, found_groups(discovery)) if line.kind == "open")
    monkeypatch.setattr(module, "ALL_OPEN", 2)
    lines = [line for line in contents(discovery.taxonomy, found_groups(discovery)) if line.kind == "open"]
    assert [line.group.number for line in lines if line.unfolded] == [0]
