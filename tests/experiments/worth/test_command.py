"""The command as somebody meets it: folders, tables, exit codes, mistakes."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.worth.command import command
from experiments.worth.measurement import Bench
from hierclf.taxonomy import Taxonomy

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"

SMALL = """
    name: small
    about: Tiny glyphs.
    look_at: Everything.
    data: {{source: idx, root: {root}}}
    taxonomy: {{a: [0, 1, 2], b: [3, 4, 5], c: [6, 7], d: [8, 9]}}
    hold_out: {{}}
    settings: {{backbone: small_cnn, epochs: 1, augmentation: none, rule: leaf}}
    variants:
      shared: {{title: shared head, level_weights: uniform}}
      read: {{title: only read, head: flat, level_weights: leaf}}
    features:
      frozen: {{how: flat, title: "frozen features"}}
      tuned: {{how: own, variants: shared, seeds: 0}}
    trees: [declared, discovered, random, random_discovered, nbdt, flat]
    discovery: {{bootstraps: 5}}
    seeds: [0, 1]
    threads: 1
"""


ONE_ROW = ("seeds=0", "variants={shared: {}}", "features={frozen: {how: flat}}", "discovery.bootstraps=5")


@pytest.fixture
def worth(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HIERCLF_CACHE", str(tmp_path / "cache"))
    return lambda *words: CliRunner().invoke(command, list(words), catch_exceptions=False)


@pytest.fixture
def config(idx_folder, write_config):
    return write_config(SMALL.format(root=idx_folder("0123456789", 14, 4)))


@pytest.mark.slow
def test_a_run_leaves_everything_behind(worth, config, tmp_path):
    result = worth(config)
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "runs" / "small-1"
    assert (folder / "DONE").is_file()
    table = (folder / "table.md").read_text()
    assert table in result.stdout
    for text in (
        "## The taxonomies",
        "## Known images, frozen features",
        "## Novel images, tuned",
        "## Each taxonomy less flat, frozen features",
        "## Each taxonomy less a random tree of the same shape, frozen features",
        "| discovered, only read ",
        "- Seed 1: Known:",
    ):
        assert text in table
    metrics = json.loads((folder / "metrics.json").read_text())
    assert len(metrics["runs"]) == 2 * 11 + 6
    assert {row["seed"] for row in metrics["runs"] if row["strategy"].startswith("tuned/")} == {0}
    for seed in (0, 1):
        rows = {row["strategy"]: row for row in metrics["runs"] if row["seed"] == seed}
        assert len({row["split"] for row in rows.values()}) == 1
        read = {row["leaf_accuracy"] for name, row in rows.items() if name.startswith("frozen/read/")}
        assert read == {rows["frozen/shared/flat"]["leaf_accuracy"]}, "what is only read does not change the classes"
        assert rows["frozen/shared/declared"]["clade_f1"] == 1.0
        twins = {tree: rows[f"frozen/shared/{tree}"]["meta_classes"] for tree in ("discovered", "random_discovered")}
        assert len(set(twins.values())) == 1
    less = {(one["strategy"], one["less"]) for one in metrics["differences"]}
    assert ("frozen/read/declared", "frozen/shared/flat") in less
    assert ("frozen/read/discovered", "frozen/read/random_discovered") in less
    with (folder / "metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 28
    assert "only read" in (folder / "report.html").read_text()
    kept = Taxonomy.from_yaml(folder / "taxonomies" / "seed-1" / "nbdt.yaml")
    assert len(kept.internal_nodes) == len(kept.leaves) - 1


@pytest.mark.slow
def test_a_failing_row_costs_its_own_cells_and_is_mended_by_resuming(worth, config, tmp_path, monkeypatch):
    whole = Bench.measure

    def measure(self, cell):
        if cell.tree == "nbdt":
            raise ZeroDivisionError("by nought")
        return whole(self, cell)

    words = (config, *ONE_ROW, "trees=[nbdt, flat]")
    with monkeypatch.context() as broken:
        broken.setattr(Bench, "measure", measure)
        result = worth(*words)
    folder = tmp_path / "runs" / "small-1"
    assert result.exit_code == 1
    assert "Failed: frozen/shared/nbdt, seed 0: ZeroDivisionError: by nought" in result.stdout
    assert "python -m experiments.worth --resume runs/small-1" in result.stdout
    kept = (folder / "strategies" / "frozen" / "shared" / "flat" / "seed-0.json").read_bytes()
    resumed = worth("--resume", str(folder))
    assert resumed.exit_code == 0
    assert "failed" not in resumed.stdout.lower()
    assert (folder / "strategies" / "frozen" / "shared" / "flat" / "seed-0.json").read_bytes() == kept
    assert "is done already" in worth("--resume", str(folder)).stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "which experiment? python -m experiments.worth experiments/configs/worth_digits.yaml"),
        (("CONFIG", "tree=flat"), "tree: there is no such setting; did you mean 'trees'?"),
        (("CONFIG", "data.root=nowhere"), "there is no folder 'nowhere'"),
        (("CONFIG", "--resume", "x"), "--resume goes on with the run as it was configured"),
        (("--resume", "nowhere"), "there is no experiment in nowhere"),
    ],
)
def test_a_mistake_gets_one_message_and_leaves_nothing(worth, config, tmp_path, words, message):
    result = worth(*(word.replace("CONFIG", config) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "runs").exists()


def test_help_does_not_wait_for_torch():
    program = "import sys, experiments.worth.command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=CONFIGS.parents[1], check=False).returncode == 0


def test_digits_in_small(worth):
    words = (
        *ONE_ROW,
        "settings.epochs=1",
        "data.limit=20",
        "data.test_share=0.2",
        "trees=[declared, discovered, flat]",
    )
    result = worth(str(CONFIGS / "worth_digits.yaml"), *words)
    assert result.exit_code == 0, result.stderr
    assert "Known: 8 of 10 classes" in result.stdout
    assert "| discovered, shared" in result.stdout
    assert "no clear difference" not in result.stdout, "one seed has no standard error"


@pytest.mark.slow
def test_digits_tell_the_same_story_twice(worth, tmp_path):
    words = (str(CONFIGS / "worth_digits.yaml"), *ONE_ROW, "trees=[declared, discovered, random_discovered]")
    tables = []
    for _ in range(2):
        assert worth(*words).exit_code == 0
        number = len(tables) + 1
        runs = json.loads((tmp_path / f"runs/worth_digits-{number}/metrics.json").read_text())["runs"]
        tables.append([{k: v for k, v in row.items() if "seconds" not in k} for row in runs])
    assert tables[0] == tables[1]
    accuracy = [row["leaf_accuracy"] for row in tables[0]]
    assert min(accuracy) > 0.93
