"""The command ``python -m experiments.weights``."""

from __future__ import annotations

import sys

import click

from experiments.entry import Program, run_program, stoppable


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", required=False)
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--resume", metavar="RUN", help="Go on with a run that was cut off, or in which a row failed.")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def command(config: str | None, assignments: tuple[str, ...], resume: str | None, debug: bool) -> None:
    """Learn with weights of levels and of classes as CONFIG.yaml says; KEY=VALUE replaces a setting.

    The tables go to standard output, everything into a new folder runs/NAME-1. Exit code 0: all is measured; 1: a row
    failed; 2: something in the config or the data must be mended first.
    """
    with stoppable(debug=debug):
        sys.exit(run_program(_program(), config, assignments, resume))


def _program() -> Program:
    from experiments.weights.config import load_weights
    from experiments.weights.runner import prepare, run

    return Program(
        module="experiments.weights",
        example="experiments/configs/weights_digits.yaml",
        rows="rows",
        load=lambda values, beside: load_weights(values),
        prepare=prepare,
        run=lambda experiment, folder, journal, line: run(experiment, folder, journal, command=line),
    )
