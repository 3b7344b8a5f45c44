"""What of an earlier process still holds when a run is taken up again; nothing is trained."""

from __future__ import annotations

import pytest

from experiments.hold_out import runner
from experiments.hold_out.config import load_hold_out
from tests.experiments.fakes import taken_up


@pytest.fixture
def measured(idx_folder, tmp_path, monkeypatch):
    """Runs a config with these strategies, always into the same folder, and tells which rows were measured."""
    values = {
        "name": "small",
        "data": {"source": "idx", "root": str(idx_folder("0123456789", 6, 2))},
        "taxonomy": {"a": ["0-2"], "b": ["3-5"], "c": ["6", "7"], "d": ["8", "9"]},
        "hold_out": {},
        "references": ["climbing"],
    }
    rows: list[str] = []

    class Bench:
        def __init__(self, held_out, main, *, seed):
            self.held_out, self.seed = held_out, seed

        def measure_ours(self, strategy):
            rows.append(strategy.title)
            return {"bmhd_known_promise": 0.0, "bmhd_novel_promise": 0.0, "known_rejected": 0.0}

        def measure_reference(self, name):
            rows.append(name)
            return {"bmhd_known_promise": 0.0, "bmhd_novel_promise": 0.0, "known_rejected": 0.0}

    monkeypatch.setattr(runner, "Bench", Bench)
    monkeypatch.setattr(runner, "write_tables", lambda *given: "a table")

    return lambda **strategies: taken_up(runner, load_hold_out(values | {"strategies": strategies}), tmp_path, rows)


def test_rows_are_measured_anew_where_their_settings_changed_and_nowhere_else(measured):
    ours = {"base": "hierclf", "keep": "0.95"}
    assert measured(main=ours, leaf={"rule": "leaf"}) == ["main", "leaf", "by_distribution", "climbing"]
    assert measured(main=ours, leaf={"rule": "leaf"}) == []
    assert measured(main=ours, leaf={"rule": "top_down"}) == ["leaf"]
    changed = {"base": "hierclf", "keep": "0.9"}
    assert measured(main=changed, leaf={"rule": "top_down"}) == ["main", "by_distribution", "climbing"]
