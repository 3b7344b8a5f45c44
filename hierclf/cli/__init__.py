"""The command line, ``hierclf``; each command is imported when it is asked for, so that help appears at once.

Exit codes: 0 fine, 1 it ran and the answer is no, 2 bad input (one clear message on standard error, no traceback), 130
and 143 stopped by Ctrl-C and SIGTERM, 70 a fault of hierclf's own.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings

import click

import hierclf
from hierclf.errors import HierclfError
from hierclf.registry import did_you_mean

FAULT = 70  # EX_SOFTWARE of sysexits.h

COMMANDS = {
    "fit": ("hierclf.cli.fit", "Learn from a folder of pictures; writes a run folder."),
    "predict": ("hierclf.cli.predict", "Decide about pictures, one row each."),
    "evaluate": ("hierclf.cli.evaluate", "Measure a run on pictures whose class is known."),
    "explain": ("hierclf.cli.explain", "Say why a picture was decided as it was, node by node."),
    "discover": ("hierclf.cli.discover", "Find meta-classes; writes a taxonomy to edit."),
    "taxonomy": ("hierclf.cli.taxonomy", "Check, draw, convert, compare and start taxonomies."),
    "doctor": ("hierclf.cli.doctor", "Look at this installation: versions, device, weights, folders."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without importing anything."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"no command named {cmd_name!r}{did_you_mean(cmd_name, COMMANDS)}")
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of a mistake, too; may stand anywhere.")
@click.version_option(hierclf.__version__, prog_name="hierclf")
def commands(debug: bool) -> None:
    """Hierarchical image classification that can say "none of these".

    \b
    hierclf fit PICTURES -o RUN        a folder with one folder per class
    hierclf predict RUN a.jpg b.jpg    known, ambiguous, novel_child or other, and why
    """


def main() -> None:
    """Run the command line; a user's mistake ends with one message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a narrow locale shows escapes instead of failing
    warnings.formatwarning = lambda message, *_, **__: f"hierclf: warning: {message}\n"
    debug = "--debug" in sys.argv
    words = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        code = commands.main(words, prog_name="hierclf", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except HierclfError as error:
        if debug:
            raise
        click.echo(f"hierclf: {error}", err=True)
        code = 2
    except BrokenPipeError:  # the reader went away, as in `hierclf predict … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if debug:
            raise
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        click.echo(f"hierclf: {told}\nthis is a fault of hierclf; --debug shows where it happened", err=True)
        code = FAULT
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
