import random

import pytest
import yaml

from hierclf.discovery.naming import earlier_names, keep_names, name_clades
from hierclf.errors import ConfigError
from hierclf.taxonomy import Taxonomy, difference
from hierclf.taxonomy.names import LONGEST_NAME, complaint_about
from hierclf.taxonomy.writing import scalar
from tests.work import calls

TREES = ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree")


def named(*groups, taken=()):
    return name_clades([tuple(group) for group in groups], [group[0] for group in groups], taken=taken)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (TREES, "tree"),
        (("red_oak_tree", "white_oak_tree"), "oak_tree"),
        (("Acer rubrum", "Acer nigrum"), "Acer"),
        (("AnkleBoot", "SnowBoots"), "Boot"),
        (("cat", "dog"), "cat-dog"),
        (("4", "9", "7"), "4-7-9"),
        (("10", "9"), "9-10"),  # numbers by their value
        (("a", "e", "o"), "a-e-o"),
        (("7", "1", "2", "3"), "7 + 3"),
        (("dolphin", "crocodile", "hippopotamus"), "dolphin + 2"),  # too long a list
        (("t-shirt", "hat"), "t-shirt + 1"),  # a list of these could not be read
        (("ray", "shark", "trout", "flatfish"), "ray + 3"),
        (("oak_tree", "pine_tree", "palm_tree", "forest"), "tree"),  # three in four
        (("oak_tree", "pine_tree", "sea"), "oak_tree + 2"),  # two are not enough
        (("oak_tree", "pine_tree", "palm_tree", "sea", "sky"), "oak_tree + 4"),  # three in five neither
    ],
)
def test_names_say_what_is_in_the_group(group, expected):
    assert named(group, taken=group) == (expected,)


def test_a_phrase_of_most_members_must_not_belong_to_others():
    group = ("oak_tree", "pine_tree", "palm_tree", "forest")
    assert named(group, taken=(*group, "elm_tree", "fig_tree")) == ("tree",)
    assert named(group, taken=(*group, "elm_tree", "fig_tree", "ash_tree")) == ("oak_tree + 3",)
    assert named(group[:3], taken=(*group, "elm_tree", "fig_tree", "ash_tree")) == ("tree",)  # all of them: no matter


def test_a_phrase_goes_to_the_group_that_holds_the_others():
    assert named(TREES[:2], TREES, TREES[1::-1]) == ("maple_tree-oak_tree", "tree", "oak_tree + 1")
    assert named(TREES[:2], TREES[2:]) == ("maple_tree-oak_tree", "palm_tree + 2")  # both are trees
    assert named((*TREES[:3], "sea"), TREES[3:]) == ("maple_tree + 3", "tree")  # but these are trees alone


def test_no_name_is_given_twice():
    taken = (*TREES, "Tree", "maple_tree + 4")
    (name,) = named(TREES, taken=taken)
    assert name.startswith("tree-")
    assert len(name) == len("tree-3fa2")
    assert named(TREES[::-1], taken=(*taken, "willow_tree + 4")) == (name,)
    longer = named(TREES, taken=(*taken, name))[0]
    assert longer.startswith(name)
    twice = named(("cat", "dog"), ("dog", "cat"), ("cat", "dog"))
    assert len(set(twice)) == 3
    assert named(("7",), taken=("7",))[0].startswith("7-")


def random_groups(seed):
    """Nested groups of classes with words, digits and letters for names."""
    rng = random.Random(seed)
    kinds = [f"{word}_{noun}" for word in ("red", "old", "Big") for noun in ("tree", "trees", "oak_tree", "Dog")]
    classes = rng.sample([*kinds, *"0123456789abc", "t-shirt", "a: b", "été", "x + 1"], 14)
    groups, waiting = [], [classes]
    while waiting:
        group = waiting.pop()
        cut = rng.randint(1, len(group) - 1)
        for part in (group[:cut], group[cut:]):
            if len(part) > 1:
                groups.append(tuple(part))
                waiting.append(part)
    return classes, groups, [rng.choice(group) for group in groups], rng


@pytest.mark.parametrize("seed", range(20))
def test_names_are_good_different_and_do_not_depend_on_the_order(seed):
    classes, groups, medoid, rng = random_groups(seed)
    taken = (*classes, "root")
    names = name_clades(groups, medoid, taken=taken)
    assert len({name.casefold() for name in (*names, *taken)}) == len(groups) + len({c.casefold() for c in taken})
    for name in names:
        assert complaint_about(name) is None
        assert yaml.safe_load(f"[{scalar(name)}]") == [name]
    order = rng.sample(range(len(groups)), len(groups))
    shuffled = [tuple(rng.sample(groups[place], len(groups[place]))) for place in order]
    again = name_clades(shuffled, [medoid[place] for place in order], taken=rng.sample(taken, len(taken)))
    assert again == tuple(names[place] for place in order)


def test_other_groups_and_classes_change_no_name():
    alone = named(("cat", "dog"), TREES, ("0", "1", "2", "3"))
    others = (("mouse", "rat"), ("car", "bus", "van", "bike"), ("rose", "tulip", "mouse", "rat"))
    taken = (*TREES, "cat", "dog", "lion", "fig_tree", *"0123456789")
    assert named(*others, ("0", "1", "2", "3"), TREES, ("cat", "dog"), taken=taken)[-3:] == alone[::-1]


def test_names_that_are_too_long_or_invisible_are_replaced():
    long = tuple(character * LONGEST_NAME for character in "ab")
    hidden = ("a\u200b", "b\u200b")
    for name in named(long, hidden):
        assert complaint_about(name) is None


def test_what_cannot_be_named_is_refused():
    with pytest.raises(ConfigError, match="typical member of each of 2 groups, got 1"):
        name_clades([("a", "b"), ("c", "d")], ["a"])
    with pytest.raises(ConfigError, match="'c' is not in its group: a, b"):
        name_clades([("b", "a")], ["c"])
    with pytest.raises(ConfigError, match="without classes"):
        name_clades([()], ["c"])
    assert name_clades([], []) == ()


def test_the_work_grows_with_the_classes_and_no_faster():
    def groups(count):
        return [
            tuple(f"kind{group}_{member}_{word}{count}" for member in range(10) for word in "xy")
            for group in range(count)
        ]

    few, many = groups(50), groups(200)
    assert calls(lambda: named(*many)) < 4.3 * calls(lambda: named(*few))


# -------------------------------------------------------------------------------------------------- names of before

FOUND = Taxonomy.from_edges({"root": ["cat-dog", "oak + 3"], "cat-dog": ["cat", "dog"], "oak + 3": ["oak", *"xyz"]})


def test_the_same_groups_keep_their_names():
    before = Taxonomy.from_edges({"all": ["pets", "wood"], "pets": ["dog", "cat"], "wood": ["oak", *"xyz"]})
    kept = keep_names(FOUND, before)
    assert earlier_names(FOUND, before) == {"cat-dog": "pets", "oak + 3": "wood"}
    assert set(kept.internal_nodes) == {"root", "pets", "wood"}
    assert earlier_names(kept, before) == {}
    assert str(difference(before, kept)) == "~ all is now called root"


def test_groups_that_changed_a_little_keep_their_names_and_others_do_not():
    before = Taxonomy.from_edges({"r": ["pets", "wood"], "pets": ["dog", "cat", "cow"], "wood": ["oak", "v", "w"]})
    assert earlier_names(FOUND, before) == {"cat-dog": "pets", "oak + 3": "wood"}  # v, w and x, y, z are not in both
    apart = Taxonomy.from_edges({"r": ["pets", "wood"], "pets": ["dog", "oak", "x"], "wood": ["cat", "y", "z"]})
    assert earlier_names(FOUND, apart) == {}  # two classes in common, of five


def test_a_name_that_counts_or_lists_is_kept_for_the_same_classes_only():
    exact = Taxonomy.from_edges({"r": ["x + 3", "cat"], "x + 3": ["oak", *"xyz"]})
    assert earlier_names(FOUND, exact) == {"oak + 3": "x + 3"}
    for name, group in (("x + 2", "xyz"), ("x-y-z", "xyz")):
        before = Taxonomy.from_edges({"r": [name, "oak"], name: group})
        assert earlier_names(FOUND, before) == {}
        said = Taxonomy.from_edges({"r": ["wood", "oak"], "wood": group})
        assert earlier_names(FOUND, said) == {"oak + 3": "wood"}
    (hashed,) = named(tuple("xyz"), taken=("x-y-z", "x + 2"))
    assert earlier_names(FOUND, Taxonomy.from_edges({"r": [hashed, "oak"], hashed: "xyz"})) == {}


def test_a_name_that_is_needed_is_given_away():
    before = Taxonomy.from_edges({"r": ["oak + 3", "other"], "oak + 3": ["cat", "dog"], "other": ["oak", "v"]})
    kept = earlier_names(FOUND, before)
    assert kept["cat-dog"] == "oak + 3"
    swapped = Taxonomy.from_edges({"r": ["oak + 3", "q"], "oak + 3": ["cat", "dog"], "q": "vw"})
    kept = earlier_names(FOUND, swapped)
    assert kept["cat-dog"] == "oak + 3"
    assert kept["oak + 3"].startswith("oak + 3-")
    assert len(keep_names(FOUND, swapped)) == len(FOUND)


def test_a_name_that_means_a_class_now_is_not_kept():
    before = Taxonomy.from_edges({"r": ["oak", "root"], "oak": ["cat", "dog"], "root": "xyz"})
    assert earlier_names(FOUND, before) == {}


def test_side_tables_are_renamed_too():
    before = Taxonomy.from_edges({"r": ["pets", "oak"], "pets": ["cat", "dog"]})
    found = Taxonomy(
        root=FOUND.root, edges=FOUND.edges, labels=(("kitty", "cat-dog"),), class_weights=(("cat-dog", 2.0),), keep=0.9
    )
    kept = keep_names(found, before)
    assert (kept.labels, kept.class_weights, kept.keep) == ((("kitty", "pets"),), (("pets", 2.0),), 0.9)
