from __future__ import annotations

import pytest

from experiments.discovery.config import load_discovery
from experiments.discovery.writing import as_markdown, by_cell, pooled

PLANTED = load_discovery({"name": "small", "about": "What it is.", "planted": {}, "seeds": ["0", "1"]})


def row(strategy, cell, seed, f1, **more):
    found = {"clade_f1": f1, "clade_recall": f1 / 2, "seconds": 0.5}
    return {"strategy": strategy, "cell": cell, "seed": seed, "error": None, **found, **more}


ROWS = [
    row("ours", "even low", 0, 1.0),
    row("ours", "even low", 1, 0.5),
    row("ours", "even high", 0, 0.5),
    row("ours", "even high", 1, 0.3),
    row("nbdt", "even low", 0, 0.2),
    row("nbdt", "even low", 1, 0.2),
    row("nbdt", "even high", 0, 0.2),
    {"strategy": "nbdt", "cell": "even high", "seed": 1, "error": "by nought"},
]


def test_kinds_of_data_are_lines_and_ways_are_columns():
    lines = by_cell(ROWS)
    assert [(line["strategy"], line["seed"]) for line in lines] == [
        *(("even low", seed) for seed in (0, 1)),
        *(("even high", seed) for seed in (0, 1)),
    ]
    assert [line["ours"] for line in lines] == [1.0, 0.5, 0.5, 0.3]
    assert [line["nbdt"] for line in lines] == [0.2, 0.2, 0.2, None]


def test_pooling_takes_the_mean_over_kinds_and_a_failure_takes_its_seed():
    found = {(line["strategy"], line["seed"]): line for line in pooled(ROWS)}
    assert found["ours", 0]["clade_f1"] == 0.75
    assert found["ours", 1]["clade_f1"] == pytest.approx(0.4)
    assert found["ours", 1]["clade_recall"] == pytest.approx(0.2)
    assert found["ours", 0]["triplet_f1"] is None
    assert found["nbdt", 0]["clade_f1"] == pytest.approx(0.2)
    assert found["nbdt", 1] == {"strategy": "nbdt", "seed": 1, "error": "by nought"}


def test_the_tables_read_well():
    text = as_markdown(PLANTED, ROWS, ["even low 0: much."])
    assert text.startswith("# small\n\nWhat it is.\n\n- even low 0: much.\n\n## Clade F1 by kind of data\n")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "| even low | 0.750 ± 0.250 | 0.200 ± 0.000 |" in lines
    assert "| even high | 0.400 ± 0.100 | 0.200 |" in lines
    assert any(line.startswith("| hierclf | 0.575 ± 0.175 |") for line in lines), "its only rival lacks a seed"
    assert "A row that lacks a seed that others have is marked neither as best nor as tied." in lines
    assert "Mean ± standard error over 2 seeds" in text
    assert "- *NBDT*: the induced hierarchy" in text
    assert "Failed: NBDT, even high seed 1: by nought" in text
    assert "triplet" not in text.split("- **clade F1**")[0]


def test_without_kinds_there_is_one_table():
    text = as_markdown(PLANTED, [{**one, "cell": ""} for one in ROWS[:2]], [])
    assert "##" not in text
    assert text.count("| strategy") == 1
