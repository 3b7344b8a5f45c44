from dataclasses import replace

from hierclf.taxonomy.difference import difference
from hierclf.taxonomy.taxonomy import Taxonomy

BEFORE = Taxonomy.from_edges({"r": ["pets", "wild"], "pets": ["cat", "dog"], "wild": ["wolf", "lynx"]})


def test_nothing_changed():
    again = Taxonomy.from_edges({"r": ["wild", "pets"], "wild": ["lynx", "wolf"], "pets": ["dog", "cat"]})
    assert not difference(BEFORE, BEFORE)
    assert not difference(BEFORE, again)  # the order of children does not count
    assert str(difference(BEFORE, BEFORE)) == ""


def test_every_kind_of_change():
    after = Taxonomy.from_edges(
        {"r": ["home", "wild"], "home": ["cat", "dog"], "wild": ["lynx", "fox"], "cat": ["tabby"]}
    )
    found = difference(BEFORE, replace(after, keep=0.9, promise="cross", node_gates="none"))
    assert found.renamed == (("pets", "home"),)
    assert found.removed == ("wolf",)
    assert set(found.added) == {"fox", "tabby"}
    assert found.moved == ()
    assert found.changed == (("keep", None, 0.9), ("promise", None, "cross"), ("node_gates", None, "none"))
    shares = difference(BEFORE, replace(BEFORE, correct="none", false_discovery=0.1))
    assert str(shares) == "! correct: None became 'none'\n! false_discovery: None became 0.1"
    assert "~ pets is now called home" in str(found)
    assert found.to_dict()["removed"] == ("wolf",)


def test_a_second_parent_is_a_move():
    after = Taxonomy.from_edges([*BEFORE.edges, ("wild", "cat")])
    assert difference(BEFORE, after).moved == (("cat", ("pets",), ("pets", "wild")),)
