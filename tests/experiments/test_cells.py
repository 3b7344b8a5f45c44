import pytest

from experiments.cells import Measured, Noted, Started, Unit, Workshop, units_of
from experiments.results import ExperimentFolder
from experiments.sealed import Openings
from hierclf.strategies import Strategy
from tests.experiments.fakes import experiment_of, fit_and_raise, strategy


def test_strategies_with_one_network_are_a_unit_and_those_without_stay_alone():
    chosen = {
        "a": strategy("a", gate=["msp"]),
        "b": strategy("b", head="flat"),
        "c": strategy("c", gate=["energy"]),
        "d": Strategy(title="d", gate_is_free=False),
        "e": Strategy(title="e", gate_is_free=False),
    }
    cells = [(name, seed) for seed in (3, 1) for name in chosen if (name, seed) != ("a", 1)]
    units = units_of(cells, chosen, {3: ("d3", "t"), 1: ("d1", "t")})
    assert [(unit.seed, unit.names, unit.split) for unit in units] == [
        (3, ("a", "c"), "d3"),
        (3, ("b",), "d3"),
        (3, ("d",), "d3"),
        (3, ("e",), "d3"),
        (1, ("b",), "d1"),
        (1, ("c",), "d1"),
        (1, ("d",), "d1"),
        (1, ("e",), "d1"),
    ]
    assert sorted((name, unit.seed) for unit in units for name in unit.names) == sorted(cells)


@pytest.fixture
def workshop(tmp_path):
    chosen = {"a": strategy("A"), "bad": strategy("bad", fit_and_raise), "c": strategy("C", gate=["energy"])}
    experiment = experiment_of(chosen, folder=tmp_path)
    folder = ExperimentFolder.create(experiment.config)
    return Workshop(experiment=experiment, folder=folder, openings=Openings.begin(folder.path), made={})


def test_a_workshop_tells_what_happens_and_goes_on_after_an_error(workshop):
    events = list(workshop.measure(Unit(seed=1, names=("a", "bad", "c"), split="d", taxonomy="t")))
    assert [type(event) for event in events] == [Started, Measured, Started, Noted, Measured, Started, Measured]
    rows = {event.row["strategy"]: event.row for event in events if isinstance(event, Measured)}
    assert rows["bad"]["error"] == "ZeroDivisionError: by nought"
    assert "fit_and_raise" in next(event.text for event in events if isinstance(event, Noted))
    assert rows["a"]["error"] is None
    assert rows["a"]["settings"] != rows["c"]["settings"]
    assert 0 <= rows["c"]["leaf_accuracy"] <= 1
    assert len(workshop.openings.all()) == 2, "who fails in the fit never saw the test"
    assert not (workshop.folder.path / "strategies").exists(), "models are kept for the first seed"


def test_models_of_the_first_seed_are_kept(workshop):
    list(workshop.measure(Unit(seed=0, names=("a",), split="d", taxonomy="t")))
    assert (workshop.folder.path / "strategies" / "a" / "model" / "model.json").is_file()
    assert (workshop.folder.path / "strategies" / "a" / "report.html").is_file()
