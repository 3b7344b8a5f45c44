"""What is held out: laws over many taxonomies and seeds, targets by a walk over the graph."""

import networkx as nx
import numpy as np
import pytest

from experiments.hold_out.drawing import Drawing, draw, pruned
from hierclf.errors import ConfigError
from hierclf.taxonomy import Taxonomy

GROUPS = Taxonomy.from_edges({f"group {g}": [f"{g}{c}" for c in "abcde"] for g in range(10)}, root="thing")
DEEP = Taxonomy.from_edges(
    {
        "thing": ["animal", "tool", "plant"],
        "animal": ["cat", "dog", "bird"],
        "cat": ["lynx", "manx", "ocelot"],
        "dog": ["pug", "collie", "boxer"],
        "bird": ["owl", "wren"],
        "tool": ["saw", "axe", "file"],
        "plant": ["oak", "elm", "fern"],
    }
)
SHARED = Taxonomy.from_edges(
    {
        "thing": ["pet", "predator", "farm", "wild"],
        "pet": ["cat", "dog", "hamster", "horse"],
        "predator": ["cat", "wolf", "lynx", "dog"],
        "farm": ["horse", "cow", "pig", "dog"],
        "wild": ["wolf", "lynx", "deer", "fox"],
    }
)
PAIRS = Taxonomy.from_edges({"x": ["a", "b"], "y": ["c", "d"]}, root="r")


@pytest.mark.parametrize("taxonomy", [GROUPS, DEEP, SHARED], ids=lambda t: str(len(t.nodes)))
@pytest.mark.parametrize("seed", range(8))
def test_every_parent_keeps_two_known_children_and_nothing_is_held_out_twice(taxonomy, seed):
    drawing = draw(taxonomy, leaves=0.2, subtrees=0.2, seed=seed)
    known = drawing.known
    assert not set(drawing.leaves) & set(drawing.below_subtrees)
    assert {*known.leaves} == {*taxonomy.leaves} - {*drawing.leaves} - {*drawing.below_subtrees}
    for leaf in drawing.leaves:
        for parent in taxonomy.parents(leaf):
            assert parent in known
            assert len(known.children(parent)) >= 2
    for node in drawing.subtrees:
        assert not {node, *taxonomy.leaves_below(node)} & set(known.nodes)
    assert set(known.edges) <= set(taxonomy.edges)


@pytest.mark.parametrize("taxonomy", [GROUPS, DEEP, SHARED, PAIRS], ids=lambda t: str(len(t.nodes)))
@pytest.mark.parametrize("seed", range(4))
def test_the_target_is_the_first_known_node_on_a_walk_upwards(taxonomy, seed):
    drawing = draw(taxonomy, leaves=0.2, subtrees=0.2, seed=seed)
    graph = nx.DiGraph([(child, parent) for parent, child in taxonomy.edges])
    for leaf in taxonomy.leaves:
        hops = nx.single_source_shortest_path_length(graph, leaf)
        fewest = min(count for node, count in hops.items() if node in drawing.known)
        assert hops[drawing.target(leaf)] == fewest
        assert drawing.target(leaf) in drawing.known


def test_shares_are_met_where_the_taxonomy_allows():
    drawing = draw(GROUPS, leaves=0.2, subtrees=0.2, seed=3)
    assert len(drawing.subtrees) == 2
    assert len(drawing.leaves) == 8  # a fifth of the 40 classes of the other eight groups
    assert draw(GROUPS, leaves=0.2, subtrees=0, seed=3).subtrees == ()
    assert draw(GROUPS, leaves=0, subtrees=0.2, seed=3).leaves == ()


def test_a_seed_decides_everything():
    drawings = [draw(GROUPS, leaves=0.2, subtrees=0.2, seed=seed) for seed in (0, 0, 1)]
    assert drawings[0] == drawings[1]
    assert drawings[0] != drawings[2]


def test_no_subtree_is_large_and_few_subtrees_are_not_drawn_from():
    drawn = {node for seed in range(40) for node in draw(DEEP, leaves=0.2, subtrees=0.2, seed=seed).subtrees}
    assert drawn == {"cat", "dog", "bird", "tool", "plant"}, "an animal is half of all classes"
    three = Taxonomy.from_edges({g: [g + c for c in "123"] for g in "abc"}, root="r")
    assert all(draw(three, leaves=0.2, subtrees=0.5, seed=seed).subtrees == () for seed in range(5))


def test_a_single_sibling_is_enough_where_there_are_no_more():
    drawing = draw(PAIRS, leaves=0.5, subtrees=0, seed=0)
    assert len(drawing.leaves) == 2
    assert [len(drawing.known.children(node)) for node in ("x", "y")] == [1, 1]


def test_nothing_to_hold_out_is_told():
    chain = Taxonomy.from_edges([("r", "a"), ("a", "b")])
    with pytest.raises(ConfigError, match="nothing can be held out of these 1 classes"):
        draw(chain, leaves=0.2, subtrees=0.2, seed=0)


def test_a_pruned_taxonomy_keeps_its_tables_about_what_stays():
    whole = Taxonomy(
        root="r",
        edges=(("r", "x"), ("r", "y"), ("x", "a"), ("x", "b"), ("y", "c")),
        labels=(("A", "a"), ("C", "c")),
        class_weights=(("a", 2.0), ("y", 3.0)),
        keep=0.9,
    )
    assert pruned(whole, ["a", "b"]) == Taxonomy(
        root="r",
        edges=(("r", "x"), ("x", "a"), ("x", "b")),
        labels=(("A", "a"),),
        class_weights=(("a", 2.0),),
        keep=0.9,
    )


def test_sentences_name_what_is_held_out():
    drawing = Drawing(taxonomy=DEEP, leaves=("lynx",), subtrees=("bird",))
    assert drawing.sentences() == ["Held-out classes: lynx.", "Held out as a whole: bird (2 classes)."]
    assert drawing.target("owl") == "animal"
    assert np.all([drawing.target(leaf) == leaf for leaf in drawing.known.leaves])
