import itertools
import os

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hierclf.errors import TaxonomyError, UnknownName
from hierclf.taxonomy.document import check_taxonomy, parse_taxonomy, read_taxonomy
from hierclf.taxonomy.gate_words import DISCOVERING, GATE_RULES, NODE_SCORES, PROMISES
from hierclf.taxonomy.names import complaint_about, normalise_name
from hierclf.taxonomy.taxonomy import Taxonomy
from hierclf.taxonomy.writing import format_taxonomy, scalar, write_taxonomy

AWKWARD = [
    "0",
    "no",
    "Yes",
    "010",
    "1:30",
    "null",
    "~",
    "<<",
    "a: b",
    "a #b",
    "#a",
    "- a",
    "-",
    "?",
    "*a",
    "&a",
    "!a",
    "@a",
]
AWKWARD += [
    "'",
    '"',
    "\\",
    "[a]",
    "{a}",
    "a,b",
    "%a",
    "`a",
    "|",
    ">",
    "1e3",
    "0x1F",
    ".5",
    "2020-01-01",
    "é",
    "日本",
    "👍",
    "a/b",
    "..",
    "=1+1",
    "7 + 2",
    "4-7-9",
    "10-11-12",
    "1e-3",
    "12-0x1",
    "-1",
]
NAMES = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=8).map(normalise_name)).filter(
    lambda name: not complaint_about(name)
)


@st.composite
def taxonomies(draw) -> Taxonomy:
    names = draw(st.lists(NAMES, min_size=2, max_size=12, unique=True))
    edges: dict[tuple[str, str], None] = {}
    for place in range(1, len(names)):
        for parent in draw(st.sets(st.integers(0, place - 1), min_size=1, max_size=3)):
            edges[names[parent], names[place]] = None
    words = draw(st.lists(NAMES.filter(lambda name: name not in names), max_size=4, unique=True))
    cut = draw(st.integers(0, len(words)))
    number = st.floats(0, 1e6)
    share = st.one_of(st.none(), st.floats(0.01, 0.99))
    promise = draw(st.one_of(st.none(), st.sampled_from(PROMISES)))
    scores = st.lists(st.sampled_from(NODE_SCORES), min_size=1, unique=True).map(tuple)
    return Taxonomy(
        root=names[0],
        edges=tuple(draw(st.permutations(list(edges)))),
        name=draw(st.one_of(st.just(""), NAMES)),
        labels=tuple((word, draw(st.sampled_from(names))) for word in words[:cut]),
        level_weights=draw(
            st.one_of(
                st.none(),
                st.sampled_from(["leaf", "uniform"]),
                st.lists(number, min_size=1, max_size=3).map(tuple),
                number.map(lambda decay: ("decay", decay)),
            )
        ),
        class_weights=tuple((name, draw(number)) for name in draw(st.sets(st.sampled_from(names), max_size=2))),
        other=tuple(words[cut:]),
        keep=draw(share),
        promise=promise,
        confidence=draw(share) if promise == "confident" else None,
        other_accepted=draw(share) if promise == "two_sided" else None,
        node_gates=draw(st.one_of(st.none(), st.sampled_from(GATE_RULES), scores)),
        correct=draw(st.one_of(share, st.just("none"))),
        false_discovery=draw(share) if promise is None or promise in DISCOVERING else None,
    )


@settings(max_examples=150, deadline=2000)
@given(taxonomy=taxonomies())
def test_reading_what_was_written_gives_an_equal_value(taxonomy):
    again = parse_taxonomy(format_taxonomy(taxonomy))
    assert again == taxonomy
    assert again.nodes == taxonomy.nodes


@given(name=NAMES)
def test_other_yaml_readers_see_the_same_text(name):
    read = yaml.safe_load(f"[{scalar(name)}, {{{scalar(name)}: 1}}]")
    assert str(read[0]) == name
    assert [str(key) for key in read[1]] == [name]


def test_long_lists_are_broken_at_commas():
    taxonomy = Taxonomy(root="r", edges=tuple(("r", f"class number {i}") for i in range(100)))
    text = format_taxonomy(taxonomy)
    assert max(map(len, text.splitlines())) <= 100
    assert parse_taxonomy(text) == taxonomy


def remarked(outline, **remarks):
    taxonomy = Taxonomy.from_edges(outline)
    text = format_taxonomy(taxonomy, comments=remarks)
    assert parse_taxonomy(text) == taxonomy
    return text.partition("version: 1\n")[2].splitlines()


def test_comments_stand_behind_their_nodes():
    lines = remarked({"r": ["a", "b"], "a": ["x", "y"]}, a="support 0.98\nof 1", b="a leaf")
    assert lines == ["root: r", "tree:", "  a: [x, y]  # support 0.98 of 1", "  b:         # a leaf"]


def test_comments_stand_behind_blocks_leaves_and_the_root():
    lines = remarked({"r": "ad", "a": "bc", "b": "xy"}, r="three groups", a="1.00", b="0.70", x="a class", d="")
    assert lines == [
        *("root: r  # three groups", "tree:", "  a:      # 1.00", "    b:    # 0.70", "      x:  # a class"),
        *("      y:", "    c:", "  d:"),
    ]


def test_neighbours_have_their_comments_in_one_column():
    lines = remarked({"r": "abcd", "a": "xyz", "b": "u", "c": ["w" * 75], "d": "v"}, a="1", b="2", c="3", d="4")
    assert lines[2:] == ["  a: [x, y, z]  # 1", "  b: [u]        # 2", f"  c: [{'w' * 75}]  # 3", "  d: [v]        # 4"]


def test_a_comment_stands_behind_the_name_also_where_the_list_is_long():
    names = [f"class number {number}" for number in range(20)]
    lines = remarked({"r": ["a", "b"], "a": names}, a="support 0.98")
    assert lines[2] == "  a: [  # support 0.98"
    assert lines[3].startswith("    class number 0, class number 1, ")
    assert max(map(len, lines)) <= 100
    assert remarked({"r": ["a", "b"], "a": names[:5]}, a="short")[2].endswith("class number 4]  # short")
    assert remarked({"r": ["a", "b"], "a": names[:5]}, a="a remark of many words")[2:4] == [
        "  a: [  # a remark of many words",
        "    class number 0, class number 1, class number 2, class number 3, class number 4]",
    ]


def test_a_node_with_two_parents_has_its_comment_once():
    lines = remarked([("r", "a"), ("r", "b"), ("a", "x"), ("b", "x"), ("b", "y")], x="between the two", b="0.9")
    assert lines == ["root: r", "shape: dag", "tree:", "  a:", "    x:       # between the two", "  b: [x, y]  # 0.9"]


def test_the_header_stands_on_top():
    taxonomy = Taxonomy.from_edges({"r": "ab"})
    text = format_taxonomy(taxonomy, header=["Found by a program.", "", "Two\nlines", "version: 2"])
    assert text.splitlines()[:8] == [
        "# yaml-language-server: $schema=./taxonomy.schema.json",
        *("#", "# Found by a program.", "#", "# Two", "# lines", "# version: 2", "version: 1"),
    ]
    assert parse_taxonomy(text) == taxonomy
    assert format_taxonomy(taxonomy, header=[]) == format_taxonomy(taxonomy)


def test_a_comment_on_an_unknown_node_is_refused():
    with pytest.raises(UnknownName, match=r"no node named 'anc'.*did you mean 'and'"):
        format_taxonomy(Taxonomy.from_edges({"r": ["and"]}), comments={"anc": "?"})


@settings(max_examples=150, deadline=2000)
@given(taxonomy=taxonomies(), data=st.data())
def test_remarks_change_nothing_that_is_read(taxonomy, data):
    texts = st.one_of(st.text(max_size=12), st.sampled_from(["# a", "[b]", "x: y", "\x07", "\u2028a", "\ud800", "\t"]))
    comments = data.draw(st.dictionaries(st.sampled_from(taxonomy.nodes), texts, max_size=6))
    header = data.draw(st.lists(texts, max_size=3))
    text = format_taxonomy(taxonomy, comments=comments, header=header)
    assert parse_taxonomy(text) == taxonomy
    assert yaml.safe_load(text).keys() == yaml.safe_load(format_taxonomy(taxonomy)).keys()
    assert check_taxonomy(text) == ()


def test_a_file_is_written_with_its_remarks(tmp_path):
    taxonomy = Taxonomy.from_edges({"r": "ab", "a": "xy"})
    write_taxonomy(taxonomy, tmp_path / "t.yaml", comments={"a": "0.9"}, header=["Found."])
    assert (tmp_path / "t.yaml").read_text() == format_taxonomy(taxonomy, comments={"a": "0.9"}, header=["Found."])
    assert check_taxonomy(tmp_path / "t.yaml") == ()


def test_writing_replaces_the_file_in_one_step(tmp_path, monkeypatch):
    path = tmp_path / "t.yaml"
    path.write_text("precious")
    taxonomy = Taxonomy.from_edges({"r": ["a"]})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TaxonomyError, match=r"t\.yaml: cannot write this taxonomy: No space left"):
        write_taxonomy(taxonomy, path)
    assert [file.name for file in tmp_path.iterdir()] == ["t.yaml"]
    assert path.read_text() == "precious"
    monkeypatch.undo()
    taxonomy.to_yaml(path)
    assert read_taxonomy(path) == taxonomy
    assert [file.name for file in tmp_path.iterdir()] == ["t.yaml"]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(TaxonomyError, match="No such file"):
        write_taxonomy(Taxonomy.from_edges({"r": ["a"]}), tmp_path / "missing" / "t.yaml")


def test_a_chain_too_deep_for_a_file_is_refused():
    names = [f"n{i}" for i in range(400)]
    deep = Taxonomy(root="n0", edges=tuple(itertools.pairwise(names)))
    with pytest.raises(TaxonomyError, match="nested deeper"):
        format_taxonomy(deep)
    shallow = Taxonomy(root="n0", edges=deep.edges[:250])
    assert parse_taxonomy(format_taxonomy(shallow)) == shallow
