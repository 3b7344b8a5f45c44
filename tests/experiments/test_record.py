import json

from experiments.journal import Journal
from experiments.record import begin_record
from experiments.results import ExperimentFolder


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
