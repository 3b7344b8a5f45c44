"""Strategies side by side: mean ± standard error over seeds, as a page and as Markdown.

Beside each other, and against one of them: a second table holds every strategy less a baseline, seed by seed
(`hierclf.report.paired`). The best of a column may be so by luck, so rows whose paired difference from it lies within
one standard error are marked as tied with it. Who lacks a seed that others have, as a run failed, is marked as neither:
its mean is one over other images.

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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hierclf.errors import ConfigError
from hierclf.report.columns import Column
from hierclf.report.measures import write_value
from hierclf.report.numbers import NARROW_SPACE, UNDEFINED, defined, plural
from hierclf.report.page import write_page
from hierclf.report.paired import Difference, differences, paired, reading_guide

LACKING = "A row that lacks a seed that others have is marked neither as best nor as tied."
"""To be told where a run failed."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """One strategy's number in one column: mean and standard error over its runs, as numbers and as text.

    ``runs`` is how many of these have a number. ``tied`` says that it is not the best but within one standard error of
    the paired difference from it.
    """

    mean: float | None
    standard_error: float | None
    text: str
    runs: int = 0
    best: bool = False
    tied: bool = False
    bar: float = 0.0  # percentage of the column's largest


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """One line of the comparison."""

    name: str
    runs: int
    values: tuple[Value, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Everything about one protocol.

    Args:
        protocol: its name, or nothing where there is only one.
        strategies: one line each.
        apart: every other strategy less the baseline, by name, one difference per column; empty without a baseline.
        guide: how to read the differences.
    """

    protocol: str
    strategies: tuple[Strategy, ...]
    apart: Mapping[str, tuple[Difference | None, ...]]
    guide: str


def write_comparison(
    path: str | os.PathLike[str],
    *,
    title: str,
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[Column],
    notes: Sequence[str] = (),
    made: Mapping[str, str] | None = None,
    baseline: str | None = None,
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
        baseline: the strategy that all others are compared with seed by seed, in a table of its own.

    Raises:
        ConfigError: a row without a strategy.
        OSError: the file cannot be written.
    """
    rows = list(rows)
    protocols = dict.fromkeys(str(row.get("protocol", "")) for row in rows)
    tables = tuple(
        _table(protocol, [row for row in rows if str(row.get("protocol", "")) == protocol], columns, baseline)
        for protocol in protocols
    )
    seeds = len({row.get("seed") for row in rows if "seed" in row})
    write_page(
        path,
        "comparison.html.jinja",
        title=title,
        tables=tables,
        columns=tuple(columns),
        groups=column_groups(columns),
        baseline=baseline,
        ties=any(value.tied for table in tables for strategy in table.strategies for value in strategy.values),
        lead=f"{plural(len({row['strategy'] for row in rows}), 'strategy', 'strategies')}, {plural(len(rows), 'run')}"
        + (f", {plural(seeds, 'seed')}." if seeds else "."),
        notes=(*notes, *([LACKING] if any(one.errors for table in tables for one in table.strategies) else ())),
        made=tuple((made or {}).items()),
    )


def _table(protocol: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], baseline: str | None) -> Table:
    strategies = compare(rows, columns)
    apart = differences(rows, baseline, columns) if baseline is not None else {}
    return Table(protocol=protocol, strategies=strategies, apart=apart, guide=reading_guide(apart, baseline or ""))


def column_groups(columns: Sequence[Column]) -> tuple[tuple[str, int], ...]:
    """The headlines above the columns with the number of columns below each; nothing where there is one group only.

    >>> column_groups([Column("a", "A"), Column("b", "B", group="new"), Column("c", "C", group="new")])
    (('', 1), ('new', 2))
    """
    found: list[tuple[str, int]] = []
    for column in columns:
        if found and found[-1][0] == column.group:
            found[-1] = (column.group, found[-1][1] + 1)
        else:
            found.append((column.group, 1))
    return tuple(found) if len(found) > 1 else ()


def markdown_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column], *, ties: bool = False) -> str:
    """The same comparison as a Markdown table; rows as in `write_comparison`.

    Args:
        rows: one per run.
        columns: the numbers to compare.
        ties: whether to mark values that are tied with the best of their column, by ``≈``; the best is bold.
    """
    rows = list(rows)
    protocols = list(dict.fromkeys(str(row.get("protocol", "")) for row in rows))
    several = protocols not in ([], [""])
    head = [*(["protocol"] if several else []), "strategy", *(column.headline for column in columns)]
    lines = [_line(head), "|" + ":---|" * (len(head) - len(columns)) + "---:|" * len(columns)]
    for protocol in protocols:
        for strategy in compare([row for row in rows if str(row.get("protocol", "")) == protocol], columns):
            values = [_marked(value, ties=ties) for value in strategy.values]
            lines.append(_line([*([protocol] if several else []), strategy.name, *values]))
    return "\n".join(lines).replace(NARROW_SPACE, " ")


def difference_table(found: Mapping[str, Sequence[Difference | None]], columns: Sequence[Column]) -> str:
    """Every strategy less the baseline as a Markdown table, clear differences in bold.

    Args:
        found: from `hierclf.report.paired.differences`, one difference per column.
        columns: the same ones.

    >>> rows = [{"strategy": name, "seed": seed, "x": seed + (name == "b")} for name in "ab" for seed in range(3)]
    >>> columns = [Column("x", "X", better="lower", unit="number")]
    >>> print(difference_table(differences(rows, "a", columns), columns))
    | strategy | X ↓ |
    |:---|---:|
    | b | **+1.000 ± 0.000 worse** (0/3) |
    """
    lines = [_line(["strategy", *(column.headline for column in columns)]), "|:---|" + "---:|" * len(columns)]
    lines += [_line([name, *map(_apart, told)]) for name, told in found.items()]
    return "\n".join(lines)


def _apart(one: Difference | None) -> str:
    if one is None:
        return UNDEFINED
    told = f"**{one.text} {one.verdict}**" if one.verdict else one.text
    return f"{told} ({one.wins})" if one.wins else told


def _marked(value: Value, *, ties: bool) -> str:
    if value.best:
        return f"**{value.text}**"
    return f"{value.text} ≈" if ties and value.tied else value.text


def compare(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> tuple[Strategy, ...]:
    """Mean ± standard error per strategy, in the order in which the strategies first appear.

    The standard error is the sample standard deviation (n − 1) over √n, undefined for a single run. Runs whose number
    is missing do not count for it. The best of a column is the best mean of those with as many numbers as anyone; equal
    texts share the honour. Others of those are tied with it when the paired difference, over the seeds that both have,
    lies within one standard error.

    Raises:
        ConfigError: a row without a strategy.
    """
    rows = list(rows)
    runs: dict[str, list[Mapping[str, Any]]] = {}
    for place, row in enumerate(rows):
        if "strategy" not in row:
            raise ConfigError(f"row {place} names no strategy; its keys are {', '.join(map(str, row))}")
        runs.setdefault(str(row["strategy"]), []).append(row)
    table = [[_value([row.get(column.key) for row in own], column) for column in columns] for own in runs.values()]
    judged = [_judge([line[place] for line in table], column) for place, column in enumerate(columns)]
    judged = [_with_ties(values, list(runs), rows, column) for values, column in zip(judged, columns, strict=True)]
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
    return Value(mean=mean, standard_error=error, text=text, runs=len(numbers))


def _judge(values: list[Value], column: Column) -> list[Value]:
    means = [value.mean for value in values if value.mean is not None]
    if not means:
        return values
    largest = 1.0 if column.unit == "share" and max(means) <= 1 else max(*map(abs, means), 1e-12)
    most = max(value.runs for value in values)
    rivals = [value.mean for value in values if value.mean is not None and value.runs == most]
    best = (max if column.better == "higher" else min)(rivals)
    winning = write_value(best, column.unit) if column.better and len(rivals) > 1 else None
    return [
        value
        if value.mean is None
        else replace(
            value,
            best=value.runs == most and write_value(value.mean, column.unit) == winning,
            bar=round(100 * min(abs(value.mean) / largest, 1.0), 1),
        )
        for value in values
    ]


def _with_ties(
    values: list[Value], names: Sequence[str], rows: Sequence[Mapping[str, Any]], column: Column
) -> list[Value]:
    """The same values, those that are tied with the best mean marked."""
    if not any(value.best for value in values):
        return values
    direction = 1 if column.better == "higher" else -1
    means = {place: value.mean for place, value in enumerate(values) if value.best and value.mean is not None}
    first = max(means, key=lambda place: direction * means[place])

    def tied(name: str, value: Value) -> bool:
        if value.best or value.runs < values[first].runs:
            return False
        apart = paired(rows, name, names[first], column)
        return apart is not None and apart.tied

    return [replace(value, tied=tied(name, value)) for name, value in zip(names, values, strict=True)]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
