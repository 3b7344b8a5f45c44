import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierclf.discovery.words import phrases, shared_phrase

SAME = ["oak_tree", "OakTree", "oak tree", "oak-trees", "OAK TREE", "Oaks, trees", "2 oakTrees", "oak_tree3"]


@pytest.mark.parametrize("name", SAME)
def test_spellings_of_the_same_words(name):
    assert set(phrases(name)) == {("oak",), ("tree",), ("oak", "tree")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("T-shirt/top", {("shirt",), ("top",), ("shirt", "top")}),
        ("HTMLPage", {("html",), ("page",), ("html", "page")}),
        ("glass", {("glass",)}),  # no plural
        ("bus", {("bus",)}),
        ("cactus", {("cactus",)}),
        ("7", set()),
        ("a_b", set()),
        ("of the", set()),
        ("lock and key", {("lock",), ("key",), ("lock", "and", "key")}),
        ("vehicles_1", {("vehicle",)}),
        ("Äpfel_ßen", {("äpfel",), ("ssen",), ("äpfel", "ssen")}),
        ("日本 犬", {("日本",)}),
        ("", set()),
    ],
)
def test_words_that_say_something(name, expected):
    assert set(phrases(name)) == expected


@given(words=st.lists(st.sampled_from(["red", "oak", "tree", "and", "x", "12"]), max_size=6))
def test_phrases_are_the_runs_of_words_with_telling_ends(words):
    telling = {"red", "oak", "tree"}
    runs = {tuple(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
    assert set(phrases("_".join(words))) == {run for run in runs if run[0] in telling and run[-1] in telling}


@given(
    names=st.sets(st.text("abcS_ ", max_size=9), min_size=1, max_size=6),
    share=st.sampled_from([0.5, 2 / 3, 1.0]),
)
def test_what_is_shared_is_found_by_trying_everything(names, share):
    held = {}
    for name in names:
        for phrase in phrases(name):
            held[phrase] = held.get(phrase, 0) + 1
    enough = {phrase: count for phrase, count in held.items() if count >= share * len(names)}
    found = shared_phrase(names, share)
    if found is None:
        assert not enough
        return
    spelling, phrase, count = found
    most = max(enough.values())
    assert count == enough[phrase] == most
    assert len("".join(phrase)) == max(len("".join(other)) for other, held in enough.items() if held == most)
    assert any(spelling in name for name in names)


def test_the_spelling_of_most_names_is_taken():
    assert shared_phrase(["Oak_Tree", "Pine_Tree", "elm tree"], 1.0) == ("Tree", ("tree",), 3)
    assert shared_phrase(["oak_trees", "pine_tree"], 1.0) == ("tree", ("tree",), 2)  # the shorter of two


def test_a_phrase_of_several_words_wins_over_its_words():
    spelling, phrase, count = shared_phrase(["old_oak_tree", "new_oak_tree"], 1.0)
    assert (spelling, phrase, count) == ("oak_tree", ("oak", "tree"), 2)
    assert shared_phrase(["old_oak_tree", "new_oak_tree", "pine_tree"], 1.0) == ("tree", ("tree",), 3)
