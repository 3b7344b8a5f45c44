"""The command ``python -m experiments.hold_out``."""

from __future__ import annotations

from experiments.entry import Program, as_command


def _program() -> Program:
    from experiments.hold_out.config import load_hold_out
    from experiments.hold_out.runner import outdated, prepare, run

    return Program(
        module="experiments.hold_out",
        example="experiments/configs/hold_out_digits.yaml",
        rows="methods",
        load=lambda values, beside: load_hold_out(values),
        prepare=prepare,
        run=lambda experiment, folder, journal, line: run(experiment, folder, journal, command=line),
        outdated=outdated,
    )


command = as_command(_program, fails="method", about="Hold classes out as CONFIG.yaml says, and compare methods.")
