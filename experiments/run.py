"""Run an experiment: ``python -m experiments.run CONFIG.yaml [key=value …]``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from experiments.entry import Program, as_command

if TYPE_CHECKING:
    from experiments.experiment import Experiment
    from experiments.results import ExperimentFolder


def _program() -> Program:
    from experiments.config import load_config
    from experiments.experiment import prepare
    from experiments.runner import outdated, run

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


command = as_command(
    _program,
    fails="strategy",
    about=(
        "Compare strategies as CONFIG.yaml says; processes=2 shares the work between two processes. A run that is "
        "resumed measures what is missing, and anew what has other settings in the config.yaml of its folder than it "
        "was measured with."
    ),
)


if __name__ == "__main__":
    command(prog_name="python -m experiments.run")
