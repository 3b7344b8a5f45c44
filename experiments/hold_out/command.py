"""The command ``python -m experiments.hold_out``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from experiments.run import stoppable
from hierclf.errors import ConfigError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", required=False)
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--resume", metavar="RUN", help="Go on with a run that was cut off, or in which a method failed.")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def command(config: str | None, assignments: tuple[str, ...], resume: str | None, debug: bool) -> None:
    """Hold classes out as CONFIG.yaml says, and compare methods; KEY=VALUE replaces a setting, such as data.root=PATH.

    The tables go to standard output, everything into a new folder runs/NAME-1. Exit code 0: all is measured; 1: a
    method failed; 2: something in the config or the data must be mended first.
    """
    with stoppable(debug=debug):
        sys.exit(_run(config, assignments, resume))


def _run(config: str | None, assignments: tuple[str, ...], resume: str | None) -> int:
    from experiments.document import read_document, with_assignments
    from experiments.hold_out.config import load_hold_out
    from experiments.hold_out.runner import prepare, run
    from experiments.journal import Journal
    from experiments.results import ExperimentFolder

    journal = Journal()
    if resume is not None:
        if config is not None:
            raise ConfigError("--resume goes on with the run as it was configured; leave config and settings out")
        folder, checked = ExperimentFolder.open(resume, load_hold_out)
        if folder.done:
            journal.say(f"{folder.path} is done already")
            click.echo((folder.path / "table.md").read_text(encoding="utf-8"))
            return 0
        experiment = prepare(checked, journal)
    elif config is None:
        raise ConfigError("which experiment? python -m experiments.hold_out experiments/configs/hold_out_digits.yaml")
    else:
        checked = load_hold_out(with_assignments(read_document(Path(config)), assignments))
        experiment = prepare(checked, journal)
        folder = ExperimentFolder.create(checked)
    journal.say(f"the run goes to {folder.path}")
    line = shlex.join(["python", "-m", "experiments.hold_out", *sys.argv[1:]])
    outcome = run(experiment, folder, journal, command=line)
    click.echo(outcome.table)
    click.echo(f"Everything is in {folder.path}; look at {folder.path / 'report.html'} first.")
    if outcome.failed:
        click.echo(f"Some methods failed ({len(outcome.failed)} of the runs); when mended, go on with:")
        click.echo(f"    python -m experiments.hold_out --resume {shlex.quote(str(folder.path))}")
        return 1
    return 0
