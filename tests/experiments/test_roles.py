import pytest

from experiments.config import load_config
from experiments.roles import Roles, assigned, is_glob
from hierclf import Taxonomy
from hierclf.errors import ConfigError

HELD = ["", "A", "B", "a__1", "a__2", "b__1", "b__2"]
TAXONOMY = Taxonomy.from_edges({"a": ["a__1", "a__2"], "b": ["b__1", "b__2"]}, root="root")


def classes(**given):
    values = {"name": "x", "data": {"source": "idx"}, "strategies": {"hierclf": ""}, "classes": given}
    return load_config(values).classes


def roles(seed=0, taxonomy=TAXONOMY, **given):
    return assigned(classes(**given), HELD, taxonomy, seed=seed)


def test_without_known_classes_all_of_the_taxonomy_without_another_role_are_known():
    assert roles() == Roles(known=("a__1", "a__2", "b__1", "b__2"))
    assert roles(unseen="a__2", other="B", far="A") == Roles(
        known=("a__1", "b__1", "b__2"), other=("B",), unseen=("a__2",), far=("A",)
    )
    assert roles(taxonomy=None, other="A").known == ("B", "a__1", "a__2", "b__1", "b__2"), "no class is called ''"


def test_globs_stand_for_all_that_match_and_a_name_goes_before_a_glob():
    assert roles(known="a__*", other="b__*", far="[A-B]".strip("[]")) == Roles(
        known=("a__1", "a__2"), other=("b__1", "b__2"), far=("A", "B")
    )
    assert roles(known="*__*", unseen=["b__1", "a__?"[:-1] + "2"]).known == ("a__1", "b__2")
    assert is_glob("a__?")
    assert not is_glob("a__1")


def test_a_class_that_two_globs_take_must_be_written_out():
    with pytest.raises(ConfigError, match="'a__1' is taken by the globs of both known and unseen; write it out in one"):
        roles(known="a__*", unseen="*__1")
    assert roles(known=["a__1", "a__2"], unseen="*__1").unseen == ("b__1",)


def test_every_seed_has_its_split_and_the_first_comes_after_the_last():
    splits = [["a__1", "a__2"], ["b__*"]]
    assert roles(0, splits=splits) == Roles(known=("a__1", "a__2"), unseen=("A", "B", "b__1", "b__2"))
    assert roles(1, splits=splits).known == ("b__1", "b__2")
    assert roles(2, splits=splits) == roles(0, splits=splits)


def test_whoever_a_split_does_not_name_takes_the_role_that_is_left():
    assert roles(splits=[{"other": "A", "unseen": "b__1"}]) == Roles(
        known=("a__1", "a__2", "b__2"), other=("A",), unseen=("b__1",)
    ), "of the taxonomy alone are classes known"
    assert roles(splits=[{"known": "a__*", "other": "A"}]) == Roles(
        known=("a__1", "a__2"), other=("A",), unseen=("B", "b__1", "b__2")
    )
    assert roles(splits=[{"known": "a__*", "unseen": "b__1"}], far="A", other="B") == Roles(
        known=("a__1", "a__2"), other=("B",), unseen=("b__1",), far=("A",)
    ), "where both are named, the rest plays no part"
    assert roles(splits=[{"other": "A", "far": "b__*"}]) == Roles(
        known=("a__1", "a__2"), other=("A",), far=("b__1", "b__2")
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"known": "c__*"}, "classes.known: the data holds no class 'c__*'"),
        ({"far": "a_1"}, "classes.far: the data holds no class 'a_1'; did you mean 'a__1'?"),
        ({"known": "A"}, "classes.known: the taxonomy holds no class 'A'"),
    ],
)
def test_classes_that_are_not_there_are_told(given, message):
    with pytest.raises(ConfigError) as caught:
        roles(**given)
    assert message in str(caught.value)


def test_data_without_a_known_class_is_refused():
    with pytest.raises(ConfigError, match="the data holds no class of the taxonomy"):
        assigned(classes(), ["A", "B"], TAXONOMY, seed=0)
