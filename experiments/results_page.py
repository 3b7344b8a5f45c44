"""Several experiments on one page: ``python -m experiments.results_page RUN... -o experiments/RESULTS.md``.

The page is put together from what the run folders hold and from nothing else: their tables as they were written, and
below each how it was made (command, seeds, versions, machine, and a checksum of the images of every seed). So the same
folders give the same page, byte for byte, and a number on it that nobody can repeat would have to be typed by hand.
Several experiments are put side by side first, see `experiments.overview`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from experiments.document import read_document
from experiments.overview import METRIC, NEVER_SEEN, Contest, overview
from experiments.record import made_in_words
from experiments.results import CONFIG, ENVIRONMENT
from hierclf.errors import ConfigError, HierclfError
from hierclf.runs import DONE, RunFolder

TABLE, METRICS = "table.md", "metrics.json"
WORDS = {"command": "command", "started": "measured on", "version": "hierclf", "processors": "processor cores"}

INTRO = """\
Every table comes with how it was made; a row is a strategy, see `experiments/configs/strategies`. This page is written
by `python -m experiments.results_page RUN...` from run folders, and not by hand.
"""

TOGETHER = """\
Images of kinds that were never seen before the test, taken for known by the threshold at which 95 % of the known test
images pass; mean ± standard error over the seeds, lower is better. Bold: the best, or within one standard error of it,
seed by seed. The last column: points by which the right class of known images lies behind the most accurate row, where
it lies farthest behind. Strategies that did not take part everywhere are in the tables below alone.
"""

FAR = "unknown_accepted_at_95_known_far"
EVERYTHING = """\
The same with far other counted in, where an experiment tells it apart from the near one above.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("-o", "--output", metavar="FILE", help="Where the page goes; to standard output when left out.")
@click.option("--title", default="Results", show_default=True, help="Headline of the page.")
def command(runs: tuple[str, ...], output: str | None, title: str) -> None:
    """Put the tables of finished experiments on one page of Markdown, in the order in which they are given.

    Exit code 0: the page is written; 2: a folder is no finished experiment.
    """
    try:
        text = page([Path(run) for run in runs], title=title)
        if output is None:
            click.echo(text, nl=False)
            return
        place = Path(output)
        place.parent.mkdir(parents=True, exist_ok=True)
        RunFolder(place.parent).write_text(place.name, text)
    except (HierclfError, OSError) as error:
        click.echo(f"experiments: {error}", err=True)
        sys.exit(2)


def page(runs: Sequence[Path], *, title: str = "Results") -> str:
    """The page, in Markdown.

    Args:
        runs: folders of finished experiments.
        title: its headline.

    Raises:
        ConfigError: a folder that holds no experiment, one that is not finished, or two of one name.
    """
    sections = [section(run) for run in runs]
    heads = [text.splitlines()[0].removeprefix("## ") for text in sections]
    twice = next((head for head in heads if heads.count(head) > 1), None)
    if twice is not None:
        raise ConfigError(f"two of these runs are called {twice!r}; give one of each")
    contents = "\n".join(f"- [{head}](#{anchor(head)})" for head in heads)
    return "\n".join([f"# {title}\n", INTRO, contents, "", *together(runs), "\n\n".join(sections)]) + "\n"


def together(runs: Sequence[Path]) -> list[str]:
    """Lines that put the experiments that tell of never-seen other side by side; none where fewer than two do."""
    contests = [Contest.of(json.loads((run / METRICS).read_text(encoding="utf-8"))) for run in runs]
    contests = [contest for contest in contests if contest.has(METRIC)]
    if len(contests) < 2:
        return []
    everything = ["", EVERYTHING, overview(contests, NEVER_SEEN)] if any(one.has(FAR) for one in contests) else []
    return ["## All together", "", TOGETHER, overview(contests), *everything, ""]


def section(run: Path) -> str:
    """The part of the page about one experiment, its headlines one level down.

    Raises:
        ConfigError: the folder holds no experiment, or one that is not finished.
    """
    missing = [name for name in (CONFIG, ENVIRONMENT, TABLE, METRICS, DONE) if not (run / name).is_file()]
    if CONFIG in missing:
        raise ConfigError(f"there is no experiment in {run}: {CONFIG} is missing")
    if missing:
        raise ConfigError(
            f"the experiment in {run} is not finished ({missing[0]} is missing); go on with --resume {run}"
        )
    table = re.sub(r"^(?=#+ )", "#", squeezed((run / TABLE).read_text(encoding="utf-8")), flags=re.M).strip()
    made = json.loads((run / ENVIRONMENT).read_text(encoding="utf-8"))
    rows = json.loads((run / METRICS).read_text(encoding="utf-8"))["runs"]
    lines = [f"| {label} | {_cell(text)} |" for label, text in _made(made, rows, read_document(run / CONFIG)).items()]
    return "\n".join([table, "", "How it was made:", "", "| | |", "|:--|:--|", *lines])


def squeezed(text: str) -> str:
    """Markdown whose tables are no longer drawn up in columns, which nobody sees on a page and which doubles its size.

    >>> print(squeezed("two  spaces\\n| a   |   b |\\n|:----|----:|"))
    two  spaces
    | a | b |
    |:--|--:|
    """
    lines = []
    for line in text.splitlines():
        if line.startswith("|"):
            line = re.sub(r"-{2,}", "--", line) if set(line) <= set("|:- ") else re.sub(r" {2,}", " ", line)
        lines.append(line)
    return "\n".join(lines)


def splits(rows: Sequence[Mapping[str, Any]]) -> str:
    """The checksum of the images of every seed; one for all where it is the same.

    >>> splits([{"seed": 0, "split": "ab"}, {"seed": 1, "split": "cd"}, {"seed": 1, "split": "cd"}])
    '0: ab, 1: cd'
    >>> splits([{"seed": 0, "split": "ab"}, {"seed": 1, "split": "ab"}])
    'ab'
    """
    of_seed = {row["seed"]: str(row["split"]) for row in rows if row.get("split")}
    if len(set(of_seed.values())) == 1:
        return next(iter(of_seed.values()))
    return ", ".join(f"{seed}: {of_seed[seed]}" for seed in sorted(of_seed))


def anchor(head: str) -> str:
    """What a headline is called in a link, as common readers of Markdown do it.

    >>> anchor("mnist: VALIDATION, the test")
    'mnist-validation-the-test'
    """
    return re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")


def _made(made: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> dict[str, str]:
    """How a run was made, text by label."""
    told = {WORDS.get(label, label): text for label, text in made_in_words(made).items()}
    told["command"] = f"`{told['command']}`"
    told["splits (checksum of the images by part)"] = splits(rows)
    data = config.get("data")
    if isinstance(data, Mapping):
        told["data"] = str(data.get("source", ""))
    return {label: text for label, text in told.items() if text}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    command(prog_name="python -m experiments.results_page")
