"""The command as somebody meets it who tries an experiment: folders, tables, exit codes, mistakes."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.results import ExperimentFolder
from hierclf import HierarchicalClassifier
from hierclf.strategies import Strategy

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"

SMALL = """
    name: small
    about: Tiny glyphs.
    look_at: Everything.
    data: {{source: idx, root: {root}}}
    classes: {{known: [0-3], other: [A], unseen: [N]}}
    settings: {{backbone: small_cnn, epochs: 1, augmentation: none, cache: false}}
    strategies:
      flat: {{base: flat_msp}}
      hierclf: {{}}
      ours: {{title: ours with energy, gate: [energy]}}
    seeds: [0, 1]
    threads: 1
"""


@pytest.fixture
def config(idx_folder, write_config):
    return write_config(SMALL.format(root=idx_folder(learn=25, test=6)))


def test_a_run_leaves_everything_behind(call, config, tmp_path):
    result = call(config)
    assert result.exit_code == 0
    folder = tmp_path / "runs" / "small-1"
    assert (folder / "DONE").is_file()
    table = (folder / "table.md").read_text()
    assert table in result.stdout
    for title in ("| flat ", "| hierclf ", "| ours with energy "):
        assert title in table
    assert "Known: 0, 1, 2, 3 (100 images) to learn from and 24 images to test on." in table
    assert f"Everything is in {Path('runs/small-1')}" in result.stdout
    assert "Next: hierclf predict runs/small-1/strategies/hierclf PICTURES" in result.stdout
    metrics = json.loads((folder / "metrics.json").read_text())
    assert [(row["strategy"], row["seed"]) for row in metrics["runs"]] == [
        (name, seed) for name in ("flat", "hierclf", "ours") for seed in (0, 1)
    ]
    assert set(metrics["means"]) == {"flat", "hierclf", "ours"}
    with (folder / "metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 6
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["packages"]["torch"]
    assert environment["seeds"] == [0, 1]
    assert environment["threads"] == 1
    assert "experiments.run" in environment["command"]
    (split,) = (folder / "splits").glob("*.csv")  # the data has a split of its own, so both seeds have the same
    assert all(row["split"] == split.stem for row in metrics["runs"])
    page = (folder / "report.html").read_text()
    assert "ours with energy" in page
    for name in ("flat", "hierclf", "ours"):
        assert "<svg" in (folder / "strategies" / name / "report.html").read_text()
        assert HierarchicalClassifier.load(folder / "strategies" / name).taxonomy_.leaves == ("0", "1", "2", "3")
    assert "[6/6] ours with energy, seed 1: right class" in (folder / "log.txt").read_text()
    assert "[6/6] ours with energy, seed 1: right class" in result.stderr


def test_runs_are_numbered_and_repeat_each_other(call, config, tmp_path):
    words = ("seeds=0", "strategies={hierclf: }")
    assert call(config, *words).exit_code == 0
    assert call(config, *words).exit_code == 0
    one, two = (
        json.loads((tmp_path / "runs" / f"small-{number}" / "metrics.json").read_text())["runs"][0] for number in (1, 2)
    )
    for row in (one, two):
        del row["fit_seconds"], row["predict_seconds"]
    assert one == two


def test_a_setting_on_the_command_line_wins_and_is_kept(call, config, tmp_path):
    assert call(config, "name=other", "seeds=3", "strategies={ours: {head: flat}}").exit_code == 0
    folder = tmp_path / "runs" / "other-1"
    (row,) = json.loads((folder / "metrics.json").read_text())["runs"]
    assert (row["strategy"], row["seed"]) == ("ours", 3)
    assert "head: flat" in (folder / "config.yaml").read_text()


def fail_once(monkeypatch, title, error):
    """Makes the strategy of that title fail until told otherwise."""
    whole = Strategy.fit

    def fit(self, *args, **more):
        if self.title == title:
            raise error
        return whole(self, *args, **more)

    monkeypatch.setattr(Strategy, "fit", fit)


def test_a_failing_strategy_costs_its_own_cells_and_is_mended_by_resuming(call, config, tmp_path, monkeypatch):
    words = ("seeds=0", "strategies={flat: {base: flat_msp}, hierclf: }")
    with monkeypatch.context() as broken:
        fail_once(broken, "flat", ZeroDivisionError("by nought"))
        result = call(config, *words)
    folder = tmp_path / "runs" / "small-1"
    assert result.exit_code == 1
    assert "flat (failed for seed 0: ZeroDivisionError: by nought)" in result.stdout
    assert "Failed: flat, seed 0: ZeroDivisionError: by nought" in result.stdout
    assert re.search(r"\| hierclf +\| +\d", result.stdout), "the other strategy has its numbers"
    assert "--resume runs/small-1" in result.stdout
    assert not (folder / "DONE").exists()
    assert "Traceback" not in result.output
    assert "Traceback" in (folder / "log.txt").read_text()
    kept = (folder / "strategies" / "hierclf" / "seed-0.json").read_bytes()
    resumed = call("--resume", str(folder))
    assert resumed.exit_code == 0
    assert "failed" not in resumed.stdout
    assert (folder / "DONE").is_file()
    assert (folder / "strategies" / "hierclf" / "seed-0.json").read_bytes() == kept, "what was measured is not redone"
    again = call("--resume", str(folder))
    assert again.exit_code == 0
    assert "is done already" in again.stderr
    assert "| hierclf" in again.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_keeps_what_it_has_and_goes_on(call, config, tmp_path, monkeypatch, number, code):
    whole = Strategy.fit

    def fit(self, *args, **more):
        if self.title == "hierclf":
            os.kill(os.getpid(), number)
        return whole(self, *args, **more)

    with monkeypatch.context() as stopped:
        stopped.setattr(Strategy, "fit", fit)
        result = call(config, "seeds=0", "strategies={flat: {base: flat_msp}, hierclf: }")
    folder = tmp_path / "runs" / "small-1"
    assert result.exit_code == code
    assert "go on with --resume" in result.stderr
    assert (folder / "strategies" / "flat" / "seed-0.json").is_file()
    assert not (folder / "metrics.json").exists()
    assert call("--resume", str(folder)).exit_code == 0
    assert (folder / "DONE").is_file()


def test_a_run_is_not_resumed_on_other_images(call, config, tmp_path, monkeypatch, idx_folder):
    with monkeypatch.context() as broken:
        fail_once(broken, "hierclf", ZeroDivisionError())
        assert call(config, "seeds=0", "strategies={flat: {base: flat_msp}, hierclf: }").exit_code == 1
    idx_folder(learn=24, test=6)
    result = call("--resume", str(tmp_path / "runs" / "small-1"))
    assert result.exit_code == 2
    assert "was measured on other images than there are now" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "which experiment? python -m experiments.run"),
        (("nothing.yaml",), "nothing.yaml: cannot read this config"),
        (("CONFIG", "sed=0"), "sed: there is no such setting; did you mean 'seeds'?"),
        (("CONFIG", "data.root=nowhere"), "there is no folder 'nowhere'"),
        (("CONFIG", "strategies.ours.head=flt"), "strategies.ours: no head named 'flt'; did you mean 'flat'?"),
        (("CONFIG", "classes.known=[0-9]"), "the data holds no class '4'"),
        (("CONFIG", "taxonomy=digts"), "did you mean"),
        (("CONFIG", "classes.other=", "strategies={extra: {base: flat_other_class}}"), "learns from images of other"),
        (("CONFIG", "runs=CONFIG"), "the run folder"),
        (("CONFIG", "--resume", "x"), "--resume goes on with the run as it was configured"),
        (("--resume", "nowhere"), "there is no experiment in nowhere"),
    ],
)
def test_a_mistake_gets_one_message_and_leaves_nothing(call, config, tmp_path, words, message):
    result = call(*(word.replace("CONFIG", config) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_is_told_without_a_traceback(call, config, monkeypatch):
    def full(self, row):
        raise OSError(28, "No space left on device", "seed-0.json")

    monkeypatch.setattr(ExperimentFolder, "write_row", full)
    result = call(config, "seeds=0", "strategies={flat: {base: flat_msp}}")
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.output


def test_help_does_not_wait_for_torch():
    program = "import sys, experiments.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=CONFIGS.parents[1], check=False).returncode == 0


@pytest.mark.slow
def test_two_processes_from_a_clone_measure_what_one_does(config, tmp_path):
    found = {}
    for processes in (1, 2):
        words = (config, f"processes={processes}", f"name=by{processes}", f"runs={tmp_path / 'runs'}")
        environment = {**os.environ, "HIERCLF_CACHE": str(tmp_path / "cache")}
        program = [sys.executable, "-m", "experiments.run", *words]
        ended = subprocess.run(
            program, cwd=CONFIGS.parents[1], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        runs = json.loads((tmp_path / "runs" / f"by{processes}-1" / "metrics.json").read_text())["runs"]
        clocks = ("fit_seconds", "predict_seconds")
        found[processes] = [{key: value for key, value in row.items() if key not in clocks} for row in runs]
    assert "2 processes of 1 thread each" in ended.stderr
    assert found[1] == found[2]


def test_debugging_shows_where_a_mistake_comes_from(call):
    with pytest.raises(Exception, match="which experiment"):
        call("--debug")


# ------------------------------------------------------------------------------- the configs that come with the project

QUICK = ("seeds=[0]", "threads=1", "settings.epochs=1", "settings.cache=false")


def test_digits_in_small(call, tmp_path):
    result = call(str(CONFIGS / "digits.yaml"), *QUICK, "data.limit=25", "data.test_share=0.1")
    assert result.exit_code == 0
    assert "Given as other: 3 (25 images) to learn from" in result.stdout
    assert "| flat softmax + threshold" in result.stdout


def test_digits_vs_letters_in_small(call, idx_folder):
    root = idx_folder("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", learn=12, test=2)
    result = call(str(CONFIGS / "digits_vs_letters.yaml"), *QUICK, f"data.root={root}", "only=[hierclf]")
    assert result.exit_code == 0
    assert "Given as other: A, B, C, D, E, F, G, H, J, K, L, M (144 images)" in result.stdout
    assert "failed" not in result.stdout


def test_clothing_in_small(call, class_folders):
    kinds = ["t-shirt", "longsleeve", "shirt", "outwear", "pants", "shorts", "skirt", "dress", "hat", "shoes"]
    known = {part: dict.fromkeys(kinds, count) for part, count in {"train": 8, "val": 2, "test": 2}.items()}
    root = class_folders({**known, "other_train": {"fish": 12, "sky": 12}, "other_test": {"bird": 5}})
    words = (f"data.root={root}", "settings.backbone=small_cnn", "settings.image_size=8", "settings.augmentation=none")
    result = call(str(CONFIGS / "clothing.yaml"), *QUICK, *words, "only=[hierclf]")
    assert result.exit_code == 0
    assert "never seen before the test: bird (5 images)." in result.stdout
    assert "given other" not in result.stdout, "no given kind is in the test, so no column tells about it"


@pytest.mark.slow
def test_digits_as_the_readme_shows_them(call, tmp_path):
    assert call(str(CONFIGS / "digits.yaml")).exit_code == 0
    found = json.loads((tmp_path / "runs/digits-1/metrics.json").read_text())["means"]
    means = {name: {key: value["mean"] for key, value in metrics.items()} for name, metrics in found.items()}
    assert means["hierclf"]["leaf_accuracy"] > 0.97
    assert means["hierclf"]["known_rejected"] < 0.08
    assert means["hierclf"]["unknown_accepted_unseen"] < 0.7 * means["flat_msp"]["unknown_accepted_unseen"]
    assert means["hierclf"]["auroc_other_unseen"] > means["flat_msp"]["auroc_other_unseen"]


@pytest.mark.slow
def test_digits_vs_letters_on_fonts(call, shared_data, tmp_path):
    words = ("seeds=[0]", "data.limit=200", "settings.epochs=3", f"data.root={shared_data / 'chars74k_fonts'}")
    strategies = ("include=", "baseline=", "strategies={msp: {gate: [msp], use_other: false}, hierclf: }")
    assert call(str(CONFIGS / "digits_vs_letters.yaml"), *words, *strategies).exit_code == 0
    runs = json.loads((tmp_path / "runs/digits_vs_letters-1/metrics.json").read_text())["runs"]
    rows = {row["strategy"]: row for row in runs}
    assert rows["hierclf"]["leaf_accuracy"] > 0.94
    name = "unknown_accepted_at_95_known_unseen"
    assert rows["hierclf"][name] < 0.6 * rows["msp"][name]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_clothing_on_photographs(call, shared_data, tmp_path):
    words = ("seeds=[0]", f"data.root={shared_data / 'clothing'}", "strategies={flat: {base: flat_msp}, hierclf: }")
    assert call(str(CONFIGS / "clothing.yaml"), *words, "include=", "baseline=").exit_code == 0
    runs = json.loads((tmp_path / "runs/clothing-1/metrics.json").read_text())["runs"]
    rows = {row["strategy"]: row for row in runs}
    assert rows["hierclf"]["leaf_accuracy"] > 0.8
    birds = "far" if "unknown_accepted_at_95_known_far" in rows["hierclf"] else "unseen"
    assert rows["hierclf"][f"unknown_accepted_at_95_known_{birds}"] < 0.05
