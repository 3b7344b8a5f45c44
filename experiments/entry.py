"""From the words of a command line to a run folder, for experiments that write one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hierclf.errors import ConfigError

if TYPE_CHECKING:
    from experiments.journal import Journal
    from experiments.results import ExperimentFolder
    from experiments.runner import Outcome


@dataclass(frozen=True, kw_only=True)
class Program:
    """An experiment as a command runs it.

    Args:
        module: what follows ``python -m``.
        example: a config to try first.
        rows: what a failure is counted in, in the plural.
        load: a checked config of plain values.
        prepare: a config with its data at hand; nothing is written yet.
        run: measures all of it into a folder, given the command to put on record.
    """

    module: str
    example: str
    rows: str
    load: Callable[[Mapping[str, Any]], Any]
    prepare: Callable[[Any, Journal], Any]
    run: Callable[[Any, ExperimentFolder, Journal, str], Outcome]


def run_program(program: Program, config: str | None, assignments: Sequence[str], resume: str | None) -> int:
    """Run an experiment from its config, or go on with one.

    Args:
        program: which experiment.
        config: path of the config, or None to resume.
        assignments: ``key=value`` each.
        resume: the folder of the run to go on with, or None.

    Returns:
        The exit code: 0 when everything is measured, 1 when something failed.

    Raises:
        HierclfError: something that the user can mend; the message says what to do.
    """
    from experiments.document import read_document, with_assignments
    from experiments.journal import Journal
    from experiments.results import ExperimentFolder

    journal = Journal()
    if resume is not None:
        if config is not None:
            raise ConfigError("--resume goes on with the run as it was configured; leave config and settings out")
        folder, checked = ExperimentFolder.open(resume, program.load)
        if folder.done:
            journal.say(f"{folder.path} is done already")
            click.echo((folder.path / "table.md").read_text(encoding="utf-8"))
            return 0
        experiment = program.prepare(checked, journal)
    elif config is None:
        raise ConfigError(f"which experiment? python -m {program.module} {program.example}")
    else:
        checked = program.load(with_assignments(read_document(Path(config)), assignments))
        experiment = program.prepare(checked, journal)
        folder = ExperimentFolder.create(checked)
    journal.say(f"the run goes to {folder.path}")
    outcome = program.run(experiment, folder, journal, shlex.join(["python", "-m", program.module, *sys.argv[1:]]))
    click.echo(outcome.table)
    click.echo(f"Everything is in {folder.path}; look at {folder.path / 'report.html'} first.")
    if outcome.failed:
        click.echo(f"Some {program.rows} failed ({len(outcome.failed)} of the runs); when mended, go on with:")
        click.echo(f"    python -m {program.module} --resume {shlex.quote(str(folder.path))}")
        return 1
    return 0
