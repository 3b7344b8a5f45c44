"""From the words of a command line to a run folder, for experiments that write one."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from hierclf.errors import ConfigError, HierclfError

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
        load: a checked config of plain values, given the folder that its file lies in, or None for that of a run.
        prepare: a config with its data at hand; nothing is written yet.
        run: measures all of it into a folder, given the command to put on record.
        outdated: whether a run that came to its end has to go on, as its config was changed since.
        next_step: a line to end with when all went well, given the experiment and the folder.
    """

    module: str
    example: str
    rows: str
    load: Callable[[Mapping[str, Any], Path | None], Any]
    prepare: Callable[[Any, Journal], Any]
    run: Callable[[Any, ExperimentFolder, Journal, str], Outcome]
    outdated: Callable[[Any, ExperimentFolder], bool] = lambda config, folder: False
    next_step: Callable[[Any, ExperimentFolder], str] = lambda experiment, folder: ""


def as_command(program: Callable[[], Program], *, fails: str, about: str) -> click.Command:
    """The command line of an experiment.

    Args:
        program: builds it; called when the command runs, so that asking for help imports nothing heavy.
        fails: what may fail by itself, in the singular.
        about: what it does, in a sentence or two.
    """
    told = (
        f"{about} KEY=VALUE replaces a setting, such as data.root=PATH or seeds=[0,1].\n\nThe tables go to standard "
        f"output, everything into a new folder runs/NAME-1. Exit code 0: all is measured; 1: a {fails} failed; 2: "
        "something in the config or the data must be mended first."
    )

    @click.command(context_settings={"help_option_names": ["-h", "--help"]}, help=told)
    @click.argument("config", required=False)
    @click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
    @click.option("--resume", metavar="RUN", help=f"Go on with a run that was cut off, or in which a {fails} failed.")
    @click.option("--debug", is_flag=True, help="Show where an error comes from.")
    def command(config: str | None, assignments: tuple[str, ...], resume: str | None, debug: bool) -> None:
        with stoppable(debug=debug):
            sys.exit(run_program(program(), config, assignments, resume))

    return command


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
        folder, checked = ExperimentFolder.open(resume, lambda values: program.load(values, None))
        if folder.done and not program.outdated(checked, folder):
            journal.say(f"{folder.path} is done already")
            click.echo((folder.path / "table.md").read_text(encoding="utf-8"))
            return 0
        with folder.held():
            experiment = program.prepare(checked, journal)
            folder.reopen()
            return _measure(program, experiment, folder, journal)
    if config is None:
        raise ConfigError(f"which experiment? python -m {program.module} {program.example}")
    checked = program.load(with_assignments(read_document(Path(config)), assignments), Path(config).parent)
    experiment = program.prepare(checked, journal)
    folder = ExperimentFolder.create(checked)
    with folder.held():
        return _measure(program, experiment, folder, journal)


def _measure(program: Program, experiment: Any, folder: ExperimentFolder, journal: Journal) -> int:
    """Measure all that is missing in a folder, and tell how it ended; the exit code."""
    journal.say(f"the run goes to {folder.path}")
    outcome = program.run(experiment, folder, journal, shlex.join(["python", "-m", program.module, *sys.argv[1:]]))
    click.echo(outcome.table)
    click.echo(f"Everything is in {folder.path}; look at {folder.path / 'report.html'} first.")
    if outcome.failed:
        click.echo(f"Some {program.rows} failed ({len(outcome.failed)} of the runs); when mended, go on with:")
        click.echo(f"    python -m {program.module} --resume {shlex.quote(str(folder.path))}")
        return 1
    if last := program.next_step(experiment, folder):
        click.echo(last)
    return 0


@contextmanager
def stoppable(*, debug: bool = False) -> Iterator[None]:
    """Whatever ends a command from outside ends it with one line: a signal, or something that the user must mend."""
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except (HierclfError, OSError) as error:  # OSError: a full disk, a folder taken away
        if debug:
            raise
        click.echo(f"experiments: {error}", err=True)
        sys.exit(2)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    click.echo("stopped; what is measured is kept, go on with --resume and the run folder", err=True)
    sys.exit(128 + number)
