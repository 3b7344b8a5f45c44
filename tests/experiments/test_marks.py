import pytest

import hierclf
from experiments.marks import Marks, is_missing, outdated_cells
from experiments.results import ExperimentFolder
from hierclf.errors import ConfigError

MARKS = Marks(split="s", taxonomy="t", settings="x")


@pytest.fixture
def folder(tmp_path):
    """Makes a folder with one row, of which some marks are others or missing."""

    def make(**change):
        kept = ExperimentFolder(tmp_path)
        row = {**MARKS.row("a", 3), "score": 0.5, **change}
        kept.write_row({name: value for name, value in row.items() if value != "missing"})
        return kept

    return make


def test_a_row_says_what_it_is_measured_with():
    assert MARKS.row("a", 3) == {
        "strategy": "a",
        "seed": 3,
        "split": "s",
        "taxonomy": "t",
        "settings": "x",
        "version": hierclf.__version__,
        "error": None,
    }


@pytest.mark.parametrize("change", [{}, {"taxonomy": "missing"}, {"settings": "missing"}, {"version": "missing"}])
def test_a_row_is_kept_where_nothing_on_record_has_changed(folder, change):
    row = MARKS.earlier(folder(**change), "a", 3)
    assert row is not None
    assert row["score"] == 0.5


@pytest.mark.parametrize("change", [{"error": "no"}, {"settings": "y"}, {"error": "no", "split": "else"}])
def test_a_row_that_failed_or_had_other_settings_is_measured_anew(folder, change):
    kept = folder(**change)
    assert MARKS.earlier(kept, "a", 3) is None
    assert is_missing(kept.row("a", 3), "x")
    assert outdated_cells(kept, {("a", 3): "x"})


def test_a_cell_without_a_row_is_missing(folder):
    kept = folder()
    assert MARKS.earlier(kept, "a", 4) is None
    assert not outdated_cells(kept, {("a", 3): "x"})
    assert outdated_cells(kept, {("a", 3): "x", ("b", 3): "x"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "else"}, r"on other images than there are now \(seed 3: else, now s\)"),
        ({"taxonomy": "else"}, r"with another taxonomy than there is now \(seed 3\)"),
    ],
)
def test_another_question_is_another_run(folder, change, message):
    with pytest.raises(ConfigError, match=message):
        MARKS.earlier(folder(**change), "a", 3)
