"""The folder of an experiment: everything that a reader, a program or a resumed run wants to find.

::

    runs/digits-1/
        config.yaml environment.json log.txt
        splits/CHECKSUM.csv                        which image was in which part
        strategies/NAME/seed-0.json                what was measured, or what went wrong
        strategies/NAME/report.html, model/        of the first seed
        metrics.json metrics.csv table.md report.html
        DONE                                       written last, when nothing failed and nothing is left to do
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from experiments.columns import COLUMNS
from experiments.config import Config, load_config
from experiments.document import read_document
from experiments.measurement import Measurement
from experiments.protocol import Division
from hierclf.data import image_to_pil
from hierclf.errors import ConfigError
from hierclf.report import Column, RunContext, markdown_table, write_comparison, write_report
from hierclf.report.comparison import compare
from hierclf.runs import DONE, RunFolder

Row = dict[str, Any]

CONFIG, ENVIRONMENT, LOG = "config.yaml", "environment.json", "log.txt"


class ExperimentFolder:
    """The folder of one experiment.

    Args:
        path: an existing folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, config: Config) -> ExperimentFolder:
        """A new folder, ``RUNS/NAME-1`` or the next free number, with the config in it.

        Raises:
            ConfigError: it cannot be made.
        """
        number = 1
        while True:
            path = Path(config.runs) / f"{config.name}-{number}"
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
            except OSError as error:
                raise ConfigError(f"the run folder {path} cannot be made: {error.strerror or error}") from error
        folder = cls(path)
        text = yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True, width=120)
        folder.write(CONFIG, text)
        return folder

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> tuple[ExperimentFolder, Config]:
        """An earlier experiment and its config.

        Raises:
            ConfigError: there is none at that place.
        """
        file = Path(path) / CONFIG
        if not file.is_file():
            raise ConfigError(f"there is no experiment in {path}: {CONFIG} is missing; --resume takes its folder")
        return cls(path), load_config(read_document(file))

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return (self.path / DONE).is_file()

    def write(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all."""
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        RunFolder(place.parent).write_text(place.name, text)

    def write_json(self, name: str, values: Any) -> None:
        """Write a JSON file, whole or not at all."""
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        RunFolder(place.parent).write_json(place.name, values)

    def write_division(self, division: Division) -> None:
        """Write which image is in which part, under the division's checksum."""
        name = f"splits/{division.checksum}.csv"
        if not (self.path / name).is_file():
            self.write(name, division.to_csv())

    def row(self, strategy: str, seed: int) -> Row | None:
        """What was measured before, or None."""
        folder = RunFolder(self.path / "strategies" / strategy)
        name = f"seed-{seed}.json"
        return dict(folder.read_json(name)) if (folder / name).is_file() else None

    def write_row(self, row: Row) -> None:
        """Keep what was measured."""
        self.write_json(f"strategies/{row['strategy']}/seed-{row['seed']}.json", row)

    def write_strategy(self, name: str, title: str, measurement: Measurement, made: Mapping[str, str]) -> None:
        """The model and the page of a strategy."""
        folder = self.path / "strategies" / name
        folder.mkdir(parents=True, exist_ok=True)
        classifier, examined = measurement.classifier, measurement.examination
        classifier.save(folder / "model")
        images = examined.images
        write_report(
            examined.report,
            folder / "report.html",
            title=title,
            images=(lambda place: image_to_pil(images, place)) if images is not None else None,
            context=RunContext(assumptions=classifier.notes_, history=classifier.log_, made=made),
        )

    def write_tables(
        self, config: Config, rows: Sequence[Row], sentences: Sequence[str], made: Mapping[str, str]
    ) -> str:
        """All that compares the strategies; the table in Markdown is returned."""
        titles = {name: strategy.title for name, strategy in config.built().items()}
        columns = columns_with_values(config.columns, rows)
        named = [{**row, "strategy": titles[row["strategy"]]} for row in rows]
        self.write_json("metrics.json", {"name": config.name, "runs": list(rows), "means": _means(rows)})
        self.write("metrics.csv", _csv(rows))
        notes = [*sentences, *filter(None, [_one_line(config.look_at)]), *promise_sentences(rows)]
        write_comparison(
            self.path / "report.html",
            title=config.name,
            rows=named,
            columns=columns,
            notes=[*filter(None, [_one_line(config.about)]), *notes],
            made=made,
        )
        table = as_table(config, named, columns, sentences)
        self.write("table.md", table)
        return table

    def finish(self) -> None:
        """Say that nothing is left to do."""
        self.write(DONE, "")


def as_table(config: Config, rows: Sequence[Row], columns: Sequence[Column], sentences: Sequence[str]) -> str:
    """What was done, the table, what its columns mean, and what to look at; in Markdown that reads well as it is."""
    failed = [row for row in rows if row.get("error")]
    shown = [{**row, "strategy": _with_failure(row["strategy"], failed)} for row in rows]
    parts = [f"# {config.name}"]
    if config.about:
        parts.append(_one_line(config.about))
    parts.append("\n".join(f"- {sentence}" for sentence in sentences))
    parts.append(aligned(markdown_table(shown, columns)))
    seeds = len({row["seed"] for row in rows})
    if seeds > 1:
        parts.append(f"Mean ± standard error over {seeds} seeds; the best of each column is bold.")
    parts.append("\n".join(f"- **{column.label}**: {column.words}" for column in columns if column.words))
    parts.extend(promise_sentences(rows))
    if config.look_at:
        parts.append(_one_line(config.look_at))
    parts.extend(f"Failed: {row['strategy']}, seed {row['seed']}: {_one_line(row['error'])}" for row in failed)
    return "\n\n".join(parts) + "\n"


def aligned(table: str) -> str:
    """A Markdown table with its columns brought to one width, so that it can be read in a terminal.

    >>> print(aligned("| a | b |\\n|:---|---:|\\n| long | 1 |"))
    | a    |   b |
    |:-----|----:|
    | long |   1 |
    """
    lines = [[cell.strip() for cell in _cells(line)] for line in table.splitlines()]
    widths = [max(3, *(len(line[place]) for line in lines)) for place in range(len(lines[0]))]
    right = [cell.endswith(":") for cell in lines[1]]
    written = []
    for number, line in enumerate(lines):
        if number == 1:
            rule = (
                f"{'-' * (width + 1)}:" if last else f":{'-' * (width + 1)}"
                for width, last in zip(widths, right, strict=True)
            )
            written.append(f"|{'|'.join(rule)}|")
        else:
            cells = (
                cell.rjust(width) if last else cell.ljust(width)
                for cell, width, last in zip(line, widths, right, strict=True)
            )
            written.append(f"| {' | '.join(cells)} |")
    return "\n".join(written)


def columns_with_values(names: Iterable[str], rows: Sequence[Row]) -> list[Column]:
    """The columns that hold a number in some row; that of the promise says what was promised."""
    columns = [COLUMNS[name] for name in names if any(row.get(name) is not None for row in rows)]
    alphas = {row["alpha"] for row in rows if row.get("alpha") is not None}
    if len(alphas) != 1:
        return columns
    promised = f" (promised ≤ {100 * alphas.pop():.4g} %)"
    return [replace(c, label=c.label + promised) if c.key == "known_rejected" else c for c in columns]


def promise_sentences(rows: Iterable[Row]) -> list[str]:
    """Whether the promise about known images was kept, over all runs in which it was made."""
    judged = [row for row in rows if row.get("promise_kept") is not None]
    if not judged:
        return []
    alphas = sorted({row["alpha"] for row in judged})
    kept = sum(row["promise_kept"] for row in judged)
    promised = " or ".join(f"{100 * alpha:.4g} %" for alpha in alphas)
    verdict = "kept" if kept == len(judged) else f"kept in {kept} of {len(judged)} runs"
    return [
        f"The promise, at most {promised} of the known images turned away on average, was {verdict} (two standard "
        f"errors of chance allowed for). How much other is noticed can be measured, never promised."
    ]


def _with_failure(title: str, failed: Sequence[Row]) -> str:
    """The title of a strategy, with the error beside it where there was one."""
    errors = {str(row["seed"]): _one_line(row["error"]) for row in failed if row["strategy"] == title}
    if not errors:
        return title
    text = next(iter(errors.values()))
    return f"{title} (failed for seed {', '.join(errors)}: {text[:80]}{'…' if len(text) > 80 else ''})"


def _means(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    numbers = dict.fromkeys(name for row in rows for name, value in row.items() if isinstance(value, (int, float)))
    columns = [Column(name, name) for name in numbers if name != "seed"]
    return {
        strategy.name: {
            column.key: {"mean": value.mean, "standard_error": value.standard_error}
            for column, value in zip(columns, strategy.values, strict=True)
        }
        for strategy in compare(rows, columns)
    }


def _csv(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    table = csv.DictWriter(written, names, lineterminator="\n")
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _cells(line: str) -> list[str]:
    """The cells of a line of a Markdown table; an escaped bar belongs to its cell."""
    return (
        line.strip().replace("\\|", "\0").strip("|").replace("\0", "\\|").split(" | ")
        if " | " in line
        else line.strip("|").split("|")
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
