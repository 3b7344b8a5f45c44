"""The command as somebody meets it: folders, tables, exit codes, mistakes."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.hold_out.command import command
from experiments.hold_out.measurement import Bench

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"

SMALL = """
    name: small
    about: Tiny glyphs.
    look_at: Everything.
    data: {{source: idx, root: {root}}}
    taxonomy: {{a: [0, 1, 2], b: [3, 4, 5], c: [6, 7], d: [8, 9]}}
    hold_out: {{far: {{glyphs: {{source: idx, root: ., limit: 9, inverted: true}}}}}}
    settings: {{backbone: small_cnn, epochs: 1, augmentation: none, cache: false}}
    strategies:
      hierclf: {{}}
      leaf: {{title: never ambiguous, rule: leaf}}
    references: [climbing, prohoc_complement]
    seeds: [0, 1]
    threads: 1
"""


@pytest.fixture
def hold_out(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HIERCLF_CACHE", str(tmp_path / "cache"))
    return lambda *words: CliRunner().invoke(command, list(words), catch_exceptions=False)


@pytest.fixture
def config(idx_folder, write_config):
    return write_config(SMALL.format(root=idx_folder("0123456789", 14, 4)))


def test_a_run_leaves_everything_behind(hold_out, config, tmp_path):
    result = hold_out(config)
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "runs" / "small-1"
    assert (folder / "DONE").is_file()
    table = (folder / "table.md").read_text()
    assert table in result.stdout
    for text in (
        "## Under the promise",
        "| never ambiguous ",
        "by its distribution ",
        "| prohoc_complement ",
        "over 2 seeds",
        "- Seed 1: Known:",
    ):
        assert text in table
    metrics = json.loads((folder / "metrics.json").read_text())
    names = ("hierclf", "leaf", "by_distribution", "climbing", "prohoc_complement")
    assert [(row["strategy"], row["seed"]) for row in metrics["runs"]] == [(n, s) for n in names for s in (0, 1)]
    splits = {row["seed"]: row["split"] for row in metrics["runs"]}
    assert splits[0] != splits[1]
    for split in splits.values():
        with (folder / "splits" / f"{split}.csv").open() as file:
            assert {row["part"] for row in csv.DictReader(file)} == {"train", "test", "leaf", "subtree", "far"}
    accuracy = {(row["seed"], row["network_leaf_accuracy"]) for row in metrics["runs"]}
    assert len(accuracy) == 2, "all methods of a seed share one network"
    for row in metrics["runs"]:
        found = [value for value in row["auroc_by_node"].values() if value is not None]
        assert row["auroc_novel_child"] == pytest.approx(sum(found) / len(found))
    with (folder / "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 10
    assert "auroc_by_node" not in lines[0], "a table is no cell"
    assert json.loads((folder / "environment.json").read_text())["threads"] == 1
    assert "never ambiguous" in (folder / "report.html").read_text()


def test_a_failing_method_costs_its_own_cells_and_is_mended_by_resuming(hold_out, config, tmp_path, monkeypatch):
    whole = Bench.measure_reference

    def measure(self, name):
        if name == "climbing":
            raise ZeroDivisionError("by nought")
        return whole(self, name)

    with monkeypatch.context() as broken:
        broken.setattr(Bench, "measure_reference", measure)
        result = hold_out(config, "seeds=0")
    folder = tmp_path / "runs" / "small-1"
    assert result.exit_code == 1
    assert "Failed: climbing, seed 0: ZeroDivisionError: by nought" in result.stdout
    assert "--resume runs/small-1" in result.stdout
    assert not (folder / "DONE").exists()
    kept = (folder / "strategies" / "hierclf" / "seed-0.json").read_bytes()
    resumed = hold_out("--resume", str(folder))
    assert resumed.exit_code == 0
    assert "failed" not in resumed.stdout.lower()
    assert (folder / "strategies" / "hierclf" / "seed-0.json").read_bytes() == kept, "what was measured is not redone"
    again = hold_out("--resume", str(folder))
    assert "is done already" in again.stderr


def test_a_run_is_not_resumed_on_other_images(hold_out, config, tmp_path, monkeypatch, idx_folder):
    with monkeypatch.context() as broken:
        broken.setattr(Bench, "measure_reference", lambda self, name: 1 / 0)
        assert hold_out(config, "seeds=0").exit_code == 1
    idx_folder("0123456789", 13, 4)
    result = hold_out("--resume", str(tmp_path / "runs" / "small-1"))
    assert result.exit_code == 2
    assert "was measured on other images than there are now" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "which experiment? python -m experiments.hold_out"),
        (("CONFIG", "sed=0"), "sed: there is no such setting; did you mean 'seeds'?"),
        (("CONFIG", "data.root=nowhere"), "there is no folder 'nowhere'"),
        (("CONFIG", "hold_out.far.glyphs.root=nowhere"), "nowhere' with the data of this experiment"),
        (("CONFIG", "taxonomy=digts"), "did you mean"),
        (("CONFIG", "--resume", "x"), "--resume goes on with the run as it was configured"),
        (("--resume", "nowhere"), "there is no experiment in nowhere"),
    ],
)
def test_a_mistake_gets_one_message_and_leaves_nothing(hold_out, config, tmp_path, words, message):
    result = hold_out(*(word.replace("CONFIG", config) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "runs").exists()


def test_help_does_not_wait_for_torch():
    program = "import sys, experiments.hold_out.command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=CONFIGS.parents[1], check=False).returncode == 0


def test_digits_in_small(hold_out):
    words = (
        "seeds=0",
        "settings.epochs=1",
        "data.limit=40",
        "references=climbing",
        "by_distribution=false",
        "strategies={hierclf: }",
    )
    result = hold_out(str(CONFIGS / "hold_out_digits.yaml"), *words, "settings.cache=false", "strategies={hierclf: }")
    assert result.exit_code == 0, result.stderr
    assert "Known: 8 of 10 classes" in result.stdout
    assert "| climbing" in result.stdout


@pytest.mark.slow
def test_digits_held_out_are_noticed(hold_out, tmp_path):
    result = hold_out(str(CONFIGS / "hold_out_digits.yaml"), "seeds=[0, 1]", "references=[climbing]")
    assert result.exit_code == 0, result.stderr
    means = json.loads((tmp_path / "runs/hold_out_digits-1/metrics.json").read_text())["means"]
    ours = {name: value["mean"] for name, value in means["hierclf"].items()}
    assert ours["network_leaf_accuracy"] > 0.95
    assert ours["known_rejected"] < 0.1
    assert ours["accepted_leaf_promise"] < 0.5
    assert ours["auroc_novel_child"] > 0.85
