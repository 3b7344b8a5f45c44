"""The command line, ``hierclf``; each command is imported when it is asked for, so that help appears at once."""

from __future__ import annotations

import importlib
import sys

import click

from hierclf.errors import HierclfError

COMMANDS = {"taxonomy": ("hierclf.cli.taxonomy", "taxonomy", "Check, draw, convert, compare and start taxonomies.")}


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without importing anything."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup)
def commands() -> None:
    """Hierarchical image classification that can say "none of these"."""


def main() -> None:
    """Run the command line; a user's mistake ends with one message and exit code 2."""
    try:
        commands(prog_name="hierclf")
    except HierclfError as error:
        click.echo(f"hierclf: {error}", err=True)
        sys.exit(2)
