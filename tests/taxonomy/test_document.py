"""Every rule with a file that breaks it and the place that is pointed at, hostile files, the schema, the shipped."""

import os
import re
import string
import subprocess
import sys
import tracemalloc
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hierclf.errors import TaxonomyError
from hierclf.taxonomy import events as events_module
from hierclf.taxonomy.document import (
    check_taxonomy,
    find_taxonomy,
    parse_taxonomy,
    read_taxonomy,
    schema,
    shipped_taxonomies,
)
from hierclf.taxonomy.fault import RULES
from hierclf.taxonomy.taxonomy import Taxonomy
from tests.work import calls

USERS_EXAMPLE = """\
# yaml-language-server: $schema=./taxonomy.schema.json
version: 1
name: digits-and-letters
root: character            # optional; the top-level names are its children
shape: dag                 # tree (default) | dag
tree:
  digit: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  letter:
    vowel: [a, e, i, o, u]
    consonant: [b, c, d, f, g, n, y]
  round: [0, 6, 8, 9, o]   # listed again: a second parent
labels:                    # names in the data → class; all others match their own name
  o: [letter_o, "O"]
weights:
  levels: [1.0, 1.0, 0.5]  # the gate, level 1, level 2; or a rule: leaf | uniform | {decay: 0.5}
  classes: {round: 0.25}
other:
  data: [clutter]          # optional: folders or labels that are known to be none of the classes
  keep: 0.95               # share of known images that must not be turned away
"""

GOOD = {
    "example": USERS_EXAMPLE,
    "one class": "tree: cat\n",
    "a list": "tree: [cat, dog]\n",
    "mappings in a list": "tree:\n- upper: [shirt, coat]\n- lower:\n    - skirt\n- hat\n",
    "leaves without anything": "tree:\n  cat:\n  dog: ~\n  cow: null\n  pig: []\n  hen: {}\n",
    "nothing optional set": "version:\nname:\nroot:\nshape:\ntree: [a]\nlabels:\nweights:\nother:\n",
    "weights by rule": "tree: [a]\nweights: {levels: leaf}\n",
    "weights that fade": "tree: [a]\nweights: {levels: {decay: 0.5}, classes: {a: 2, root: 1e-3}}\n",
    "one word where a list may be": "tree: [a]\nlabels: {a: b}\nother: {data: c, keep: 0.5}\n",
    "version in quotes": 'version: "1"\ntree: [a]\n',
    "a promise with its number": "tree: [a]\nother: {keep: 0.9, promise: confident, confidence: 0.9}\n",
    "a promise about other": "tree: [a]\nother: {promise: two_sided, other_accepted: 1e-2, gates: none}\n",
    "gates by name": 'tree: [a]\nother: {promise: "none", gates: [knn, "gen", mahalanobis++]}\n',
    "one gate": "tree: [a]\nother: {gates: knn, promise: , confidence: ~}\n",
    "a share to be right": "tree: [a]\nother: {correct: 0.9, promise: none}\n",
    "no share to be right": "tree: [a]\nother: {correct: none, false_discovery: }\n",
    "few false discoveries": "tree: [a]\nother: {false_discovery: .1, promise: confident, correct: ~}\n",
    "case twins": "tree: [a, A]\n",
    "names that look like paths and markup": "tree: ['..', a/b, <script>, '=HYPERLINK()']\n",
    "one document, marked": "---\ntree: [a]\n...\n",
    "Windows line ends": "tree:\r\n  a: [b]\r\n",
}

BAD = {  # rule, text, line, column, words of the message or the help
    "syntax: open list": ("syntax", "tree: [a\n", 1, 9, "not closed"),
    "syntax: colon": ("syntax", "tree: a: b\n", 1, 8, "quotes"),
    "syntax: open quote": ("syntax", 'tree: "a\n', 1, 9, "quote is not closed"),
    "syntax: at sign": ("syntax", "tree: [@a]\n", 1, 8, "special character"),
    "syntax: NUL": ("syntax", "tree: [a,\n b\x00]\n", 2, 3, "NUL"),
    "syntax: escape": ("syntax", "tree: \x1b[2J\n", 1, 7, "U+001B"),
    "syntax: tab": ("syntax", "tree:\n\ta: b\n", 2, 1, "spaces"),
    "syntax: byte order mark inside": ("syntax", "tree: [a\ufeff]\n", 1, 9, "byte order mark"),
    "syntax: half a character": ("syntax", "tree: [\ud800]\n", 1, 8, "U+D800"),
    "syntax: two documents": ("syntax", "tree: [a]\n---\ntree: [b]\n", 2, 1, "second document"),
    "anchors": ("anchors", "tree: &x [a]\n", 1, 7, "&x"),
    "aliases": ("anchors", "tree: [*star]\n", 1, 8, '"*star"'),
    "merge keys": ("anchors", "tree:\n  <<: {a: b}\n", 2, 3, "merge"),
    "tags": ("tags", "tree: [!!python/name:os.system a]\n", 1, 8, "every scalar is text"),
    "version": ("version", "version: 2\ntree: [a]\n", 1, 10, "update hierclf"),
    "unknown key": ("unknown-key", "tre: [a]\ntree: [a]\n", 1, 1, 'did you mean "tree"?'),
    "unknown key in weights": ("unknown-key", "tree: [a]\nweights: {level: leaf}\n", 2, 11, 'did you mean "levels"?'),
    "unknown key in other": ("unknown-key", "tree: [a]\nother: {kep: 0.9}\n", 2, 9, 'did you mean "keep"?'),
    "duplicate key": ("duplicate-key", "tree:\n  a: [b]\n  a: [c]\n", 3, 3, "first in line 2"),
    "duplicate top key": ("duplicate-key", "tree: [a]\ntree: [b]\n", 2, 1, "stands twice"),
    "not a mapping": ("wrong-type", "- a\n- b\n", 1, 1, "`tree:`"),
    "just a word": ("wrong-type", "a\n", 1, 1, "`tree:`"),
    "list in a list": ("wrong-type", "tree: [[a]]\n", 1, 8, "list right inside a list"),
    "key that is a list": ("wrong-type", "tree: {[a]: b, c: d}\n", 1, 8, "a key must be text"),
    "root that is a list": ("wrong-type", "root: [a]\ntree: [b]\n", 1, 7, "one word"),
    "labels that are a list": ("wrong-type", "tree: [a]\nlabels: [a]\n", 2, 9, "classes as keys"),
    "names that are a mapping": ("wrong-type", "tree: [a]\nlabels: {a: {b: c}}\n", 2, 13, "not a mapping"),
    "weights that are a list": ("wrong-type", "tree: [a]\nweights: [1]\n", 2, 10, "levels, classes"),
    "weight in quotes": ("wrong-type", 'tree: [a]\nweights: {classes: {a: "1"}}\n', 2, 24, "without quotes"),
    "shape": ("unknown-shape", "shape: dga\ntree: [a]\n", 1, 8, 'did you mean "dag"?'),
    "empty file": ("empty", "", 1, 1, "`tree:`"),
    "only comments": ("empty", "# nothing\n", 1, 1, "`tree:`"),
    "no tree": ("empty", "name: x\n", 1, 1, "missing"),
    "empty tree": ("empty", "tree: []\n", 1, 7, "no class"),
    "empty name": ("empty-name", 'tree: [a, ""]\n', 1, 11, "without a name"),
    "dangling dash": ("empty-name", "tree:\n- a\n-\n", 3, 2, "without a name"),
    "zero-width": ("bad-name", "tree: [a\u200bb]\n", 1, 8, "zero width space"),
    "right to left": ("bad-name", "tree: ['a\u202eb']\n", 1, 8, "right-to-left override"),
    "line end in a name": ("bad-name", 'tree: ["a\\nb"]\n', 1, 8, "U+000A"),
    "too long": ("bad-name", f"tree: [{'a' * 300}]\n", 1, 8, "300 characters"),
    "spaces": ("bad-name", 'tree: [" a"]\n', 1, 8, "space"),
    "bad root": ("bad-name", "root: a\u200b\ntree: [b]\n", 1, 7, "zero width"),
    "normal form twins": ("nfc-twin", "tree: [caf\u00e9, cafe\u0301]\n", 1, 14, "'caf\\xe9' and 'cafe\\u0301'"),
    "twice in a list": ("listed-twice", "tree: [a, b, a]\n", 1, 14, "first in line 1"),
    "same child in two places": (
        "listed-twice",
        "shape: dag\ntree:\n  a: {c: d}\n  b: {c: d}\n",
        4,
        10,
        "first in line 3",
    ),
    "second parent": ("second-parent", "tree:\n  a: [c]\n  b: [c]\n", 3, 7, '"a" in line 2 and again under "b"'),
    "itself": ("class-under-itself", "shape: dag\ntree:\n  a: [b, a]\n", 3, 10, "under itself"),
    "root below the root": ("class-under-itself", "root: r\ntree: [r]\n", 2, 8, "under itself"),
    "loop": ("cycle", "shape: dag\ntree:\n  a: [b]\n  b: [c]\n  c: [a]\n", 5, 7, '"a" -> "b" -> "c" -> "a"'),
    "loop in a tree": ("cycle", "tree: {a: [b], b: [a]}\n", 1, 20, '"a" -> "b" -> "a"'),
    "loop through the root": ("cycle", "root: r\ntree: {a: [r]}\n", 2, 12, '"r" -> "a" -> "r"'),
    "unknown class": (
        "unknown-class",
        "tree: [a, round]\nweights:\n  classes: {round_: 1}\n",
        3,
        13,
        'did you mean "round"?',
    ),
    "unknown class in labels": ("unknown-class", "tree: [cat]\nlabels: {cta: b}\n", 2, 10, 'did you mean "cat"?'),
    "label for two": ("label-conflict", "tree: [a, b]\nlabels: {a: x, b: [x]}\n", 2, 20, 'both "a" and "b"'),
    "label that is a class": ("label-conflict", "tree: [a, b]\nlabels: {a: b}\n", 2, 13, "a class itself"),
    "other that is a class": ("other-is-class", "tree: [a]\nother: {data: [b, a]}\n", 2, 19, "cannot be both"),
    "other that is a label": (
        "other-is-class",
        "tree: [a]\nlabels: {a: x}\nother: {data: x}\n",
        3,
        15,
        'the class "a"',
    ),
    "other twice": ("listed-twice", "tree: [a]\nother: {data: [x, x]}\n", 2, 19, "drop one"),
    "weight that is a word": ("bad-weight", "tree: [a]\nweights: {classes: {a: much}}\n", 2, 24, "must be a number"),
    "weight below 0": ("bad-weight", "tree: [a]\nweights: {classes: {a: -1}}\n", 2, 24, "at least 0"),
    "weight nan": ("bad-weight", "tree: [a]\nweights: {levels: [.nan]}\n", 2, 20, "must be a number"),
    "weight without end": ("bad-weight", "tree: [a]\nweights: {levels: [1e999]}\n", 2, 20, "finite"),
    "no weight": ("bad-weight", "tree: [a]\nweights: {levels: []}\n", 2, 19, "empty list"),
    "no such rule": ("bad-weight", "tree: [a]\nweights: {levels: unifrom}\n", 2, 19, 'did you mean "uniform"?'),
    "keep all": ("keep-range", "tree: [a]\nother: {keep: 1}\n", 2, 15, "0.95"),
    "keep in per cent": ("keep-range", "tree: [a]\nother: {keep: 95}\n", 2, 15, "got 95"),
    "promise": ("unknown-promise", "tree: [a]\nother: {promise: confidnt}\n", 2, 18, 'did you mean "confident"?'),
    "promise that is a list": ("wrong-type", "tree: [a]\nother: {promise: [average]}\n", 2, 18, "one word"),
    "confidence in per cent": (
        "share-range",
        "tree: [a]\nother: {promise: confident, confidence: 95}\n",
        2,
        41,
        "between 0 and 1, got 95",
    ),
    "confidence without its promise": ("idle-share", "tree: [a]\nother: {confidence: 0.9}\n", 2, 21, "confident"),
    "accepted under another promise": (
        "idle-share",
        "tree: [a]\nother: {promise: average, other_accepted: 0.1}\n",
        2,
        43,
        "promise: two_sided",
    ),
    "confidence that is a word": (
        "bad-weight",
        "tree: [a]\nother: {promise: confident, confidence: high}\n",
        2,
        41,
        "must be a number",
    ),
    "right in per cent": ("share-range", "tree: [a]\nother: {correct: 95}\n", 2, 18, "between 0 and 1, got 95"),
    "right without promise": ("bad-weight", "tree: [a]\nother: {correct: nome}\n", 2, 18, 'did you mean "none"?'),
    "right as a word": ("bad-weight", "tree: [a]\nother: {correct: always}\n", 2, 18, "write none, or a share"),
    "right in quotes": ("wrong-type", 'tree: [a]\nother: {correct: "0.9"}\n', 2, 18, "without quotes"),
    "right as a list": ("wrong-type", "tree: [a]\nother: {correct: [0.9]}\n", 2, 18, "a list or a mapping"),
    "all discoveries false": ("share-range", "tree: [a]\nother: {false_discovery: 1}\n", 2, 26, "such as 0.1"),
    "discoveries without a share": (
        "bad-weight",
        "tree: [a]\nother: {false_discovery: few}\n",
        2,
        26,
        'false discoveries must be a number, got "few"',
    ),
    "discoveries under another promise": (
        "idle-share",
        "tree: [a]\nother: {promise: per_class, false_discovery: 0.1}\n",
        2,
        46,
        "'average', 'confident' and 'two_sided'",
    ),
    "misspelt discoveries": (
        "unknown-key",
        "tree: [a]\nother: {false_discoveries: 0.1}\n",
        2,
        9,
        'did you mean "false_discovery"?',
    ),
    "gates": ("unknown-gate", "tree: [a]\nother: {gates: atuo}\n", 2, 16, 'did you mean "auto"?'),
    "gates in a list": ("unknown-gate", "tree: [a]\nother: {gates: [knn, auto]}\n", 2, 22, "node_relative"),
    "gates that are a mapping": ("wrong-type", "tree: [a]\nother: {gates: {knn: 5}}\n", 2, 16, "a mapping"),
    "no gates": ("wrong-type", "tree: [a]\nother: {gates: []}\n", 2, 16, "an empty list"),
    "gates twice": ("listed-twice", "tree: [a]\nother: {gates: [knn, knn]}\n", 2, 22, "drop one"),
    "too deep": ("too-deep", "tree: " + "[" * 1000 + "\n", 1, 262, "256"),
}


def test_the_users_example_is_read_to_the_letter():
    taxonomy = parse_taxonomy(USERS_EXAMPLE)
    assert (taxonomy.root, taxonomy.name, taxonomy.is_tree) == ("character", "digits-and-letters", False)
    assert taxonomy.children("character") == ("digit", "letter", "round")
    assert taxonomy.children("digit") == tuple("0123456789")
    assert taxonomy.parents("o") == ("vowel", "round") or taxonomy.parents("o") == ("round", "vowel")
    assert taxonomy.parents("0") == ("digit", "round")
    assert taxonomy.labels == (("letter_o", "o"), ("O", "o"))
    assert taxonomy.level_weights == (1.0, 1.0, 0.5)
    assert taxonomy.class_weights == (("round", 0.25),)
    assert (taxonomy.other, taxonomy.keep) == (("clutter",), 0.95)


def test_the_promise_and_the_gates_are_read():
    block = "other: {keep: 0.9, promise: two_sided, other_accepted: 0.1, gates: [knn, gen]}"
    taxonomy = parse_taxonomy(f"tree: [a]\n{block}\n")
    assert (taxonomy.keep, taxonomy.promise, taxonomy.other_accepted) == (0.9, "two_sided", 0.1)
    assert (taxonomy.confidence, taxonomy.node_gates) == (None, ("knn", "gen"))
    assert parse_taxonomy("tree: [a]\nother: {gates: knn}\n").node_gates == ("knn",)
    assert parse_taxonomy("tree: [a]\nother: {gates: none}\n").node_gates == "none"


def test_the_shares_of_answers_are_read():
    taxonomy = parse_taxonomy("tree: [a]\nother: {correct: 0.9, false_discovery: 0.1}\n")
    assert (taxonomy.correct, taxonomy.false_discovery) == (0.9, 0.1)
    assert parse_taxonomy("tree: [a]\nother: {correct: none}\n").correct == "none"
    assert parse_taxonomy("tree: [a]\nother: {correct: }\n").correct is None


def test_faults_of_answers_come_at_once():
    text = "tree: [a]\nother: {corect: 1, correct: nothing, promise: cross, false_discovery: 2}\n"
    assert [fault.rule for fault in check_taxonomy(text)] == ["unknown-key", "bad-weight", "share-range", "idle-share"]


def test_faults_of_a_promise_come_at_once():
    text = "tree: [a]\nother: {promise: cros, confidence: 2, gates: [knnn, gen, gen], kep: 1, keep: 0}\n"
    rules = ["unknown-promise", "share-range", "unknown-gate", "listed-twice", "unknown-key", "keep-range"]
    assert [fault.rule for fault in check_taxonomy(text)] == rules


def test_every_scalar_is_text():
    words = ["0", "no", "010", "1:30", "true", "1e3", "0x1F", "2020-01-01", "null", "~", "1_000", ".5"]
    assert parse_taxonomy(f"tree: [{', '.join(words)}]").leaves == tuple(words)


def test_the_message_of_the_manual():
    text = USERS_EXAMPLE.replace("{round: 0.25}", "{round_shap: 0.25}")
    (fault,) = check_taxonomy(text)
    assert str(fault) == (
        '<text>:16:13: unknown class "round_shap" in "weights.classes"\n'
        "   |\n"
        "16 |   classes: {round_shap: 0.25}\n"
        "   |             ^^^^^^^^^^\n"
        '   = help: did you mean "round"?'
    )


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_files_have_no_faults(text):
    assert check_taxonomy(text) == ()


@pytest.mark.parametrize(("rule", "text", "line", "column", "words"), BAD.values(), ids=BAD)
def test_each_rule_points_at_its_place(rule, text, line, column, words):
    with pytest.raises(TaxonomyError) as caught:
        parse_taxonomy(text, "t.yaml")
    (fault,) = caught.value.faults
    assert (fault.rule, fault.line, fault.column) == (rule, line, column)
    assert words in f"{fault.message} {fault.help}"
    assert str(caught.value).startswith(f"t.yaml:{line}:{column}: ")


@pytest.mark.parametrize("text", [*GOOD.values(), *(bad[1] for bad in BAD.values())], ids=[*GOOD, *BAD])
def test_the_pure_python_parser_finds_the_same_rules(text, monkeypatch):
    quick = [fault.rule for fault in check_taxonomy(text + "\n")]
    monkeypatch.setattr(events_module, "PARSER", yaml.Loader)
    assert [fault.rule for fault in check_taxonomy(text + "\n")] == quick


def test_every_rule_of_a_file_is_exercised():
    tested = {bad[0] for bad in BAD.values()}
    assert set(RULES) - tested == {"unreadable", "too-large", "too-many", "edges"}  # each has its own test


def test_all_faults_come_at_once_in_the_order_of_the_file():
    text = "tree: [a, a, '']\nlabls: x\nweights: {classes: {b: -1}, levels: 3}\nother: {keep: 2, data: a}\nversion: 9\n"
    assert [fault.rule for fault in check_taxonomy(text)] == [
        "listed-twice",
        "empty-name",
        "unknown-key",
        "unknown-class",
        "bad-weight",
        "keep-range",
        "other-is-class",
        "version",
    ]


def test_a_loop_is_shown_whole_with_the_line_of_each_edge():
    (fault,) = check_taxonomy("shape: dag\ntree:\n  a: [b]\n  b: [c]\n  c: [a, d]\n  e: [a]\n")
    assert fault.message == 'classes form a loop: "a" -> "b" -> "c" -> "a"'
    assert 'line 3 puts "b" under "a"; line 4 puts "c" under "b"; line 5 puts "a" under "c"' in fault.help


def test_several_loops_are_all_reported():
    faults = check_taxonomy("shape: dag\ntree: {a: [b], b: [a], c: [d], d: [c], x: y}\n")
    assert [fault.rule for fault in faults] == ["cycle", "cycle"]


def test_too_many_faults_end_with_a_word_about_it():
    faults = check_taxonomy("tree: [" + "a, " * 5000 + "a]\n")
    assert len(faults) == 1001
    assert faults[-1].rule == "too-many"


# ---------------------------------------------------------------------------------------------------- hostile files


def merge_bomb() -> str:
    lines = ["a0: &a0 {x: y}"]
    lines += [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}, *a{i - 1}]}}" for i in range(1, 20)]
    return "\n".join(lines)


HOSTILE = {
    "merge bomb": merge_bomb(),
    "alias bomb": "a: &a [x]\n"
    + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)),
    "self alias": "tree: &a [*a]\n",
    "depth of lists": "tree: " + "[" * 100_000,
    "depth of closed lists": "tree: " + "[" * 100_000 + "]" * 100_000,
    "depth of mappings": "{a: " * 100_000,
    "depth of dashes": "- " * 100_000,
    "depth of questions": "? " * 100_000,
    "brackets after a comment": "# x\n" * 10_000 + "[" * 100_000,
    "NUL": "tree: [a]\n" * 10_000 + "\x00",
    "tabs": "\t" * 100_000,
    "duplicate keys": "tree:\n" + "  a: b\n" * 2_000,
    "one long word": "tree: " + "a" * 1_000_000,
    "one open quote": 'tree: "' + "a" * 1_000_000,
    "spaces": " " * 1_000_000,
    "line ends": "\n" * 1_000_000,
    "directives": "%YAML 1.1\n" * 10_000,
    "documents": "---\n" * 100_000,
    "tags": "tree: " + "!" * 100_000,
    "colons": ":" * 100_000,
    "stars": "*a " * 100_000,
    "unknown classes": "tree: [abcdef]\nweights:\n  classes: {"
    + ", ".join(f"abcde{i}: 1" for i in range(2000))
    + "}\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_with_little_work(text):
    faults = []
    work = calls(lambda: faults.extend(check_taxonomy(text + "\n")))
    assert faults
    assert all(fault.line >= 1 and fault.column >= 1 for fault in faults)
    assert all(len(line) < 2500 for line in str(faults[0]).splitlines())
    assert work < 200_000  # the most is 61,000, for suggestions to 2,000 unknown classes


def test_a_huge_file_is_not_even_opened(tmp_path):
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(2**30)  # sparse: a gigabyte of zeros
    tracemalloc.start()
    (fault,) = check_taxonomy(huge)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert fault.rule == "too-large"
    assert "1,024 MiB" in fault.message
    assert str(fault).startswith(f"{huge}:1:1: ")


def test_more_classes_than_the_limit_are_refused():
    rules = [fault.rule for fault in check_taxonomy("tree: [" + ", ".join(map(str, range(200_001))) + "]\n")]
    assert rules == ["too-large"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"tree: [a,\n caf\xe9]\n", "0xe9 is not UTF-8"),
        (b"\xef\xbb\xbftree: [a]\n", "byte order mark"),
        ("tree: [a]\n".encode("utf-16"), "byte order mark"),
        (bytes(range(256)), "is not UTF-8"),
    ],
)
def test_files_that_are_not_plain_utf_8_are_refused(tmp_path, content, words):
    file = tmp_path / "t.yaml"
    file.write_bytes(content)
    (fault,) = check_taxonomy(file)
    assert fault.rule == "unreadable"
    assert words in fault.message


def test_the_place_of_a_byte_that_is_not_utf_8(tmp_path):
    file = tmp_path / "t.yaml"
    file.write_bytes(b"tree: [a,\n caf\xe9]\n")
    (fault,) = check_taxonomy(file)
    assert (fault.line, fault.column) == (2, 5)


def test_devices_folders_and_missing_files_are_no_taxonomies(tmp_path):
    for path in (tmp_path, tmp_path / "missing.yaml", "/dev/zero", "nul\x00byte", "x" * 5000):
        with pytest.raises(TaxonomyError) as caught:
            read_taxonomy(path)
        assert caught.value.faults == ()
        with pytest.raises(TaxonomyError):
            check_taxonomy(path)


def outline_star(n: int) -> str:
    return "tree:\n  all:\n" + "".join(f"    - class {i}\n" for i in range(n))


def outline_groups(n: int) -> str:
    groups = (", ".join(f"c{g}_{i}" for i in range(9)) for g in range(n // 10))
    return "tree:\n" + "".join(f"  g{g}: [{names}]\n" for g, names in enumerate(groups))


def outline_chain(n: int) -> str:
    return "shape: dag\ntree:\n" + "".join(f"  n{i}: n{i + 1}\n" for i in range(n - 1))


@pytest.mark.parametrize("outline", [outline_star, outline_groups, outline_chain])
def test_a_hundred_thousand_classes_are_read(outline):
    assert 100_000 <= len(parse_taxonomy(outline(100_000))) <= 100_002


@pytest.mark.parametrize("outline", [outline_star, outline_groups, outline_chain])
def test_the_work_of_reading_grows_with_the_classes_and_no_faster(outline):
    short, long = outline(2_000), outline(8_000)
    assert calls(lambda: parse_taxonomy(long)) < 4.1 * calls(lambda: parse_taxonomy(short))


def test_a_loop_of_many_classes_is_reported():
    n = 20_000
    text = "shape: dag\ntree:\n" + "".join(f"  n{i}: n{(i + 1) % n}\n" for i in range(n))
    (fault,) = check_taxonomy(text)
    assert fault.rule == "cycle"
    assert fault.line == n + 2
    assert "19,950 more" in fault.message


BITS = [
    *"ab01:-,[]{}&*!|>'\"%@`#?~<=.\n\t ",
    "\r\n",
    "\x00",
    "\u200b",
    "\u00e9",
    "e\u0301",
    "\ufeff",
    "\ud800",
    "tree: ",
]
SOUP = st.lists(st.sampled_from(BITS), max_size=40).map("".join)
LINE = """\
tree:
  a: [b, c]
  - a
  b:
    c: d
tree: [a]
shape: dag
labels: {a: b}
version: 1
weights: {levels: [1]}
other: {keep: 0.9}
  a: &x b
  *x
  ? [a]
  : b
---
  <<: {}
\ta:""".splitlines()
LINES = st.lists(st.sampled_from(LINE), max_size=8).map("\n".join)


@settings(max_examples=300, deadline=2000)
@given(text=st.one_of(SOUP, LINES, st.text(max_size=40)))
@example(text="tree: {a: {? [b] : c}}")
@example(text="tree: |\n  a\n  b\n")
def test_only_taxonomy_errors_come_out(text):
    refusal = None
    try:
        parse_taxonomy(text)
    except TaxonomyError as error:
        refusal = error
    if refusal is not None:
        assert refusal.faults
        assert all(fault.rule in RULES and str(fault) in str(refusal) for fault in refusal.faults)


@settings(max_examples=100, deadline=2000)
@given(content=st.binary(max_size=60))
def test_only_taxonomy_errors_come_out_of_bytes(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    file.write_bytes(content)
    assert all(fault.rule in RULES for fault in check_taxonomy(file))


# -------------------------------------------------------------------------------------------------------- the schema


class Yaml12(yaml.SafeLoader):
    """Reads scalars as editors do, by the core schema of YAML 1.2: no dates, no `no`, `010` is ten."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012


Yaml12.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)\Z"), None)
Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"), None)
Yaml12.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"([-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|\.nan)\Z"), None
)


def as_editors_see_it(text: str) -> object:
    """The value of a text as JSON would have it: keys are text; raises `yaml.YAMLError` or `TypeError`."""

    def keyed(value: object) -> object:
        if isinstance(value, dict):
            return {"" if key is None else str(key): keyed(below) for key, below in value.items()}
        return [keyed(item) for item in value] if isinstance(value, list) else value

    return keyed(yaml.load(text, Loader=Yaml12))


@pytest.fixture(scope="module")
def validator():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft7Validator.check_schema(schema())
    return jsonschema.Draft7Validator(schema())


def test_the_schema_is_draft_07():
    assert schema()["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_the_schema_accepts_good_files(validator, text):
    assert [error.message for error in validator.iter_errors(as_editors_see_it(text))] == []


@pytest.mark.parametrize("text", [bad[1] for bad in BAD.values()], ids=BAD)
def test_what_the_schema_refuses_the_checker_refuses(validator, text):
    try:
        refused = not validator.is_valid(as_editors_see_it(text))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        return
    if refused:
        assert check_taxonomy(text + "\n")


REFUSED_BY_SCHEMA = (
    """
version; unknown key; unknown key in weights; unknown key in other; not a mapping; list in a list; shape; no tree;
empty tree; too long; weight below 0; weight in quotes; no weight; keep all; keep in per cent; labels that are a list;
root that is a list; promise; promise that is a list; confidence in per cent; confidence that is a word; gates;
gates in a list; gates that are a mapping; no gates; gates twice; right in per cent; right without promise;
right as a word; right in quotes; right as a list; all discoveries false; discoveries without a share;
misspelt discoveries
""".replace("\n", " ")
    .strip()
    .split("; ")
)


@pytest.mark.parametrize("name", REFUSED_BY_SCHEMA)
def test_the_schema_refuses_what_a_schema_can(validator, name):
    assert not validator.is_valid(as_editors_see_it(BAD[name][1]))


WORD = """a; b; 1; 0.5; -1; null; true; leaf; dag; []; {}; [a, b]; {a: b}; [1, 2]; {decay: 1}; {data: x};
{levels: leaf}; {promise: confident, confidence: 0.5}; {confidence: 0.5}; {promise: x}; {gates: [knn, gen]};
{gates: [knn, knn]}; {gates: none, other_accepted: 2}; {promise: none, keep: 0.5};
{correct: none}; {correct: 0.9, false_discovery: 0.1}; {correct: nil}; {correct: 1}; {false_discovery: none};
[[a]]; [{a: }]; "1"; ''""".replace("\n", " ").split("; ")
WORDS = st.sampled_from(WORD)
KEYS = st.sampled_from(["version", "name", "root", "shape", "tree", "labels", "weights", "other", "xyz"])


@settings(max_examples=200, deadline=2000)
@given(table=st.dictionaries(KEYS, WORDS, max_size=5))
def test_the_schema_is_never_stricter_than_the_checker(validator, table):
    text = "".join(f"{key}: {value}\n" for key, value in table.items())
    if not validator.is_valid(as_editors_see_it(text)):
        assert check_taxonomy(text + "\n")


# -------------------------------------------------------------------------------------------------------- the shipped


def test_the_shipped_taxonomies_are_the_expected_ones():
    expected = {"characters", "cifar100", "clothing", "digits", "digits_vs_letters", "fashion_mnist", "handwriting_dag"}
    assert expected <= set(shipped_taxonomies())


@pytest.mark.parametrize("name", shipped_taxonomies())
def test_each_shipped_taxonomy_loads_and_matches_the_schema(validator, name):
    text = shipped_taxonomies()[name].read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert read_taxonomy(name) == parse_taxonomy(text)
    assert validator.is_valid(as_editors_see_it(text))


def test_shipped_taxonomies_hold_what_they_say():
    assert read_taxonomy("digits").leaves == tuple("0689147")
    assert set(read_taxonomy("digits_vs_letters").leaves) == set(string.digits)
    assert set(read_taxonomy("characters").leaves) == set(string.digits + string.ascii_uppercase)
    handwriting = read_taxonomy("handwriting_dag")
    assert set(handwriting.leaves) == set(string.digits + string.ascii_letters)
    assert set(handwriting.parents("a")) == {"lowercase", "letter_A"}
    cifar = read_taxonomy("cifar100")
    assert [len(cifar.children(group)) for group in cifar.children("object")] == [5] * 20


def test_shipped_taxonomies_agree_with_the_data(shared_data):
    from hierclf.taxonomy.convert import load_taxonomy

    pairs = {"clothing": "clothing/edges.csv", "handwriting_dag": "choice_handwriting/dag_edges.csv"}
    pairs |= {"fashion_mnist": "fashion_mnist/edges.csv", "cifar100": "cifar100_lite/edges.csv"}
    for name, file in pairs.items():
        assert set(read_taxonomy(name).edges) == set(load_taxonomy(shared_data / file).edges)


def test_a_mistyped_name_gets_a_hint():
    with pytest.raises(TaxonomyError, match="did you mean 'digits'"):
        read_taxonomy("digist")


def test_a_file_in_the_way_of_a_shipped_name_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("digits").write_text("tree: [mine]")
    assert read_taxonomy("digits").leaves == ("mine",)
    assert find_taxonomy("clothing") == shipped_taxonomies()["clothing"]


def test_checking_imports_nothing_heavy():
    code = (
        "import sys; from hierclf.taxonomy import check_taxonomy; check_taxonomy('digits');"
        "print([name for name in ('torch', 'numpy', 'sklearn', 'pydantic', 'networkx', 'rich') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"


def test_names_are_kept_in_normal_form():
    taxonomy = parse_taxonomy("tree: [cafe\u0301]\nlabels: {caf\u00e9: [the\u0301]}\nother: {data: [e\u0301te\u0301]}")
    assert taxonomy.leaves == ("café",)
    assert taxonomy.node_of_label(unicodedata.normalize("NFD", "thé")) == "café"
    assert taxonomy.other == ("été",)
    assert taxonomy == Taxonomy(root="root", edges=(("root", "café"),), labels=(("thé", "café"),), other=("été",))
