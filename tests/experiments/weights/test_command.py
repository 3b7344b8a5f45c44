"""The command as somebody meets it: folders, tables, exit codes, mistakes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.weights.command import command
from experiments.weights.measurement import Bench

CONFIGS = Path(__file__).parents[3] / "experiments" / "configs"

SMALL = """
    name: small
    about: Tiny glyphs.
    look_at: Everything.
    data: {{source: idx, root: {root}}}
    taxonomy: {{a: [0, 1, 2], b: [3, 4, 5]}}
    features: {features}
    settings: {{backbone: small_cnn, epochs: 1, augmentation: none}}
    levels: {{leaf: leaf, uniform: uniform}}
    classes: {{none: , raised: {{class_weights: {{b: 8}}}}}}
    raised: [b]
    seeds: [0, 1]
    threads: 1
"""

DIGITS = ("settings.epochs=2", "levels={leaf: leaf}", "seeds=0", "data.limit=15", "data.test_share=0.2")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HIERCLF_CACHE", str(tmp_path / "cache"))
    return lambda *words: CliRunner().invoke(command, list(words), catch_exceptions=False)


@pytest.fixture
def config(idx_folder, write_config):
    return lambda features="flat": write_config(SMALL.format(root=idx_folder("012345", 14, 4), features=features))


@pytest.mark.slow
@pytest.mark.parametrize("features", ["flat", "own"])
def test_a_run_leaves_everything_behind(weights, config, tmp_path, features):
    result = weights(config(features))
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "runs" / "small-1"
    assert (folder / "DONE").is_file()
    table = (folder / "table.md").read_text()
    assert table in result.stdout
    for text in ("## All classes, less leaf, none", "recall of b", "## Who gains and who pays", "| uniform, raised "):
        assert text in table
    metrics = json.loads((folder / "metrics.json").read_text())
    assert len(metrics["runs"]) == 2 * 4
    assert metrics["baseline"] == "leaf, none"
    assert set(metrics["runs"][0]["recalls"]) == set("012345")
    assert len({row["split"] for row in metrics["runs"] if row["seed"] == 0}) == 1
    assert {one["strategy"] for one in metrics["differences"]} == {"leaf, raised", "uniform, none", "uniform, raised"}
    with (folder / "metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 8
    assert "uniform, raised" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_a_failing_row_costs_itself_and_is_mended_by_resuming(weights, config, tmp_path, monkeypatch):
    whole = Bench.measure

    def measure(self, cell):
        if cell.name == "uniform/raised":
            raise ZeroDivisionError("by nought")
        return whole(self, cell)

    with monkeypatch.context() as broken:
        broken.setattr(Bench, "measure", measure)
        result = weights(config(), "seeds=0")
    assert result.exit_code == 1
    assert "Failed: uniform, raised, seed 0: ZeroDivisionError: by nought" in result.stdout
    folder = tmp_path / "runs" / "small-1"
    kept = (folder / "strategies" / "leaf" / "none" / "seed-0.json").read_bytes()
    resumed = weights("--resume", str(folder))
    assert resumed.exit_code == 0
    assert (folder / "strategies" / "leaf" / "none" / "seed-0.json").read_bytes() == kept
    assert "is done already" in weights("--resume", str(folder)).stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "which experiment? python -m experiments.weights experiments/configs/weights_digits.yaml"),
        (("CONFIG", "level=leaf"), "level: there is no such setting; did you mean 'levels'?"),
        (("CONFIG", "data.root=nowhere"), "there is no folder 'nowhere'"),
        (("CONFIG", "--resume", "x"), "--resume goes on with the run as it was configured"),
    ],
)
def test_a_mistake_gets_one_message_and_leaves_nothing(weights, config, tmp_path, words, message):
    result = weights(*(word.replace("CONFIG", config()) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "runs").exists()


def test_validation_is_told_in_the_headline(weights, config):
    table = weights(config(), "validation=true", "seeds=0", "levels={leaf: leaf}").stdout
    assert "# small: VALIDATION, the test is unopened" in table


def test_help_does_not_wait_for_torch():
    program = "import sys, experiments.weights.command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=CONFIGS.parents[1], check=False).returncode == 0


@pytest.mark.slow
def test_digits_in_small(weights):
    result = weights(str(CONFIGS / "weights_digits.yaml"), *DIGITS)
    assert result.exit_code == 0, result.stderr
    assert "| leaf, 8_x4 " in result.stdout
