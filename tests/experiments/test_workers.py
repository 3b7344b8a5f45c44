"""Several processes: the same numbers, each failure at its own cost, and an end within seconds."""

import argparse
import contextlib
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from experiments import workers
from experiments.cells import Measured, Started, Unit
from experiments.journal import Journal
from experiments.results import ExperimentFolder
from experiments.runner import run
from experiments.workers import cores, death, in_parallel, threads_for
from hierclf.errors import ConfigError
from hierclf.strategies import Strategy, strategies
from tests.experiments import fakes
from tests.experiments.fakes import experiment_of, strategy

REPOSITORY = Path(__file__).parents[2]
CLOCKS = ("fit_seconds", "predict_seconds")


def run_with(chosen, tmp_path, *, processes, name="small", **more):
    experiment = experiment_of(chosen, folder=tmp_path, processes=str(processes), name=name, **more)
    folder = ExperimentFolder.create(experiment.config)
    return run(experiment, folder, Journal(), command="test")


def rows_of(outcome):
    rows = json.loads((outcome.folder.path / "metrics.json").read_text())["runs"]
    return {
        (row["strategy"], row["seed"]): {name: value for name, value in row.items() if name not in CLOCKS}
        for row in rows
    }


@pytest.mark.slow
def test_two_processes_measure_what_one_does_and_one_that_dies_costs_its_own_cells(tmp_path, capsys):
    chosen = {
        "msp": strategy("msp"),
        "killed": strategy("killed", fakes.fit_and_be_killed),
        "energy": strategy("energy", gate=["energy"]),
        "says": strategy("says", fakes.fit_and_say, where=str(tmp_path / "where")),
        "raises": strategy("raises", fakes.fit_and_raise),
    }
    alone = run_with({name: chosen[name] for name in ("msp", "energy")}, tmp_path, processes=1, name="alone")
    outcome = run_with(chosen, tmp_path, processes=2, name="two")
    found, expected = rows_of(outcome), rows_of(alone)
    assert {cell: row for cell, row in found.items() if cell[0] in ("msp", "energy")} == expected
    assert {(row["strategy"], row["seed"]) for row in outcome.failed} == {
        (name, seed) for name in ("killed", "raises") for seed in (0, 1)
    }
    assert found["killed", 0]["error"].startswith("the process died (signal 9)")
    assert found["raises", 1]["error"] == "ZeroDivisionError: by nought"
    assert found["says", 1]["error"] is None
    lines = [line.split() for line in (tmp_path / "where").read_text().splitlines()]
    assert all(int(pid) != os.getpid() for pid, *_ in lines), "the work is done elsewhere"
    assert {tuple(threads) for _, *threads in lines} == {("1", "1")}
    log = (outcome.folder.path / "log.txt").read_text()
    assert "a word from the fit" in log
    assert "Traceback" in log
    told = capsys.readouterr().err
    assert "a word from the fit" not in told
    assert "2 processes of 1 thread each" in told
    assert "[10/10]" in told
    assert not (outcome.folder.path / "DONE").exists()
    assert json.loads((outcome.folder.path / "environment.json").read_text())["processes"] == 2


class Thread:
    """Stands for a process: a thread that serves, and that ends its connection when a unit kills it."""

    exitcode = -11

    def __init__(self, connection, workshop):
        self._thread = threading.Thread(target=self._work, args=(connection, workshop), daemon=True)
        self._thread.start()
        self.join = self._thread.join
        self.is_alive = self._thread.is_alive

    def _work(self, connection, workshop):
        with contextlib.suppress(Killed):
            workers._serve(connection, workshop, connection.send)
        connection.close()

    def terminate(self):
        """It ends with its connection."""

    kill = terminate


class Killed(BaseException):
    pass


class Scripted:
    """A workshop that measures nothing; cells of the names in ``deadly`` end their process."""

    def __init__(self, names, deadly=()):
        self.deadly = deadly
        self.experiment = argparse.Namespace(strategies={name: strategy(name) for name in names})

    def measure(self, unit):
        for name in unit.names:
            yield Started(name=name, seed=unit.seed)
            if name in self.deadly:
                raise Killed
            yield Measured(row=unit.row(name, self.experiment.strategies[name]), seconds=0.0)


def events_of(monkeypatch, units, deadly=(), processes=2):
    workshop = Scripted({name for names in units for name in names}, deadly)
    hired = []

    def hire(payload, threads):
        here, there = multiprocessing.Pipe()
        hired.append(workers._Worker(process=Thread(there, workshop), connection=here))
        return hired[-1]

    monkeypatch.setattr(workers, "_packed", lambda workshop: b"")
    monkeypatch.setattr(workers, "_hired", hire)
    todo = [Unit(seed=seed, names=names, split="d", taxonomy="t") for seed, names in enumerate(units)]
    return list(in_parallel(workshop, todo, processes=processes, threads=1)), hired


@pytest.mark.timeout(30)
def test_every_cell_is_measured_once_by_as_many_processes_as_are_wanted(monkeypatch):
    events, hired = events_of(monkeypatch, [("a", "b"), ("c",), ("d",), ("a",), ("b", "c")], processes=2)
    measured = [(event.row["strategy"], event.row["seed"]) for event in events if isinstance(event, Measured)]
    assert sorted(measured) == [("a", 0), ("a", 3), ("b", 0), ("b", 4), ("c", 1), ("c", 4), ("d", 2)]
    assert [(event.name, event.seed) for event in events if isinstance(event, Started)] != []
    assert len(hired) == 2
    assert not any(worker.process.is_alive() for worker in hired), "all went home"


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("units", "lost"),
    [
        ([("x", "a"), ("b",), ("c",)], {("x", 0), ("a", 0)}),  # it died on the network, so the unit is lost
        ([("a", "x", "b"), ("c",)], {("x", 0)}),  # the network was no trouble, so the rest goes on
        ([("x",), ("x",), ("x",), ("a",)], {("x", 0), ("x", 1), ("x", 2)}),
    ],
)
def test_a_process_that_dies_costs_its_own_cells(monkeypatch, units, lost):
    events, _ = events_of(monkeypatch, units, deadly=("x",))
    rows = [event.row for event in events if isinstance(event, Measured)]
    assert sorted((row["strategy"], row["seed"]) for row in rows) == sorted(
        (name, seed) for seed, names in enumerate(units) for name in names
    )
    assert {(row["strategy"], row["seed"]) for row in rows if row["error"]} == lost
    assert {row["error"] for row in rows if row["error"]} == {"the process died (signal 11)"}
    begun = [(event.name, event.seed) for event in events if isinstance(event, Started)]
    assert len(begun) == len(set(begun)) == len(rows), "each cell is announced once"


def test_threads_are_shared_out():
    assert threads_for(1) == cores()
    assert threads_for(2) == max(1, cores() // 2)
    assert threads_for(1000 * cores()) == 1
    assert threads_for(2, given=5) == 5


def test_how_a_process_ended_in_words():
    assert death(None) == "the process died"
    assert death(-9).startswith("the process died (signal 9)")
    assert death(3) == "the process died (exit code 3)"


def test_what_cannot_travel_is_named_before_a_process_starts(tmp_path):
    class Workshop:
        experiment = experiment_of(
            {"good": strategy("good"), "bad": Strategy(title="x", fit_with=lambda *words: None)}, folder=tmp_path
        )

    with pytest.raises(ConfigError, match=r"strategies\.bad cannot be sent to another process .*use processes=1"):
        next(in_parallel(Workshop(), [], processes=2, threads=1))


@pytest.mark.parametrize("name", strategies.names)
def test_every_strategy_of_the_project_can_travel(name):
    assert pickle.loads(pickle.dumps(strategies[name])).title == strategies[name].title


# ------------------------------------------------------------------------------------------------- ended from outside

PROGRAM = """
    import sys
    from pathlib import Path
    from experiments.entry import stoppable
    from experiments.journal import Journal
    from experiments.results import ExperimentFolder
    from experiments.runner import run
    from tests.experiments import fakes

    def main():
        here = Path(sys.argv[1])
        chosen = {
            "quick": fakes.strategy("quick"),
            "slow": fakes.strategy("slow", fakes.fit_for_ever, where=str(here / "slow")),
            "slower": fakes.strategy("slower", fakes.fit_for_ever, where=str(here / "slower")),
        }
        experiment = fakes.experiment_of(chosen, folder=here, seeds=(0,), processes="2")
        with stoppable():
            run(experiment, ExperimentFolder.create(experiment.config), Journal(), command="test")

    if __name__ == "__main__":
        main()
"""


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the state of processes from /proc")
@pytest.mark.parametrize(
    ("number", "to_group", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143), (signal.SIGKILL, False, -9)],
    ids=["Ctrl-C", "terminated", "killed"],
)
def test_whatever_ends_the_parent_ends_all_of_them_and_the_run_can_be_resumed(tmp_path, number, to_group, code):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    parent = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    begun = [tmp_path / "slow", tmp_path / "slower"]
    kept = tmp_path / "runs" / "small-1" / "strategies" / "quick" / "seed-0.json"
    try:
        wait_for(lambda: kept.is_file() and all(path.is_file() and path.read_text() for path in begun), 90)
        pids = [int(path.read_text()) for path in begun]
        started = time.monotonic()
        os.killpg(parent.pid, number) if to_group else os.kill(parent.pid, number)
        assert parent.wait(10) == code
        wait_for(lambda: not any(map(alive, pids)), 10)
        assert time.monotonic() - started < 10
    finally:
        if parent.poll() is None:
            os.killpg(parent.pid, signal.SIGKILL)
            parent.wait()
    told = parent.stderr.read()
    parent.stderr.close()
    assert "Traceback" not in told
    assert ("go on with --resume" in told) == (number != signal.SIGKILL)
    before = kept.read_bytes()
    chosen = {name: strategy(name) for name in ("quick", "slow", "slower")}
    experiment = experiment_of(chosen, folder=tmp_path, seeds=(0,))
    outcome = run(experiment, ExperimentFolder(kept.parents[2]), Journal(), command="again")
    assert not outcome.failed
    assert kept.read_bytes() == before, "what was measured is not redone"


@pytest.mark.slow
def test_a_crash_after_a_finished_cell_costs_that_cell_alone(tmp_path):
    crashes = Strategy(title="crashes", fit_with=fakes.fit_pixels, settings={"gate": ["msp"], "rule": "leaf"})
    chosen = {
        "first": strategy("first"),
        "crashes": Fragile(title="crashes", fit_with=fakes.fit_pixels, settings=crashes.settings),
        "third": strategy("third", gate=["energy"]),
    }
    assert len({one.training_key for one in chosen.values()}) == 1
    outcome = run_with(chosen, tmp_path, processes=2, seeds=(0, 1))
    assert {(row["strategy"], row["seed"]) for row in outcome.failed} == {("crashes", 0), ("crashes", 1)}
    assert {row["error"] for row in outcome.failed} == {"the process died (exit code 7)"}
    assert rows_of(outcome)["third", 1]["error"] is None


class Fragile(Strategy):
    """Its gate brings the process down."""

    def refit(self, trained):
        os._exit(7)
