"""The command ``python -m experiments.weights``."""

from __future__ import annotations

from experiments.entry import Program, as_command


def _program() -> Program:
    from experiments.weights.config import load_weights
    from experiments.weights.runner import outdated, prepare, run

    return Program(
        module="experiments.weights",
        example="experiments/configs/weights_digits.yaml",
        rows="rows",
        load=lambda values, beside: load_weights(values),
        prepare=prepare,
        run=lambda experiment, folder, journal, line: run(experiment, folder, journal, command=line),
        outdated=outdated,
    )


command = as_command(_program, fails="row", about="Learn with weights of levels and of classes as CONFIG.yaml says.")
