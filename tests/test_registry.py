from __future__ import annotations

import pytest

from hierclf.errors import UnknownName
from hierclf.registry import Registry, closest, did_you_mean


@pytest.fixture
def colours():
    registry = Registry("colour")
    registry.register("red")("#f00")
    registry.register("green")("#0f0")
    return registry


def test_parts_are_found_by_name_in_order(colours):
    assert colours["red"] == "#f00"
    assert colours.names == tuple(colours) == ("red", "green")
    assert len(colours) == 2
    assert "red" in colours
    assert "blue" not in colours


def test_an_unknown_name_is_told_what_is_near_and_what_there_is(colours):
    with pytest.raises(UnknownName) as caught:
        colours["gren"]
    assert str(caught.value) == "no colour named 'gren'; did you mean 'green'? (known: red, green)"
    with pytest.raises(UnknownName, match=r"no colour named 'ultraviolet' \(known: red, green\)"):
        colours["ultraviolet"]


def test_a_name_is_taken_once(colours):
    with pytest.raises(ValueError, match="a colour named 'red' is registered already"):
        colours.register("red")("#e00")
    assert colours["red"] == "#f00"


def test_registering_leaves_the_part_as_it_is(colours):
    @colours.register("blue")
    def blue():
        return "#00f"

    assert blue() == colours["blue"]() == "#00f"


@pytest.mark.parametrize(
    ("typed", "known", "near"),
    [
        ("digt", ["digit", "letter"], "digit"),
        ("DIGIT", ["digit", "letter"], "digit"),
        ("digit", ["Digit"], "Digit"),
        ("zebra", ["digit", "letter"], None),
        ("", ["digit"], None),
        ("digit", [], None),
    ],
)
def test_closest(typed, known, near):
    assert closest(typed, known) == near
    assert did_you_mean(typed, known) == (f"; did you mean {near!r}?" if near else "")


@pytest.mark.parametrize("key", [3, None, ("a",)])
def test_what_is_no_name_is_unknown_too(colours, key):
    with pytest.raises(UnknownName, match="no colour named"):
        colours[key]
