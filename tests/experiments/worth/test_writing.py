"""What a reader finds in the tables, from rows that were made up."""

import pytest

from experiments.results import ExperimentFolder
from experiments.worth.columns import COMPARED
from experiments.worth.config import load_worth
from experiments.worth.differences import differences
from experiments.worth.writing import against_flat, against_twins, as_markdown, verdicts, write_tables

CONFIG = {
    "name": "made_up",
    "about": "Made up.",
    "data": {"source": "idx", "root": "data"},
    "taxonomy": {"low": ["0-4"], "high": ["5-9"]},
    "hold_out": {},
    "settings": {"backbone": "small_cnn"},
    "variants": {"shared": {"title": "shared head"}, "read": {"title": "only read", "head": "flat"}},
    "features": {"frozen": {"how": "flat", "title": "frozen"}},
    "trees": ["declared", "random", "flat"],
    "seeds": ["0", "1", "2"],
}
SENTENCES = {seed: [f"told of {seed}."] for seed in range(3)}


@pytest.fixture
def config():
    return load_worth(CONFIG)


def rows_of(config):
    """The declared tree backs off better than flat in every seed, and names classes as well as it does."""
    better = {"declared": 0.05, "random": 0.0, "flat": 0.0}
    return [
        {
            "strategy": cell.name,
            "seed": seed,
            "split": "x",
            "error": None,
            "leaf_accuracy": 0.8 + 0.05 * seed + 0.01 * ((seed + len(cell.variant)) % 2) * (cell.tree != "flat"),
            "ap_info": 0.7 + 0.05 * seed + better[cell.tree] + 0.001 * seed,
            "severity": 3.0,
            "clade_f1": 1.0 if cell.tree == "declared" else 0.0,
            "meta_classes": 2 if cell.tree != "flat" else 0,
            "promise_kept": 1,
            "alpha": 0.05,
        }
        for cell in config.all_cells()
        for seed in range(3)
    ]


def test_every_row_is_held_against_flat_and_its_twin(config):
    flat = "frozen/shared/flat"
    names = [f"frozen/{variant}/{tree}" for variant in ("shared", "read") for tree in ("declared", "random")]
    assert against_flat(config) == [(name, flat) for name in names]
    assert against_twins(config) == [
        ("frozen/shared/declared", "frozen/shared/random"),
        ("frozen/read/declared", "frozen/read/random"),
    ]


def test_the_verdict_says_what_is_better_and_what_is_not(config):
    told = differences(rows_of(config), [*against_flat(config), *against_twins(config)], COMPARED)
    found = verdicts(config, told)
    expected = "frozen, declared, shared head: better: AP(info) +5.0 ± 0.0; no clear difference: right class, severity."
    assert found["What it buys over no taxonomy"][0] == expected
    assert not any("random" in line.split(":")[0] for line in found["What it buys over no taxonomy"])


def test_the_tables_hold_means_differences_and_what_failed(config, tmp_path):
    rows = rows_of(config)
    rows[0] |= {"error": "out of luck"}
    folder = ExperimentFolder(tmp_path)
    table = write_tables(folder, config, rows, SENTENCES, {"machine": "none"})
    assert table == (tmp_path / "table.md").read_text()
    for text in (
        "## The taxonomies",
        "| declared ",
        "**+5.0 ± 0.0 better**",
        "Failed: frozen/shared/declared, seed 0: out of luck",
        "- Seed 2: told of 2.",
        "held in 15 of 15 runs",
    ):
        assert text in table
    for name in ("metrics.json", "metrics.csv", "report.html"):
        assert (tmp_path / name).stat().st_size > 500


def test_one_seed_gives_tables_without_a_verdict(config):
    rows = [row for row in rows_of(config) if row["seed"] == 0]
    told = differences(rows, against_flat(config), COMPARED)
    text = as_markdown(config, rows, told, {0: ["told"]})
    assert "## What it buys" not in text
    assert "+5.0 " in text
