"""Rows of numbers as tables: in Markdown for a reader, as CSV and means for a program."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from experiments.columns import COLUMNS
from experiments.config import Config
from hierclf.report import Column, difference_table, differences, markdown_table, reading_guide
from hierclf.report.comparison import LACKING, compare

Row = dict[str, Any]
"""One strategy with one seed: ``strategy``, ``seed``, ``error`` or None, checksums, and metrics by name.

The checksums are ``split`` (of the division of the images), ``taxonomy`` and ``settings`` (of the strategy).
"""


GROUPS = {"_seen": "given other", "_unseen": "new other", "_far": "far other", "_seconds": "time", "trainings": "time"}
"""What columns are about, by how their names end; the others are about known images, or about all."""

VALIDATION = "VALIDATION"


def as_table(
    config: Config,
    rows: Sequence[Row],
    columns: Sequence[Column],
    sentences: Sequence[str],
    *,
    baseline: str | None = None,
    footer: str = "",
) -> str:
    """What was done, the table, what its columns mean, and what to look at; in Markdown that reads well as it is.

    Args:
        config: of the experiment.
        rows: one per strategy and seed, with titles for names.
        columns: to show.
        sentences: what is known, given and never seen.
        baseline: title of the strategy that a second table compares all others with, seed by seed.
        footer: a sentence to put under the tables.
    """
    failed = [row for row in rows if row.get("error")]
    shown = [{**row, "strategy": _with_failure(row["strategy"], failed)} for row in rows]
    parts = [f"# {title_of(config)}"]
    if config.about:
        parts.append(paragraph(config.about))
    parts.append("\n".join(f"- {sentence}" for sentence in sentences))
    table = markdown_table(shown, columns, ties=True)
    parts.append(aligned(table))
    seeds = len({row["seed"] for row in rows})
    if seeds > 1:
        parts.append(
            paragraph(f"Mean ± standard error over {seeds} seeds; the best of each column is bold. {ties(table)}")
        )
        parts += [paragraph(LACKING)] if failed else []
    apart = differences(rows, baseline, columns) if baseline is not None else {}
    if apart and baseline is not None and seeds > 1:
        parts += [f"## Less {baseline}", aligned(difference_table(apart, columns))]
        parts.append(paragraph(reading_guide(apart, baseline)))
    parts.append("\n".join(f"- **{column.label}**: {column.words}" for column in columns if column.words))
    parts.extend(map(paragraph, promise_sentences(rows)))
    if config.look_at:
        parts.append(paragraph(config.look_at))
    if footer:
        parts.append(paragraph(footer))
    parts.extend(f"Failed: {row['strategy']}, seed {row['seed']}: {one_line(row['error'])}" for row in failed)
    return "\n\n".join(parts) + "\n"


def title_of(config: Config) -> str:
    """The headline: on validation images it says so, so that nobody takes the table for one of the test."""
    return f"{config.name}: {VALIDATION}, the test is unopened" if config.validation else config.name


def ties(table: str) -> str:
    """What the sign beside some values of a table means, where there is one."""
    return "≈: within one standard error of the best, seed by seed." if "≈" in table else ""


def aligned(table: str) -> str:
    """A Markdown table with its columns brought to one width, so that it can be read in a terminal.

    >>> print(aligned("| a | b |\\n|:---|---:|\\n| long | 1 |"))
    | a    |   b |
    |:-----|----:|
    | long |   1 |
    """
    lines = [_cells(line) for line in table.splitlines()]
    shown = [lines[0], *lines[2:]]
    widths = [max(3, *(len(line[place]) for line in shown)) for place in range(len(lines[0]))]
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
    """The columns that hold a number in some row; that of the promise says what was promised.

    Columns about one kind of images stand together, in the order in which the kinds first come up.
    """
    columns = _grouped(COLUMNS[name] for name in names if any(row.get(name) is not None for row in rows))
    alphas = {row["alpha"] for row in rows if row.get("alpha") is not None}
    if len(alphas) != 1:
        return columns
    promised = f" (promised ≤ {100 * alphas.pop():.4g} %)"
    return [replace(c, label=c.label + promised) if c.key == "known_rejected" else c for c in columns]


def _grouped(columns: Iterable[Column]) -> list[Column]:
    told = [column if column.group else replace(column, group=_group_of(column.key)) for column in columns]
    order = list(dict.fromkeys(column.group for column in told))
    return sorted(told, key=lambda column: order.index(column.group))


def _group_of(key: str) -> str:
    return next((group for end, group in GROUPS.items() if key.endswith(end)), "")


def promise_sentences(rows: Iterable[Row]) -> list[str]:
    """Whether the promise about known images was kept, over all runs in which it was made."""
    judged = [row for row in rows if row.get("promise_kept") is not None]
    if not judged:
        return []
    alphas = sorted({row["alpha"] for row in judged})
    kept = sum(row["promise_kept"] for row in judged)
    promised = " or ".join(f"{100 * alpha:.4g} %" for alpha in alphas)
    verdict = "kept" if kept == len(judged) else f"kept in {kept} of {len(judged)} runs"
    told = [
        f"The promise, at most {promised} of the known images turned away on average, was {verdict} (two standard "
        "errors of chance allowed for). How much other is noticed can be measured, never promised."
    ]
    if kept < len(judged):
        told.append(
            "The promise is about images like those that it was calibrated on, a part of the images to learn from. "
            "Where the test images come from elsewhere (other fonts, writers, cameras), more of them look unusual."
        )
    return told


def _with_failure(title: str, failed: Sequence[Row]) -> str:
    """The title of a strategy, with the error beside it where there was one."""
    errors = {str(row["seed"]): one_line(row["error"]) for row in failed if row["strategy"] == title}
    if not errors:
        return title
    text = next(iter(errors.values()))
    return f"{title} (failed for seed {', '.join(errors)}: {text[:80]}{'…' if len(text) > 80 else ''})"


def means(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Mean and standard error of every number, by strategy and metric."""
    numbers = dict.fromkeys(name for row in rows for name, value in row.items() if isinstance(value, (int, float)))
    columns = [Column(name, name) for name in numbers if name != "seed"]
    return {
        strategy.name: {
            column.key: {"mean": value.mean, "standard_error": value.standard_error}
            for column, value in zip(columns, strategy.values, strict=True)
        }
        for strategy in compare(rows, columns)
    }


def as_csv(rows: Sequence[Row], fields: Sequence[str] = ()) -> str:
    """One line a row; what is a table in itself is left out.

    Args:
        rows: what to write.
        fields: columns that are there in any case, before all others.
    """
    names = [*fields, *(name for name in _names(rows) if name not in fields)]
    written = io.StringIO()
    table = csv.DictWriter(written, names, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name, value in row.items() if not isinstance(value, dict)))


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _cells(line: str) -> list[str]:
    """The cells of a line of a Markdown table; an escaped bar belongs to its cell."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def paragraph(text: str) -> str:
    """The same words in lines of at most 100 characters, for a terminal."""
    return textwrap.fill(one_line(text), 100)


def one_line(text: str) -> str:
    return " ".join(text.split())
