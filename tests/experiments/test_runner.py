"""A run as a whole, on strategies that need no training: what is kept, what is measured anew, what is told."""

import csv
import json
from dataclasses import replace

import pytest

from experiments.checksums import settings_checksum
from experiments.config import load_config
from experiments.experiment import prepare
from experiments.journal import Journal
from experiments.results import ExperimentFolder
from experiments.runner import outdated, run
from experiments.sealed import Openings
from hierclf.errors import ConfigError
from tests.experiments.fakes import experiment_of, fit_and_raise, strategy

CHOSEN = {"plain": strategy("plain"), "energy": strategy("with energy", gate=["energy"])}


def run_all(experiment, folder=None):
    return run(experiment, folder or ExperimentFolder.create(experiment.config), Journal(), command="test")


def openings_of(outcome):
    return [
        (one.strategy, one.seed, one.attempt) for one in Openings(path=outcome.folder.path / "test_openings.csv").all()
    ]


def test_a_run_tells_differences_and_who_opened_the_test(tmp_path):
    outcome = run_all(experiment_of(CHOSEN, folder=tmp_path, seeds=(0, 1, 2)))
    assert "## Less plain" in outcome.table
    assert "The test images were opened 6 times, each time for a finished classifier" in outcome.table
    assert sorted(openings_of(outcome)) == [(name, seed, 1) for name in ("energy", "plain") for seed in (0, 1, 2)]
    metrics = json.loads((outcome.folder.path / "metrics.json").read_text())
    assert metrics["baseline"] == "plain"
    assert metrics["strategies"]["energy"]["settings"] == {"gate": ["energy"]}
    by_cell = {(row["strategy"], row["seed"]): row for row in metrics["runs"]}
    (told,) = [one for one in metrics["differences"] if one["metric"] == "auroc_other_unseen"]
    apart = [by_cell["energy", s]["auroc_other_unseen"] - by_cell["plain", s]["auroc_other_unseen"] for s in range(3)]
    assert told["strategy"] == "energy"
    assert told["mean"] == pytest.approx(sum(apart) / 3)
    assert told["won"] == sum(one > 1e-9 for one in apart)
    with (outcome.folder.path / "differences.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(metrics["differences"])
    assert {line["baseline"] for line in lines} == {"plain"}
    assert "Less <bdi>plain</bdi>" in (outcome.folder.path / "report.html").read_text()
    log = (outcome.folder.path / "log.txt").read_text()
    assert " in all; about " in log


def test_the_config_names_the_baseline(tmp_path):
    outcome = run_all(experiment_of(CHOSEN, folder=tmp_path, baseline="energy"))
    assert "## Less with energy" in outcome.table
    assert json.loads((outcome.folder.path / "metrics.json").read_text())["baseline"] == "energy"


def test_one_seed_has_no_table_of_differences(tmp_path):
    outcome = run_all(experiment_of(CHOSEN, folder=tmp_path, seeds=(0,)))
    assert "## Less" not in outcome.table
    assert (outcome.folder.path / "differences.csv").read_text().startswith("strategy,baseline,metric,mean")


def test_changed_settings_are_measured_anew_and_nothing_else(tmp_path, capsys):
    first = run_all(experiment_of(CHOSEN, folder=tmp_path))
    assert first.folder.done
    before = (first.folder.path / "strategies" / "plain" / "seed-1.json").read_bytes()
    changed = {**CHOSEN, "energy": CHOSEN["energy"].but(keep=0.9)}
    opened = openings_of(first)
    capsys.readouterr()
    second = run_all(experiment_of(changed, folder=tmp_path), first.folder)
    assert "other settings than before, so measured anew: energy" in capsys.readouterr().err
    assert openings_of(second) == [*opened, ("energy", 0, 2), ("energy", 1, 2)]
    assert (first.folder.path / "strategies" / "plain" / "seed-1.json").read_bytes() == before
    assert "opened 6 times for 4 pairs of strategy and seed" in second.table
    run_all(experiment_of(changed, folder=tmp_path), first.folder)
    assert len(openings_of(second)) == 6, "nothing was left to do"
    retitled = {**changed, "energy": replace(changed["energy"], title="another name")}
    assert len(openings_of(run_all(experiment_of(retitled, folder=tmp_path), first.folder))) == 6


def test_a_row_from_before_settings_were_on_record_counts_as_it_is(tmp_path):
    first = run_all(experiment_of(CHOSEN, folder=tmp_path))
    for path in first.folder.path.glob("strategies/*/seed-*.json"):
        row = json.loads(path.read_text())
        del row["settings"], row["taxonomy"]
        path.write_text(json.dumps(row))
    assert len(openings_of(run_all(experiment_of(CHOSEN, folder=tmp_path), first.folder))) == 4


def test_a_run_that_is_done_is_taken_up_when_its_config_changed(tmp_path):
    def config(seeds=("0", "1"), **settings):
        entry = {"base": "flat_msp", **settings}
        given = {"name": "x", "data": {"source": "idx"}, "runs": str(tmp_path), "strategies": {"flat": entry}}
        return load_config({**given, "seeds": list(seeds)})

    folder = ExperimentFolder.create(config())
    checksum = settings_checksum(config().built()["flat"])
    for seed in (0, 1):
        folder.write_row({"strategy": "flat", "seed": seed, "split": "s", "error": None, "settings": checksum})
    assert not outdated(config(), folder)
    assert not outdated(config(title="another name"), folder)
    assert outdated(config(seeds="012"), folder)
    assert outdated(config(keep="0.9"), folder)


def test_failed_cells_are_measured_again(tmp_path):
    broken = {**CHOSEN, "energy": strategy("with energy", fit_and_raise)}
    first = run_all(experiment_of(broken, folder=tmp_path))
    assert [(row["strategy"], row["seed"]) for row in first.failed] == [("energy", 0), ("energy", 1)]
    assert not first.folder.done
    second = run_all(experiment_of(CHOSEN, folder=tmp_path), first.folder)
    assert not second.failed
    assert second.folder.done
    assert len(openings_of(second)) == 4, "who failed in the fit had not opened the test"


def test_another_taxonomy_or_other_images_are_another_run(tmp_path):
    first = run_all(experiment_of(CHOSEN, folder=tmp_path))
    path = first.folder.path / "strategies" / "plain" / "seed-0.json"
    row = json.loads(path.read_text())
    for key, message in (("taxonomy", "with another taxonomy"), ("split", "on other images than there are now")):
        path.write_text(json.dumps({**row, key: "else"}))
        with pytest.raises(ConfigError, match=message):
            run_all(experiment_of(CHOSEN, folder=tmp_path), first.folder)


def test_validation_opens_no_test_and_says_so_in_its_title(tmp_path):
    experiment = experiment_of(CHOSEN, folder=tmp_path, validation="true", validation_unseen=["3"])
    outcome = run_all(experiment)
    assert not outcome.failed
    assert outcome.table.startswith("# small: VALIDATION, the test is unopened\n")
    assert "were opened" not in outcome.table
    assert not (outcome.folder.path / "test_openings.csv").exists()
    assert "small: VALIDATION" in (outcome.folder.path / "report.html").read_text()
    assert json.loads((outcome.folder.path / "metrics.json").read_text())["validation"] is True


def test_every_seed_is_checked_before_anything_is_written(tmp_path, idx_folder):
    splits = [{"known": ["0", "1", "2"], "other": ["A"]}, {"known": ["1", "2", "3"]}]
    given = {
        "name": "small",
        "data": {"source": "idx", "root": str(idx_folder())},
        "classes": {"splits": splits},
        "strategies": {"flat_other_class": ""},
        "seeds": ["0", "1"],
    }
    with pytest.raises(ConfigError, match="learns from images of other, and the config gives none with seed 1"):
        prepare(load_config(given), Journal())
    splits[1] = {"known": ["1", "2", "B"]}
    with pytest.raises(ConfigError, match="'B'"):
        prepare(load_config(given), Journal())
    assert prepare(load_config({**given, "seeds": "0"}), Journal()).baseline == "flat_other_class"
