"""Strategies side by side: mean ± standard error over seeds, as a page and as Markdown.

>>> rows = [{"strategy": "flat", "accuracy": 0.9}, {"strategy": "ours", "accuracy": 0.95}]
>>> print(markdown_table(rows, [Column("accuracy", "Accuracy", better="higher")]))
| strategy | Accuracy ↑ |
|:---|---:|
| flat | 90.0 % |
| ours | **95.0 %** |
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierclf.errors import ConfigError, UnknownName
from hierclf.metrics import MEASURES
from hierclf.registry import did_you_mean
from hierclf.report.measures import write_value
from hierclf.report.numbers import NARROW_SPACE, UNDEFINED, defined, plural
from hierclf.report.page import write_page

UNITS = ("share", "number", "count")


@dataclass(frozen=True)
class Column:
    """A number to compare.

    Args:
        key: its name in the rows.
        label: its name for readers.
        better: ``"higher"``, ``"lower"``, or empty when neither is better by itself.
        unit: ``"share"`` (shown in percent), ``"number"`` or ``"count"``.
        words: one sentence for the page.

    Raises:
        ConfigError: another unit or direction.
    """

    key: str
    label: str
    better: str = ""
    unit: str = "share"
    words: str = ""

    def __post_init__(self) -> None:
        if self.better not in ("", "higher", "lower"):
            raise ConfigError(f"column {self.key!r}: better is 'higher', 'lower' or empty, got {self.better!r}")
        if self.unit not in UNITS:
            raise ConfigError(f"column {self.key!r}: unit is one of {', '.join(UNITS)}, got {self.unit!r}")

    @classmethod
    def of(cls, metric: str) -> Column:
        """The column of an evaluation's metric, as the glossary describes it.

        >>> Column.of("auroc_other").better
        'higher'

        Raises:
            UnknownName: no metric of that name.
        """
        if metric not in MEASURES:
            hint = did_you_mean(metric, MEASURES)
            raise UnknownName(f"no metric named {metric!r}{hint} (known: {', '.join(MEASURES)})")
        measure = MEASURES[metric]
        unit = "share" if measure.unit == "verdict" else measure.unit
        return cls(metric, measure.title, measure.better, unit, measure.words)


@dataclass(frozen=True, kw_only=True)
class Value:
    """One strategy's number in one column: mean and standard error over its runs, as numbers and as text."""

    mean: float | None
    standard_error: float | None
    text: str
    best: bool = False
    bar: float = 0.0  # percentage of the column's largest


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """One line of the comparison."""

    name: str
    runs: int
    values: tuple[Value, ...]
    errors: tuple[str, ...]


def write_comparison(
    path: str | os.PathLike[str],
    *,
    title: str,
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[Column],
    notes: Sequence[str] = (),
    made: Mapping[str, str] | None = None,
) -> None:
    """Write one self-contained page that compares strategies over seeds.

    Args:
        path: the file to write; an older one is replaced as a whole or not at all.
        title: the headline.
        rows: one mapping per run: ``"strategy"``, perhaps ``"seed"`` and ``"protocol"`` (a table each), the columns'
            keys, and ``"error"`` with a sentence when the run failed.
        columns: the numbers to compare, in order.
        notes: sentences to put below.
        made: how this was made, text by label: command, versions, machine.

    Raises:
        ConfigError: a row without a strategy.
        OSError: the file cannot be written.
    """
    rows = list(rows)
    protocols = dict.fromkeys(str(row.get("protocol", "")) for row in rows)
    tables = tuple(
        (protocol, compare([row for row in rows if str(row.get("protocol", "")) == protocol], columns))
        for protocol in protocols
    )
    seeds = len({row.get("seed") for row in rows if "seed" in row})
    write_page(
        path,
        "comparison.html.jinja",
        title=title,
        tables=tables,
        columns=tuple(columns),
        lead=f"{plural(len({row['strategy'] for row in rows}), 'strategy', 'strategies')}, {plural(len(rows), 'run')}"
        + (f", {plural(seeds, 'seed')}." if seeds else "."),
        notes=tuple(notes),
        made=tuple((made or {}).items()),
    )


def markdown_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """The same comparison as a Markdown table, the best of each column in bold; rows as in `write_comparison`."""
    rows = list(rows)
    protocols = list(dict.fromkeys(str(row.get("protocol", "")) for row in rows))
    several = protocols not in ([], [""])
    arrows = {"higher": " ↑", "lower": " ↓", "": ""}
    head = [*(["protocol"] if several else []), "strategy", *(c.label + arrows[c.better] for c in columns)]
    lines = [_line(head), "|" + ":---|" * (len(head) - len(columns)) + "---:|" * len(columns)]
    for protocol in protocols:
        for strategy in compare([row for row in rows if str(row.get("protocol", "")) == protocol], columns):
            values = [f"**{value.text}**" if value.best else value.text for value in strategy.values]
            lines.append(_line([*([protocol] if several else []), strategy.name, *values]))
    return "\n".join(lines).replace(NARROW_SPACE, " ")


def compare(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> tuple[Strategy, ...]:
    """Mean ± standard error per strategy, in the order in which the strategies first appear.

    The standard error is the sample standard deviation (n − 1) over √n, undefined for a single run. Runs whose number
    is missing do not count for it. The best of a column is the best mean; equal texts share the honour.

    Raises:
        ConfigError: a row without a strategy.
    """
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for place, row in enumerate(rows):
        if "strategy" not in row:
            raise ConfigError(f"row {place} names no strategy; its keys are {', '.join(map(str, row))}")
        runs.setdefault(str(row["strategy"]), []).append(row)
    table = [[_value([row.get(column.key) for row in own], column) for column in columns] for own in runs.values()]
    judged = [_judge([line[place] for line in table], column) for place, column in enumerate(columns)]
    return tuple(
        Strategy(
            name=name,
            runs=len(own),
            values=tuple(column[place] for column in judged),
            errors=tuple(str(row["error"]) for row in own if row.get("error")),
        )
        for place, (name, own) in enumerate(runs.items())
    )


def _value(given: Iterable[Any], column: Column) -> Value:
    numbers = [number for number in map(defined, given) if number is not None]
    if not numbers:
        return Value(mean=None, standard_error=None, text=UNDEFINED)
    mean = float(np.mean(numbers))
    error = float(np.std(numbers, ddof=1) / math.sqrt(len(numbers))) if len(numbers) > 1 else None
    text = write_value(mean, column.unit)
    if error is not None:
        around = write_value(error, column.unit).removeprefix("<").strip()
        text = f"{text.removesuffix('%').rstrip()} ± {around}"
    return Value(mean=mean, standard_error=error, text=text)


def _judge(values: list[Value], column: Column) -> list[Value]:
    means = [value.mean for value in values if value.mean is not None]
    if not means:
        return values
    largest = 1.0 if column.unit == "share" and max(means) <= 1 else max(*map(abs, means), 1e-12)
    best = (max if column.better == "higher" else min)(means)
    winning = write_value(best, column.unit) if column.better and len(means) > 1 else None
    return [
        Value(
            mean=value.mean,
            standard_error=value.standard_error,
            text=value.text,
            best=value.mean is not None and write_value(value.mean, column.unit) == winning,
            bar=0.0 if value.mean is None else round(100 * min(abs(value.mean) / largest, 1.0), 1),
        )
        for value in values
    ]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
