"""Run an experiment: ``python -m experiments.run CONFIG.yaml [key=value …]``."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import click

from experiments.entry import Program, run_program, stoppable

if TYPE_CHECKING:
    from experiments.results import ExperimentFolder
    from experiments.runner import Experiment


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", required=False)
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--resume", metavar="RUN", help="Go on with a run that was cut off, or in which a strategy failed.")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def command(config: str | None, assignments: tuple[str, ...], resume: str | None, debug: bool) -> None:
    """Compare strategies as CONFIG.yaml says; KEY=VALUE replaces a setting, such as data.root=PATH or seeds=[0,1].

    The table goes to standard output, everything into a new folder runs/NAME-1; processes=2 shares the work between
    two processes. Exit code 0: all is measured; 1: a strategy failed; 2: something in the config or the data must be
    mended first.

    A run that is resumed measures what is missing, and anew what has other settings in the config.yaml of its folder
    than it was measured with.
    """
    with stoppable(debug=debug):
        sys.exit(run_program(_program(), config, assignments, resume))


def _program() -> Program:
    from experiments.config import load_config
    from experiments.runner import outdated, prepare, run

    def next_step(experiment: Experiment, folder: ExperimentFolder) -> str:
        first = "hierclf" if "hierclf" in experiment.strategies else next(iter(experiment.strategies))
        return f"Next: hierclf predict {shlex.quote(str(folder.path / 'strategies' / first))} PICTURES…"

    return Program(
        module="experiments.run",
        example="experiments/configs/digits.yaml",
        rows="strategies",
        load=lambda values, beside: load_config(values, beside=beside),
        prepare=prepare,
        run=lambda experiment, folder, journal, line: run(experiment, folder, journal, command=line),
        outdated=outdated,
        next_step=next_step,
    )


if __name__ == "__main__":
    command(prog_name="python -m experiments.run")
