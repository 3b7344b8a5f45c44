"""The command ``python -m experiments.discovery``."""

from __future__ import annotations

from experiments.entry import Program, as_command


def _program() -> Program:
    from experiments.discovery.config import load_discovery
    from experiments.discovery.runner import outdated, prepare, run

    return Program(
        module="experiments.discovery",
        example="experiments/configs/discovery_digits.yaml",
        rows="ways",
        load=lambda values, beside: load_discovery(values),
        prepare=prepare,
        run=lambda experiment, folder, journal, line: run(experiment, folder, journal, command=line),
        outdated=outdated,
    )


command = as_command(_program, fails="way", about="Compare ways to find a taxonomy, as CONFIG.yaml says.")
