"""The command ``python -m experiments.worth``."""

from __future__ import annotations

from experiments.entry import Program, as_command


def _program() -> Program:
    from experiments.worth.config import load_worth
    from experiments.worth.runner import outdated, prepare, run

    return Program(
        module="experiments.worth",
        example="experiments/configs/worth_digits.yaml",
        rows="rows",
        load=lambda values, beside: load_worth(values),
        prepare=prepare,
        run=lambda experiment, folder, journal, line: run(experiment, folder, journal, command=line),
        outdated=outdated,
    )


command = as_command(
    _program, fails="row", about="Learn with a declared, a discovered, a random and no taxonomy as CONFIG.yaml says."
)
