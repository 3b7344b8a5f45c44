import itertools
import os

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.document import parse_taxonomy, read_taxonomy
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


def test_comments_stand_behind_their_nodes():
    taxonomy = Taxonomy.from_edges({"r": ["a", "b"], "a": ["x", "y"]})
    text = format_taxonomy(taxonomy, comments={"a": "support 0.98\nof 1", "b": "a leaf"})
    assert "  a: [x, y]  # support 0.98 of 1\n" in text
    assert "  b:  # a leaf\n" in text
    assert parse_taxonomy(text) == taxonomy


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
