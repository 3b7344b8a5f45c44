"""The command as somebody meets it: folders, tables, exit codes, mistakes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.discovery.command import command
from experiments.discovery.ways import ways
from experiments.results import ExperimentFolder
from hierclf.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"

PLANTED = """
    name: small
    about: One kind.
    planted: {regimes: [isotropic], shapes: [even], plenty: 50}
    ways: [ours_without_support, nbdt, random]
    seeds: [0, 1]
    threads: 1
"""


@pytest.fixture
def discovery(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(command, list(words), catch_exceptions=False)


@pytest.fixture
def config(write_config):
    return write_config(PLANTED)


def test_the_first_experiment_to_try_runs_in_seconds(discovery, tmp_path):
    result = discovery(str(CONFIGS / "discovery_digits.yaml"), "seeds=0")
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "runs" / "discovery_digits-1"
    assert (folder / "DONE").is_file()
    assert (folder / "table.md").read_text() in result.stdout
    assert "10 classes; the reference has 3 groups" in result.stdout
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {row["strategy"] for row in metrics["runs"]} == {name for name in ways if not ways[name].needs_plenty}
    split = metrics["runs"][0]["split"]
    with (folder / "splits" / f"{split}.csv").open() as file:
        assert {row["part"] for row in csv.DictReader(file)} == {"look"}
    assert "recursive k-means" in (folder / "report.html").read_text()


def test_planted_trees_are_kept_by_kind(discovery, config, tmp_path):
    result = discovery(config)
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "runs" / "small-1"
    assert "## Clade F1 by kind of data" in result.stdout
    assert (folder / "strategies" / "isotropic_even_high" / "nbdt" / "seed-1.json").is_file()
    runs = json.loads((folder / "metrics.json").read_text())["runs"]
    assert len(runs) == 2 * 3 * 2
    ours = [row["clade_f1"] for row in runs if row["strategy"] == "ours_without_support"]
    theirs = [row["clade_f1"] for row in runs if row["strategy"] == "nbdt"]
    assert min(ours) > max(theirs)
    with (folder / "metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 12
    assert json.loads((folder / "environment.json").read_text())["threads"] == 1
    again = discovery("--resume", str(folder))
    assert again.exit_code == 0
    assert "done already" in again.stderr


def test_a_failing_way_costs_its_own_cells_and_is_mended_by_resuming(discovery, config, tmp_path, monkeypatch):
    def fail(problem, seed):
        raise ZeroDivisionError("by nought")

    whole = ways["nbdt"]
    monkeypatch.setitem(ways._parts, "nbdt", replace(whole, find=fail))
    result = discovery(config, "seeds=0", "planted.noises=low")
    assert result.exit_code == 1
    assert "Failed: NBDT, isotropic even low seed 0: ZeroDivisionError: by nought" in result.stdout
    monkeypatch.setitem(ways._parts, "nbdt", whole)
    folder = tmp_path / "runs" / "small-1"
    assert not (folder / "DONE").exists()
    mended = discovery("--resume", str(folder))
    assert mended.exit_code == 0, mended.stderr
    assert mended.stderr.count("…\n") == 1, "what was measured is not measured again"
    assert "Failed" not in mended.stdout


def test_other_images_than_before_are_refused(discovery, config, tmp_path):
    discovery(config, "seeds=0", "planted.noises=low")
    folder = tmp_path / "runs" / "small-1"
    (folder / "DONE").unlink()
    kept = folder / "strategies" / "isotropic_even_low" / "nbdt" / "seed-0.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "split": "0" * 16}))
    result = discovery("--resume", str(folder))
    assert result.exit_code == 2
    assert "measured on other images than there are now" in result.stderr


def test_a_run_that_still_goes_is_not_taken_up(discovery, config, tmp_path):
    discovery(config, "seeds=0", "planted.noises=low")
    folder = ExperimentFolder(tmp_path / "runs" / "small-1")
    (folder.path / "DONE").unlink()
    log = folder.path / "log.txt"
    before = log.read_bytes()
    with folder.held():
        result = discovery("--resume", str(folder.path))
    assert result.exit_code == 2
    assert "experiments: another process is measuring into" in result.stderr
    assert log.read_bytes() == before, "nothing was begun"
    assert discovery("--resume", str(folder.path)).exit_code == 0, "who ends lets go"


def test_a_run_holds_its_folder_while_it_measures(discovery, config, tmp_path, monkeypatch):
    whole, refused = ways["nbdt"], []

    def find(problem, seed):
        with pytest.raises(ConfigError, match="wait for it or stop it"), ExperimentFolder("runs/small-1").held():
            pass
        refused.append(seed)
        return whole.find(problem, seed)

    monkeypatch.setitem(ways._parts, "nbdt", replace(whole, find=find))
    assert discovery(config, "seeds=0", "planted.noises=low").exit_code == 0
    assert refused == [0]


def test_mistakes_are_told_without_a_traceback(discovery, write_config):
    assert "which experiment? python -m experiments.discovery" in discovery().stderr
    result = discovery(write_config("name: a\n"))
    assert result.exit_code == 2
    assert "data, planted" in result.stderr
    assert "Traceback" not in result.stderr
