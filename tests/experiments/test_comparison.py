"""Two runs against each other: what can be compared, what is refused, and the numbers."""

import json

import pytest
import yaml
from click.testing import CliRunner

from experiments.compare import command
from experiments.comparison import Side, pairs_of
from hierclf.errors import ConfigError

ACCURACY = {"flat": [0.80, 0.82, 0.90], "ours": [0.90, 0.93, 0.99], "only_here": [0.5, 0.5, 0.5]}


@pytest.fixture
def run_folder(tmp_path):
    """Makes a run folder: ``run_folder("one-1", {"flat": [0.8, None]})``; None is a row with an error."""

    def make(name, accuracy, *, split="d{seed}", columns=("leaf_accuracy", "known_rejected")):
        folder = tmp_path / name
        folder.mkdir()
        config = {"name": name, "columns": list(columns), "strategies": dict.fromkeys(accuracy, "")}
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        for strategy, values in accuracy.items():
            (folder / "strategies" / strategy).mkdir(parents=True)
            for seed, value in enumerate(values):
                row = {"strategy": strategy, "seed": seed, "split": split.format(seed=seed), "error": None}
                row |= {"error": "no"} if value is None else {"leaf_accuracy": value, "known_rejected": 0.05}
                (folder / "strategies" / strategy / f"seed-{seed}.json").write_text(json.dumps(row))
        return str(folder)

    return make


def call(*words):
    return CliRunner().invoke(command, list(words), catch_exceptions=False)


def test_strategies_of_one_run(run_folder):
    run = run_folder("one-1", ACCURACY)
    result = call(f"{run}:ours", f"{run}:flat")
    assert result.exit_code == 0
    assert f"# {run}:ours less {run}:flat" in result.stdout
    assert "ours less flat: 0, 1, 2." in result.stdout
    assert "**+10.0 ± 0.6 better** (3/3)" in result.stdout
    assert "+0.0 ± 0.0 (0/3)" in result.stdout
    assert "| ours     | **94.0 ± 2.6 %** |" in result.stdout


def test_runs_are_compared_by_the_names_that_both_have(run_folder):
    one = run_folder("one-1", ACCURACY)
    two = run_folder("two-1", {"ours": [0.91, 0.95], "flat": [0.80, 0.80], "other": [0.1, 0.1]})
    result = call(one, two)
    assert result.exit_code == 0
    assert "flat: 0, 1; ours: 0, 1." in result.stdout, (
        "seeds that one lacks are left out, the order is that of the first"
    )
    assert "only_here" not in result.stdout
    assert "flat (one-1)" in result.stdout
    assert "so none is marked" in result.stdout


def test_json_holds_every_number(run_folder):
    run = run_folder("one-1", ACCURACY, columns=("known_rejected",))
    found = json.loads(call(f"{run}:ours", f"{run}:flat", "--json").stdout)
    (pair,) = found["pairs"]
    assert (pair["seeds"], pair["failed"]) == ([0, 1, 2], [])
    told = {one["metric"]: one for one in pair["differences"]}
    assert told["leaf_accuracy"]["mean"] == pytest.approx(0.1)
    assert told["leaf_accuracy"]["won"] == 3
    assert told["leaf_accuracy"]["verdict"] == "better"
    assert set(told) == {"leaf_accuracy", "known_rejected"}


def test_a_strategy_is_looked_up_under_the_same_name_in_the_other_run(run_folder):
    one, two = run_folder("one-1", ACCURACY), run_folder("two-1", {"ours": [0.5, 0.5, 0.5], "flat": [0.1] * 3})
    (pair,) = pairs_of(Side.read(f"{one}:ours"), Side.read(two))
    assert (pair.one, pair.other) == ("ours (one-1)", "ours (two-1)")
    (pair,) = pairs_of(Side.read(one), Side.read(f"{two}:flat"))
    assert pair.name == "flat"


def test_runs_of_one_name_are_told_apart_by_their_place(run_folder, tmp_path):
    one = run_folder("a/x-1", ACCURACY) if (tmp_path / "a").mkdir() is None else ""
    two = run_folder("b/x-1", ACCURACY) if (tmp_path / "b").mkdir() is None else ""
    (pair, *_) = pairs_of(Side.read(one), Side.read(two))
    assert (pair.one, pair.other) == (f"{one}:flat", f"{two}:flat")


def test_failed_seeds_are_left_out_and_the_exit_code_says_so(run_folder):
    run = run_folder("one-1", {"flat": [0.8, None, 0.9, 0.7], "ours": [0.9, 0.9, 0.9, 0.9]})
    result = call(f"{run}:ours", f"{run}:flat")
    assert result.exit_code == 1
    assert "ours less flat: seed 1 is left out, as a strategy failed there." in result.stdout
    assert "(2/3)" in result.stdout
    all_failed = run_folder("two-1", {"flat": [None], "ours": [0.9]})
    assert call(f"{all_failed}:ours", f"{all_failed}:flat").exit_code == 1


def test_other_images_are_refused(run_folder):
    one, two = run_folder("one-1", ACCURACY), run_folder("two-1", ACCURACY, split="e{seed}")
    result = call(one, two)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "were not measured on the same images (seed 0: division d0 against e0)" in result.stderr


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("nowhere", "RUN", "there is no experiment in nowhere: config.yaml is missing"),
        ("RUN:our", "RUN", "has no result of a strategy 'our'; did you mean 'ours'?"),
        ("RUN", "RUN", "would be compared with itself; name two strategies, or two runs"),
        ("RUN:ours", "RUN:ours", "would be compared with itself"),
        ("RUN", "EMPTY", "has no result yet"),
        ("RUN", "ELSE", "have no strategy in common (flat, ours, only_here; else); name two of them as RUN:strategy"),
        ("RUN:ours", "ELSE", "has no result of a strategy 'ours'"),
    ],
)
def test_what_cannot_be_compared(run_folder, one, other, message):
    places = {
        "RUN": run_folder("one-1", ACCURACY),
        "EMPTY": run_folder("empty-1", {}),
        "ELSE": run_folder("else-1", {"else": [0.5]}),
    }
    for name, place in places.items():
        one, other = one.replace(name, place), other.replace(name, place)
    result = call(one, other)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_seeds_without_a_counterpart(run_folder, tmp_path):
    one, two = run_folder("one-1", {"a": [0.5]}), run_folder("two-1", {"a": [0.5, 0.6]})
    (tmp_path / "two-1/strategies/a/seed-0.json").unlink()
    with pytest.raises(ConfigError, match="no seed in common"):
        pairs_of(Side.read(one), Side.read(two))


def test_a_broken_row_is_named(run_folder, tmp_path):
    one = run_folder("one-1", {"a": [0.5]})
    (tmp_path / "one-1/strategies/a/seed-0.json").write_text("{")
    with pytest.raises(ConfigError, match=r"seed-0\.json is no row of an experiment"):
        Side.read(one)


def test_a_folder_with_a_colon_in_its_name(run_folder):
    run = run_folder("one:1", ACCURACY)
    assert Side.read(run).strategy is None
    assert Side.read(f"{run}:ours").strategy == "ours"
