import json

import pytest

import hierclf
from experiments.journal import Journal
from experiments.record import begin_record, made_in_words
from experiments.results import ExperimentFolder
from hierclf.errors import ConfigError


def test_how_a_run_is_made_is_on_record(tmp_path):
    journal = Journal()
    journal.note("read the data")
    made = begin_record(ExperimentFolder(tmp_path), journal, command="run it", seeds=[3, 1], threads=7, processes=2)
    assert json.loads((tmp_path / "environment.json").read_text()) == made
    assert (made["command"], made["seeds"], made["threads"], made["processes"]) == ("run it", [3, 1], 7, 2)
    assert made["packages"]["torch"]
    assert [line.split(" ", 2)[2] for line in (tmp_path / "log.txt").read_text().splitlines()] == [
        "read the data",
        "run it",
    ]


def test_the_record_of_the_first_process_stays_and_later_ones_are_added(tmp_path, monkeypatch):
    folder = ExperimentFolder(tmp_path)
    first = begin_record(folder, Journal(), command="run it", seeds=[0], threads=2)
    begin_record(folder, Journal(), command="--resume it", seeds=[0], threads=2)
    monkeypatch.setattr(hierclf, "__version__", "9.9.9")
    made = begin_record(folder, Journal(), command="--resume it", seeds=[0, 1], threads=4)
    assert json.loads((tmp_path / "environment.json").read_text()) == made
    assert {**made, "seeds": [0]} == {**first, "resumed": made["resumed"]}
    for one in made["resumed"]:
        assert one.pop("started") >= first["started"]
    assert made["resumed"] == [
        {"command": "--resume it", "version": first["version"]},
        {"command": "--resume it", "version": "9.9.9", "seeds": [0, 1], "threads": 4},
    ]


def test_how_often_a_run_was_resumed_is_told_in_words():
    made = {"command": "run it", "version": "1"}
    assert made_in_words(made) == made
    assert made_in_words({**made, "resumed": [{"version": "1"}]}) == {**made, "resumed": "once"}
    assert made_in_words({**made, "resumed": [{"version": "2"}] * 3})["resumed"] == "3 times, with hierclf 2"


def test_a_record_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "environment.json").write_text("{")
    with pytest.raises(ConfigError, match=r"environment\.json cannot be read"):
        begin_record(ExperimentFolder(tmp_path), Journal(), command="--resume it", seeds=[0])
