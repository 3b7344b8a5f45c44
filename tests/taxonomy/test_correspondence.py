import pytest

from hierclf.taxonomy.correspondence import NOWHERE, correspond, up_to_known
from hierclf.taxonomy.taxonomy import Taxonomy


def taxonomy(outline, root="r"):
    """A taxonomy from nested dictionaries and texts of one-letter classes."""
    edges = []

    def add(parent, below):
        for child in below:
            edges.append((parent, child))
            if isinstance(below, dict):
                add(child, below[child])

    add(root, outline)
    return Taxonomy(root=root, edges=tuple(dict.fromkeys(edges)))


def told(before, after):
    """The facts, without nodes that are in both by the same name and without what is empty."""
    found = correspond(before, after)
    facts = {
        "renamed": {old: new for old, new in found.same.items() if old != new},
        "joined": found.joined,
        "split": found.split,
        "dissolved": found.dissolved,
        "grouped": found.grouped,
    }
    return {kind: dict(values) for kind, values in facts.items() if values}


STORIES = {
    "the same children": ({"g": "ab", "k": "c"}, {"h": "ab", "k": "c"}, {"renamed": {"g": "h"}}),
    "the same classes": ({"g": {"i": "ab", "c": ""}, "k": "d"}, {"h": "abc", "k": "d"}, {
        "renamed": {"g": "h"}, "dissolved": {"i": "h"}}),
    "the best overlap": ({"g": "abcd", "k": "ef"}, {"h": "abc", "k": "efd"}, {"renamed": {"g": "h"}}),
    "too little overlap": ({"g": "abcd", "k": "e", "l": "f"}, {"h": "az", "k": "ebc", "l": "fd"}, {
        "grouped": {"h": "r"}}),
    "two joined": ({"g": "ab", "h": "cd", "k": "e"}, {"i": "abcd", "k": "e"}, {"joined": {"i": ("g", "h")}}),
    "a small one joined": ({"g": "abcd", "h": "e", "k": "f"}, {"i": "abcde", "k": "f"}, {"joined": {"i": ("g", "h")}}),
    "joined and one moved away": ({"g": "abc", "h": "def", "k": "x"}, {"i": "abcde", "k": "xf"}, {
        "joined": {"i": ("g", "h")}}),
    "joined under a name that stayed": ({"g": "ab", "h": "cd", "k": "e"}, {"g": "abcd", "k": "e"}, {
        "joined": {"g": ("g", "h")}}),
    "joined with its own parts": ({"g": {"j": "ab", "c": ""}, "h": "d", "k": "e"}, {"i": "abcd", "k": "e"}, {
        "joined": {"i": ("g", "h")}, "dissolved": {"j": "i"}}),
    "mostly others": ({"g": "a", "h": "b", "k": "vwxyz"}, {"i": "abvwxy", "k": "z"}, {
        "joined": {"i": ("g", "h", "k")}, "split": {"k": ("i", "k")}}),
    "dissolved": ({"g": {"i": "ab", "c": ""}, "k": "d"}, {"g": "abc", "k": "d"}, {"dissolved": {"i": "g"}}),
    "dissolved in a row": ({"g": {"h": {"i": "ab", "c": ""}, "d": ""}}, {"g": "abcd"}, {
        "dissolved": {"h": "g", "i": "g"}}),
    "dissolved, one moved away": ({"g": {"i": "abc", "d": ""}, "k": "e"}, {"g": "abd", "k": "ce"}, {
        "dissolved": {"i": "g"}}),
    "regrouped": ({"g": {"h": "ab", "i": "cd"}}, {"g": {"j": "ac", "k": "bd"}}, {
        "dissolved": {"h": "g", "i": "g"}, "grouped": {"j": "g", "k": "g"}}),
    "a node of classes that all went": ({"g": "ab", "k": "c"}, {"h": "xy", "k": "c"}, {}),
    "a class became a meta-class": ({"g": "ab", "k": "c"}, {"h": {"a": "xy", "b": ""}, "k": "c"}, {
        "renamed": {"g": "h"}}),
    "a second parent went": ({"g": "abc", "h": "ab"}, {"g": "abc"}, {"dissolved": {"h": NOWHERE}}),
}  # fmt: skip
BACKWARDS = {"joined": "split", "split": "joined", "dissolved": "grouped", "grouped": "dissolved"}


@pytest.mark.parametrize(("before", "after", "expected"), STORIES.values(), ids=STORIES)
def test_what_became_of_nodes(before, after, expected):
    before, after = taxonomy(before), taxonomy(after)
    assert told(before, after) == expected
    backwards = {BACKWARDS.get(kind, kind): values for kind, values in expected.items()}
    if "renamed" in expected:
        backwards["renamed"] = {new: old for old, new in expected["renamed"].items()}
    assert told(after, before) == backwards


def test_the_roots_are_one_whatever_they_are_called():
    assert told(taxonomy("ab", "r"), taxonomy("abc", "s")) == {"renamed": {"r": "s"}}
    assert told(taxonomy("ab", "r"), taxonomy("cd", "s")) == {"renamed": {"r": "s"}}
    assert told(taxonomy("ab", "r"), taxonomy({"r": "ab", "c": ""}, "s")) == {}


def test_several_in_a_row_are_paired_from_the_top():
    before, after = taxonomy({"g": {"h": "a"}, "k": ""}), taxonomy({"x": {"y": "a"}, "k": ""})
    assert told(before, after) == {"renamed": {"g": "x", "h": "y"}}


def test_the_way_up_ends_at_what_is_known():
    diamond = Taxonomy.from_edges({"r": "gh", "g": "ik", "h": "ik", "i": "a", "k": "a"})
    assert up_to_known(diamond, "a", {"g", "h", "r"}) == {"a", "i", "k", "g", "h"}
    assert up_to_known(diamond, "a", {"a"}) == {"a"}
