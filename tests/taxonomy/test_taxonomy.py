import itertools
from dataclasses import FrozenInstanceError, replace

import pytest

from hierclf.errors import TaxonomyError, UnknownName
from hierclf.taxonomy.taxonomy import Taxonomy
from tests.work import calls

DIAMOND = Taxonomy(root="r", edges=(("r", "a"), ("r", "b"), ("a", "x"), ("b", "x"), ("b", "y"), ("x", "z")))


def make(*edges: str, root: str = "r", **tables: object) -> Taxonomy:
    return Taxonomy(root=root, edges=tuple((edge[0], edge[1]) for edge in edges), **tables)


def test_a_diamond_by_hand():
    assert DIAMOND.nodes == ("r", "a", "b", "x", "y", "z")
    assert DIAMOND.leaves == ("y", "z")
    assert DIAMOND.internal_nodes == ("r", "a", "b", "x")
    assert [DIAMOND.level(node) for node in DIAMOND.nodes] == [0, 1, 1, 2, 2, 3]
    assert DIAMOND.parents("x") == ("a", "b")
    assert DIAMOND.ancestors("z") == ("r", "a", "b", "x")
    assert DIAMOND.descendants("a") == ("x", "z")
    assert DIAMOND.leaves_below("b") == ("y", "z")
    assert DIAMOND.leaves_below("z") == ("z",)
    assert (DIAMOND.is_tree, DIAMOND.depth, len(DIAMOND), DIAMOND.index("x")) == (False, 3, 6, 3)


def test_the_level_is_the_longest_path():
    assert make("ra", "ab", "rb").level("b") == 2


def test_equal_graphs_are_equal_values():
    assert make("ra", "rb", "ax") == make("ra", "ax", "rb")
    assert hash(make("ra", "rb", "ax")) == hash(make("ra", "ax", "rb"))
    assert make("ra", "rb") != make("rb", "ra")  # the order of children counts
    assert make("ra", "rb", labels=(("q", "b"), ("p", "a"))) == make("ra", "rb", labels=(("p", "a"), ("q", "b")))


def test_the_repr_reads_as_the_call():
    taxonomy = replace(DIAMOND, name="n", level_weights=("decay", 0.5), keep=0.9, other=("o",), labels=(("w", "x"),))
    assert eval(repr(taxonomy)) == taxonomy


def test_a_taxonomy_is_frozen():
    with pytest.raises(FrozenInstanceError):
        DIAMOND.root = "s"


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Taxonomy(root="r", edges=()), "at least one class"),
        (lambda: make("ra", "ab", "ba"), r"loop: 'a' -> 'b' -> 'a'|loop: 'b' -> 'a' -> 'b'"),
        (lambda: make("ra", "aa"), "loop: 'a' -> 'a'"),
        (lambda: make("ra", "ar"), "loop"),
        (lambda: make("ra", "ra"), "'r' -> 'a' is listed twice"),
        (lambda: make("ra", "xy"), "cannot be reached from the root 'r': 'x'"),
        (lambda: make("xr", "ra"), "the root 'r' has a parent, 'x'"),
        (lambda: Taxonomy(root="r", edges=(("r", ""),)), "non-empty text"),
        (lambda: Taxonomy(root="r", edges=(("r", 3),)), "non-empty text, got 3"),
        (lambda: Taxonomy(root="r", edges=(("r", "a\u200b"),)), "zero width space"),
        (lambda: Taxonomy(root="r", edges=(("r", "\u00e9"), ("r", "e\u0301"))), "look alike"),
        (lambda: make("ra", labels=(("x", "b"),)), "unknown class 'b' in labels"),
        (lambda: make("ra", "rb", labels=(("x", "a"), ("x", "b"))), "both 'a' and 'b'"),
        (lambda: make("ra", "rb", labels=(("b", "a"),)), "both 'a' and the class 'b'"),
        (lambda: make("ra", class_weights=(("b", 1.0),)), "unknown class 'b' in class_weights"),
        (lambda: make("ra", class_weights=(("a", -1.0),)), "at least 0, got -1.0"),
        (lambda: make("ra", class_weights=(("a", 1), ("a", 2))), "twice"),
        (lambda: make("ra", level_weights="leef"), "expected 'leaf'"),
        (lambda: make("ra", level_weights=()), "level_weights"),
        (lambda: make("ra", level_weights=(1.0, float("nan"))), "at least 0"),
        (lambda: make("ra", level_weights=("decay",)), "level_weights"),
        (lambda: make("ra", keep=1.0), "between 0 and 1, got 1.0"),
        (lambda: make("ra", promise="two-sided"), "did you mean 'two_sided'"),
        (lambda: make("ra", node_gates=("knnn",)), "did you mean 'knn'"),
        (lambda: make("ra", correct="most"), "correct is a share between 0 and 1, or 'none', got 'most'"),
        (lambda: make("ra", promise="none", false_discovery=0.1), "got promise='none'"),
        (lambda: make("ra", other=("a",)), "cannot be both"),
        (lambda: make("ra", labels=(("x", "a"),), other=("x",)), "cannot be both"),
    ],
)
def test_what_makes_no_taxonomy_is_refused(build, words):
    with pytest.raises(TaxonomyError, match=words):
        build()


def test_a_mistyped_node_gets_a_hint():
    with pytest.raises(UnknownName, match="did you mean 'digit'"):
        Taxonomy(root="r", edges=(("r", "digit"),)).level("digt")


def test_labels_lead_to_nodes():
    taxonomy = make("ra", "rb", labels=(("first", "a"),))
    assert [taxonomy.node_of_label(word) for word in ("first", "a", "b", "c")] == ["a", "a", "b", None]


def of_shape(shape, n):
    names = [f"n{i}" for i in range(n)]
    edges = {
        "chain": list(itertools.pairwise(names)),
        "star": [("n0", name) for name in names[1:]],
        "funnel": [("n0", name) for name in names[1:-1]] + [(name, names[-1]) for name in names[1:-1]],
    }[shape]
    taxonomy = Taxonomy(root="n0", edges=tuple(edges))
    return len(taxonomy), taxonomy.depth, len(taxonomy.ancestors(names[-1]))


@pytest.mark.parametrize(
    ("shape", "depth", "ancestors"), [("chain", 99_999, 99_999), ("star", 1, 1), ("funnel", 2, 99_999)]
)
def test_a_hundred_thousand_nodes(shape, depth, ancestors):
    assert of_shape(shape, 100_000) == (100_000, depth, ancestors)


@pytest.mark.parametrize("shape", ["chain", "star", "funnel"])
def test_the_work_grows_with_the_nodes_and_no_faster(shape):
    few, many = (calls(lambda n=n: of_shape(shape, n)) for n in (2_000, 8_000))
    assert many < 4.1 * few
