"""Compare two runs, or two strategies, seed by seed: ``python -m experiments.compare A B``."""

from __future__ import annotations

import json
import sys

import click

from experiments.entry import stoppable


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="For a program, with every metric.")
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
def command(one: str, other: str, as_json: bool, debug: bool) -> None:
    """Tell what A has more or less than B, with the standard error over seeds.

    A and B are run folders, whose strategies of the same name are compared, or RUN:strategy. Both must have been
    measured on the same images, seed by seed. Exit code 0: all is compared; 1: seeds are left out, as a strategy failed
    there; 2: they cannot be compared.
    """
    with stoppable(debug=debug):
        sys.exit(_compare(one, other, as_json=as_json))


def _compare(one: str, other: str, *, as_json: bool) -> int:
    from experiments.comparison import Side, as_markdown, as_record, failures, pairs_of

    sides = Side.read(one), Side.read(other)
    pairs = pairs_of(*sides)
    if as_json:
        click.echo(json.dumps(as_record(*sides, pairs), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        click.echo(as_markdown(*sides, pairs), nl=False)
    return 1 if failures(pairs) else 0


if __name__ == "__main__":
    command(prog_name="python -m experiments.compare")
