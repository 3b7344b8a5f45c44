"""What of an earlier process still holds when a run is taken up again; nothing is trained."""

from __future__ import annotations

import pytest

from experiments.weights import runner
from experiments.weights.config import load_weights
from hierclf.errors import ConfigError
from tests.experiments.fakes import taken_up


@pytest.fixture
def measured(idx_folder, tmp_path, monkeypatch):
    """Runs a config with some settings changed, always into the same folder, and tells which cells were measured."""
    values = {
        "name": "small",
        "data": {"source": "idx", "root": str(idx_folder("0123", 12, 4))},
        "taxonomy": {"a": ["0", "1"], "b": ["2", "3"]},
        "features": "own",
        "settings": {"backbone": "small_cnn", "epochs": "1"},
        "levels": {"leaf": "leaf"},
        "classes": {"none": None, "balanced": {"class_weights": "balanced"}},
        "raised": ["a"],
    }
    cells: list[str] = []

    class Bench:
        def __init__(self, divided, config, *, seed):
            pass

        def measure(self, cell):
            cells.append(cell.name)
            return {"leaf_accuracy": 1.0, "balanced_accuracy": 1.0, "worst_class_recall": 1.0}

    monkeypatch.setattr(runner, "Bench", Bench)
    monkeypatch.setattr(runner, "write_tables", lambda *given: "a table")

    return lambda **change: taken_up(runner, load_weights(values | change), tmp_path, cells)


def test_rows_are_measured_anew_where_their_settings_changed_and_nowhere_else(measured):
    assert measured() == ["leaf/none", "leaf/balanced"]
    assert measured() == []
    assert measured(about="other words") == []
    changed = {"classes": {"none": None, "balanced": {"class_weights": {"0": "3"}}}}
    assert measured(**changed) == ["leaf/balanced"]
    for more in (
        {"settings": {"backbone": "small_cnn", "epochs": "2"}},
        {"features": "flat"},
        {"raised": ["b"]},
        {"directions": "4"},
    ):
        assert measured(**changed | more) == ["leaf/none", "leaf/balanced"], more


def test_another_taxonomy_is_another_run(measured):
    measured()
    with pytest.raises(ConfigError, match="with another taxonomy than there is now"):
        measured(taxonomy={"a": ["0", "2"], "b": ["1", "3"]})
