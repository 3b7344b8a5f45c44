"""What a hold-out config may say, and what it is told when it says something else."""

from pathlib import Path

import pytest
import yaml

from experiments.document import parse, read_document, with_assignments
from experiments.hold_out.config import load_hold_out
from hierclf.errors import HierclfError
from hierclf.references import references

CONFIGS = sorted((Path(__file__).parents[3] / "experiments" / "configs").glob("hold_out_*.yaml"))
PLAIN = {
    "name": "small",
    "data": {"source": "idx", "root": "data"},
    "taxonomy": {"low": ["0-4"], "high": ["5-9"]},
    "hold_out": {"leaves": "0.3", "far": {"mnist": {"source": "idx", "root": "../mnist", "size": ["16", "8"]}}},
    "strategies": {"hierclf": None, "ours": {"rule": "leaf"}},
    "references": ["climbing"],
}


def with_change(**changes):
    return load_hold_out({**PLAIN, **changes})


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_that_comes_with_the_project_is_good(path):
    config = load_hold_out(read_document(path))
    assert config.name == path.stem
    assert len(config.seeds) >= 5
    assert "hierclf" in config.strategies
    assert config.chosen_references() == tuple(references)
    assert config.about
    assert config.look_at


def test_there_are_configs_to_check():
    assert len(CONFIGS) == 6


def test_values_become_what_they_are_meant_to_be():
    config = with_change()
    assert config.hold_out.leaves == 0.3
    assert config.hold_out.subtrees == 0.2
    assert config.hold_out.far["mnist"].size == (16, 8)
    assert config.seeds == [0]
    assert config.built()["ours"].settings["rule"] == "leaf"
    assert config.chosen_references() == ("climbing",)
    assert config.whole_taxonomy().leaves == tuple("0123456789")


@pytest.mark.parametrize("title", ["hierclf", "climbing"])
def test_two_rows_of_one_title_are_refused(title):
    with pytest.raises(HierclfError, match=f"strategies.ours: '{title}' is called '{title}' in the tables too"):
        with_change(strategies={"hierclf": None, "ours": {"rule": "leaf", "title": title}})


@pytest.mark.parametrize("given", [None, "", "null"])
def test_without_a_choice_all_references_take_part(given):
    assert with_change(references=given).chosen_references() == tuple(references)
    assert with_change(references=[]).chosen_references() == ()


def test_a_taxonomy_is_looked_for_in_the_data_first(tmp_path):
    (tmp_path / "edges.csv").write_text("parent,child\nthing,low\nlow,0\nlow,1\n")
    data = {"source": "idx", "root": str(tmp_path)}
    assert with_change(taxonomy="edges.csv", data=data).whole_taxonomy().leaves == ("0", "1")
    assert with_change(taxonomy="digits", data=data).whole_taxonomy().name == "digits"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nme": "x"}, "nme: there is no such setting; did you mean 'name'?"),
        ({"hold_out": {"leafs": "0.1"}}, "hold_out.leafs: there is no such setting; did you mean 'leaves'?"),
        ({"hold_out": {"leaves": "0.9"}}, "hold_out.leaves: input should be less than or equal to 0.5"),
        (
            {"hold_out": {"far": {"mnist": {"source": "idx", "invert": "true"}}}},
            "hold_out.far.mnist.invert: there is no such setting; did you mean 'inverted'?",
        ),
        ({"seeds": ["1", "1"]}, "seeds: each seed once"),
        ({"references": ["climbin"]}, "no reference named 'climbin'; did you mean 'climbing'?"),
        ({"strategies": {"climbing": None}}, "strategies.climbing: a reference has this name"),
        ({"strategies": {"flat_other_class": None}}, "learns from images of other, which a hold-out experiment has"),
        ({"strategies": {"ours": {"head": "flt"}}}, "strategies.ours: no head named 'flt'; did you mean 'flat'?"),
    ],
)
def test_mistakes_are_told_with_their_place(changes, message):
    with pytest.raises(HierclfError) as caught:
        with_change(**changes)
    assert message in str(caught.value)


def test_what_is_held_out_must_be_said():
    with pytest.raises(HierclfError, match="hold_out: this setting is missing"):
        load_hold_out({name: value for name, value in PLAIN.items() if name != "hold_out"})


@pytest.mark.parametrize("given", [None, ["climbing"], []])
def test_a_written_config_reads_back_as_the_same(given):
    config = with_change(references=given)
    written = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
    again = load_hold_out(parse(written, "x"))
    assert again.model_dump(exclude={"strategies"}) == config.model_dump(exclude={"strategies"})
    assert again.built() == config.built()


def test_a_setting_of_a_far_set_can_be_given_on_the_command_line():
    config = load_hold_out(with_assignments(PLAIN, ["hold_out.far.mnist.root=/m"]))
    assert config.hold_out.far["mnist"].root == "/m"
