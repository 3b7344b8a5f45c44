import pytest

from hierclf.report.review.branches import MOST_ROWS, branches


def below(drawn, node):
    """The ends below a node, from top to bottom."""
    if node not in drawn.children:
        return [node]
    return [end for child in drawn.children[node] for end in below(drawn, child)]


def members(discovery, node):
    return set(discovery.hierarchy.members[node - len(discovery.distances)])


@pytest.mark.parametrize("method", ["average", "ward", "hdbscan", "nbdt", "kmeans"])
def test_every_class_has_a_row_and_every_group_its_node(found, method):
    discovery = found(24, method=method, largest=None, bootstraps=0 if method == "kmeans" else 10)
    drawn = branches(discovery)
    assert sorted(below(drawn, drawn.root)) == list(range(24))
    kept = [node for node in discovery.hierarchy.groups if node != discovery.hierarchy.root]
    assert sorted(drawn.group.values()) == kept != []
    for node, group in drawn.group.items():
        assert set(below(drawn, node)) == members(discovery, group)
        assert drawn.height[node] == discovery.hierarchy.height_N[group]


def test_groups_given_up_are_found_again(torn):
    discovery, drawn = torn, branches(torn)
    assert sorted(drawn.dropped.values()) == list(range(len(discovery.dropped)))
    for node, place in drawn.dropped.items():
        names = {discovery.hierarchy.classes[leaf] for leaf in below(drawn, node)}
        assert names == set(discovery.dropped[place].members)


def test_larger_branches_stand_above_smaller_ones(found):
    drawn = branches(found(20))
    for children in drawn.children.values():
        sizes = [len(below(drawn, child)) for child in children]
        assert sizes == sorted(sizes, reverse=True)


def test_preorder_goes_from_top_to_bottom(found):
    drawn = branches(found(16))
    order = list(drawn.preorder())
    assert [node for node in order if node not in drawn.children] == below(drawn, drawn.root)
    assert len(order) == len(set(order)) == 31


@pytest.mark.parametrize("most_rows", [1, 3, 10, 39])
def test_too_many_classes_share_rows(found, most_rows):
    discovery = found(40)
    drawn = branches(discovery, most_rows=most_rows)
    ends = below(drawn, drawn.root)
    tops = len(drawn.children.get(drawn.root, ())) or 1
    assert not drawn.whole
    assert set(ends) == set(drawn.wedge)
    assert sum(drawn.wedge[end][0] for end in ends) == 40
    assert len(ends) <= max(most_rows, tops)
    hidden = sum(drawn.wedge[end][1] for end in ends)
    assert sum(node in drawn.group for node in drawn.preorder()) + hidden == len(discovery.medoid)


def test_by_default_a_large_taxonomy_is_drawn_by_its_groups(found):
    discovery = found(MOST_ROWS + 8, bootstraps=0)
    drawn = branches(discovery)
    assert not drawn.whole
    assert len(below(drawn, drawn.root)) <= MOST_ROWS
    assert all(end in drawn.wedge for end in below(drawn, drawn.root))


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("method", ["average", "kmeans"])
def test_few_classes(found, classes, method):
    drawn = branches(found(classes, method=method, bootstraps=0))
    assert sorted(below(drawn, drawn.root)) == list(range(classes))
