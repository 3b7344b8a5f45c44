"""Run an experiment: ``python -m experiments.run CONFIG.yaml [key=value …]``."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from hierclf.errors import ConfigError, HierclfError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", required=False)
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--resume", metavar="RUN", help="Go on with a run that was cut off, or in which a strategy failed.")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def command(config: str | None, assignments: tuple[str, ...], resume: str | None, debug: bool) -> None:
    """Compare strategies as CONFIG.yaml says; KEY=VALUE replaces a setting, such as data.root=PATH or seeds=[0,1].

    The table goes to standard output, everything into a new folder runs/NAME-1. Exit code 0: all is measured; 1: a
    strategy failed; 2: something in the config or the data must be mended first.
    """
    with stoppable(debug=debug):
        sys.exit(_run(config, assignments, resume))


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


def _run(config: str | None, assignments: tuple[str, ...], resume: str | None) -> int:
    from experiments.config import load_config
    from experiments.document import read_document, with_assignments
    from experiments.journal import Journal
    from experiments.results import ExperimentFolder
    from experiments.runner import prepare, run

    journal = Journal()
    if resume is not None:
        if config is not None:
            raise ConfigError("--resume goes on with the run as it was configured; leave config and settings out")
        folder, checked = ExperimentFolder.open(resume, load_config)
        if folder.done:
            journal.say(f"{folder.path} is done already")
            click.echo((folder.path / "table.md").read_text(encoding="utf-8"))
            return 0
        experiment = prepare(checked, journal)
    elif config is None:
        raise ConfigError("which experiment? python -m experiments.run experiments/configs/digits.yaml")
    else:
        checked = load_config(with_assignments(read_document(Path(config)), assignments))
        experiment = prepare(checked, journal)
        folder = ExperimentFolder.create(checked)
    journal.say(f"the run goes to {folder.path}")
    line = shlex.join(["python", "-m", "experiments.run", *sys.argv[1:]])
    outcome = run(experiment, folder, journal, command=line)
    click.echo(outcome.table)
    first = "hierclf" if "hierclf" in experiment.strategies else next(iter(experiment.strategies))
    click.echo(f"Everything is in {folder.path}; look at {folder.path / 'report.html'} first.")
    if outcome.failed:
        click.echo(f"Some strategies failed ({len(outcome.failed)} of the runs); when mended, go on with:")
        click.echo(f"    python -m experiments.run --resume {shlex.quote(str(folder.path))}")
        return 1
    click.echo(f"Next: hierclf predict {shlex.quote(str(folder.path / 'strategies' / first))} PICTURES…")
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    click.echo("stopped; what is measured is kept, go on with --resume and the run folder", err=True)
    sys.exit(128 + number)


if __name__ == "__main__":
    command(prog_name="python -m experiments.run")
