import pytest

from hierclf.report.outline import icicle, preorder, unfold, walk
from hierclf.taxonomy import Taxonomy


def recursive_names(taxonomy, node):
    return [node, *(name for child in taxonomy.children(node) for name in recursive_names(taxonomy, child))]


def test_every_node_stands_under_each_parent(taxonomy):
    names = [entry.node for entry in preorder(unfold(taxonomy, limit=999, deepest=99))]
    assert names == recursive_names(taxonomy, taxonomy.root)


def test_shared_nodes_are_marked(taxonomy):
    for entry in preorder(unfold(taxonomy, limit=999, deepest=99)):
        assert entry.shared == (len(taxonomy.parents(entry.node)) > 1)


def test_the_limits_hold_and_hidden_children_are_counted(taxonomy):
    for limit, deepest in ((1, 9), (4, 9), (999, 1)):
        entries = list(preorder(unfold(taxonomy, limit=limit, deepest=deepest)))
        assert len(entries) <= limit
        assert max(entry.depth for entry in entries) <= deepest
        for entry in entries:
            assert len(entry.below) + entry.hidden == len(taxonomy.children(entry.node))


def test_a_wide_root_shows_a_part():
    wide = Taxonomy(root="r", edges=tuple(("r", str(leaf)) for leaf in range(100)))
    top = unfold(wide, limit=11, deepest=9)
    assert (len(top.below), top.hidden) == (10, 90)


def test_a_diamond_of_diamonds_does_not_explode():
    edges = []
    for floor in range(60):  # 2 ** 60 paths
        edges += [(f"n{floor}", f"l{floor}"), (f"n{floor}", f"r{floor}")]
        edges += [(f"l{floor}", f"n{floor + 1}"), (f"r{floor}", f"n{floor + 1}")]
    top = unfold(Taxonomy(root="n0", edges=tuple(edges)), limit=500, deepest=999)
    assert len(list(preorder(top))) <= 500


def test_a_long_chain_needs_no_recursion():
    chain = Taxonomy(root="0", edges=tuple((str(n), str(n + 1)) for n in range(5000)))
    top = unfold(chain, limit=9999, deepest=9999)
    assert len(icicle(top)) == 5001
    assert sum(event.kind == "close" for event in walk(top)) == 5000


def test_a_walk_nests(taxonomy):
    depth, names = 0, []
    for event in walk(unfold(taxonomy, limit=999, deepest=99)):
        if event.kind != "close":
            assert event.entry.depth == depth
            names.append(event.entry.node)
        depth += {"open": 1, "alone": 0, "close": -1}[event.kind]
    assert depth == 0
    assert names == recursive_names(taxonomy, taxonomy.root)


def test_children_fill_their_parents_rectangle(taxonomy):
    blocks = {id(block.entry): block for block in icicle(unfold(taxonomy, limit=999, deepest=99))}
    for block in blocks.values():
        below = [blocks[id(entry)] for entry in block.entry.below]
        if below:
            assert below[0].row == block.row
            assert sum(child.rows for child in below) == block.rows
            assert {child.column for child in below} == {block.column + 1}
        else:
            assert block.rows == 1


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_blocks_never_overlap(taxonomy, limit):
    cells = [
        (block.column, block.row + step)
        for block in icicle(unfold(taxonomy, limit=limit, deepest=9))
        for step in range(block.rows)
    ]
    assert len(cells) == len(set(cells))
