"""What of an earlier process still holds when a run is taken up again; nothing is trained."""

from __future__ import annotations

import pytest

from experiments.worth import runner
from experiments.worth.config import load_worth
from tests.experiments.fakes import taken_up

SHARED = {"head": "shared", "level_weights": "uniform"}
READ = {"head": "flat", "level_weights": "leaf"}


@pytest.fixture
def measured(idx_folder, tmp_path, monkeypatch):
    """Runs a config with some settings changed, always into the same folder, and tells which cells were measured."""
    values = {
        "name": "small",
        "data": {"source": "idx", "root": str(idx_folder("0123456789", 6, 2))},
        "taxonomy": {"a": ["0-2"], "b": ["3-5"], "c": ["6", "7"], "d": ["8", "9"]},
        "hold_out": {},
        "settings": {"backbone": "small_cnn"},
        "variants": {"shared": SHARED, "read": READ},
        "features": {"frozen": {"how": "flat"}, "tuned": {"how": "own", "variants": "shared"}},
        "trees": ["declared"],
    }
    cells: list[str] = []

    class Bench:
        def __init__(self, held_out, config, *, seed):
            pass

        def measure(self, cell):
            cells.append(cell.name)
            return {"leaf_accuracy": 1.0, "ap_info": 1.0, "bmhd_mix_promise": None}

    monkeypatch.setattr(runner, "Bench", Bench)
    monkeypatch.setattr(runner, "write_tables", lambda *given: "a table")
    monkeypatch.setattr(runner, "_keep_tree", lambda *given: None)

    return lambda **change: taken_up(runner, load_worth(values | change), tmp_path, cells)


def test_rows_are_measured_anew_where_their_settings_changed_and_nowhere_else(measured):
    every = ["frozen/shared/declared", "frozen/read/declared", "tuned/shared/declared"]
    assert measured() == every
    assert measured() == []
    variants = {"shared": SHARED, "read": {**READ, "title": "only read", "label_smoothing": "0.1"}}
    assert measured(variants=variants) == ["frozen/read/declared"]
    tuned = {"how": "own", "variants": "shared", "settings": {"epochs": "2"}}
    both = {"variants": variants, "features": {"frozen": {"how": "flat"}, "tuned": tuned}}
    assert measured(**both) == ["tuned/shared/declared"]
    first = {"how": "flat", "settings": {"epochs": "2"}}
    both["features"] = {"frozen": first, "tuned": tuned}
    assert measured(**both) == every, "taxonomies come from it"
    assert measured(**both, discovery={"bootstraps": "5"}) == every
