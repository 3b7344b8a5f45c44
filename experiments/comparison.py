"""Two runs, or two strategies, against each other seed by seed.

Runs can be compared where they asked the same question: a seed counts when both have a row for it, and both rows must
have been measured on the same division of the images, which its checksum proves. Everything else may differ, and is
what one wants to know about: the version, the settings, the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.columns import COLUMNS
from experiments.document import read_document
from experiments.results import CONFIG
from experiments.tables import Row, aligned, columns_with_values, paragraph
from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean
from hierclf.report import Column, Difference, difference_table, markdown_table, paired, reading_guide


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One of the two that are compared.

    Args:
        folder: of its run.
        strategy: the only one to look at, or None for all.
        rows: of the run, by strategy and seed.
        columns: names of those that its config shows.
    """

    folder: Path
    strategy: str | None
    rows: Mapping[str, Mapping[int, Row]]
    columns: tuple[str, ...]

    @classmethod
    def read(cls, word: str) -> Side:
        """The side that a word names: ``RUN``, or ``RUN:strategy``.

        Raises:
            ConfigError: no run at that place, one without a row, or no such strategy in it.
        """
        path, colon, strategy = word.rpartition(":")
        if not colon or Path(word).is_dir():
            path, strategy = word, ""
        folder = Path(path)
        if not (folder / CONFIG).is_file():
            raise ConfigError(
                f"there is no experiment in {path}: {CONFIG} is missing; give a run folder, or RUN:strategy"
            )
        config = read_document(folder / CONFIG)
        rows = _ordered(_rows(folder), config)
        if not rows:
            raise ConfigError(f"{path} has no result yet; go on with it by --resume")
        if strategy and strategy not in rows:
            hint = did_you_mean(strategy, rows)
            raise ConfigError(f"{path} has no result of a strategy {strategy!r}{hint} (it has: {', '.join(rows)})")
        shown = config.get("columns")
        columns = tuple(name for name in shown if name in COLUMNS) if isinstance(shown, list) else ()
        return cls(folder=folder, strategy=strategy or None, rows=rows, columns=columns)

    def label(self, strategy: str) -> str:
        """What to call one of its strategies where another run stands beside it."""
        return f"{self.folder}:{strategy}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Two strategies with the seeds that both were measured with.

    Args:
        name: of the two, for a table.
        one: label of the first.
        other: label of the second, which is subtracted.
        rows: of both, under their labels.
        seeds: that both have without an error.
        failed: seeds in which at least one of them holds an error.
    """

    name: str
    one: str
    other: str
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    failed: tuple[int, ...]

    def differences(self, columns: Sequence[Column]) -> tuple[Difference | None, ...]:
        """The first less the second, one difference per column."""
        return tuple(paired(self.rows, self.one, self.other, column) for column in columns)


def pairs_of(one: Side, other: Side) -> list[Pair]:
    """What can be compared: the strategies that were named, or all that both runs have under one name.

    Raises:
        ConfigError: nothing in common, a row compared with itself, or rows that were measured on other images.
    """
    if one.strategy or other.strategy:
        names = [(one.strategy or other.strategy, other.strategy or one.strategy)]
    else:
        names = [(name, name) for name in one.rows if name in other.rows]
        if not names:
            raise ConfigError(
                f"{one.folder} and {other.folder} have no strategy in common ({', '.join(one.rows)}; "
                f"{', '.join(other.rows)}); name two of them as RUN:strategy"
            )
    return [_pair(one, other, str(first), str(second)) for first, second in names]


def shown_columns(one: Side, other: Side, pairs: Sequence[Pair]) -> list[Column]:
    """The columns that the configs show, as far as both sides have values; failing these, all that are known."""
    rows = [row for pair in pairs for row in pair.rows]
    names = list(dict.fromkeys((*one.columns, *other.columns)))
    return columns_with_values(names or COLUMNS, rows)


def as_markdown(one: Side, other: Side, pairs: Sequence[Pair]) -> str:
    """The means of both sides, and the differences."""
    columns = shown_columns(one, other, pairs)
    rows = [row for pair in pairs for row in pair.rows]
    told = {pair.name: pair.differences(columns) for pair in pairs}
    parts = [f"# {_called(one)} less {_called(other)}"]
    seeds = "; ".join(f"{pair.name}: {', '.join(map(str, pair.seeds)) or 'none'}" for pair in pairs)
    parts.append(paragraph(f"Seeds that both have, on the same images: {seeds}."))
    parts.append(aligned(markdown_table(rows, columns)))
    parts += [f"## Differences, {_called(one)} less {_called(other)}", aligned(difference_table(told, columns))]
    parts.append(paragraph(reading_guide(told, "its counterpart")))
    parts += [paragraph(sentence) for sentence in failures(pairs)]
    return "\n\n".join(filter(None, parts)) + "\n"


def as_record(one: Side, other: Side, pairs: Sequence[Pair]) -> dict[str, Any]:
    """The same as JSON can hold it, with every known column."""
    columns = columns_with_values(COLUMNS, [row for pair in pairs for row in pair.rows])
    return {
        "one": _called(one),
        "other": _called(other),
        "pairs": [
            {
                "name": pair.name,
                "seeds": list(pair.seeds),
                "failed": list(pair.failed),
                "differences": [
                    difference.to_record() for difference in pair.differences(columns) if difference is not None
                ],
            }
            for pair in pairs
        ],
    }


def failures(pairs: Sequence[Pair]) -> list[str]:
    """Which seeds are missing because a strategy failed, in sentences."""
    return [
        f"{pair.name}: seed {', '.join(map(str, pair.failed))} is left out, as a strategy failed there."
        for pair in pairs
        if pair.failed
    ]


def _pair(one: Side, other: Side, first: str, second: str) -> Pair:
    for side, name in ((one, first), (other, second)):
        if name not in side.rows:
            raise ConfigError(f"{side.folder} has no result of a strategy {name!r}{did_you_mean(name, side.rows)}")
    mine, theirs = one.rows[first], other.rows[second]
    if first == second and one.folder.resolve() == other.folder.resolve():
        raise ConfigError(f"{one.label(first)} would be compared with itself; name two strategies, or two runs")
    shared = [seed for seed in mine if seed in theirs]
    for seed in shared:
        if mine[seed]["split"] != theirs[seed]["split"]:
            raise ConfigError(
                f"{one.label(first)} and {other.label(second)} were not measured on the same images (seed {seed}: "
                f"division {mine[seed]['split']} against {theirs[seed]['split']}), so a difference would say nothing; "
                f"run both with the same data, classes and shares"
            )
    failed = tuple(seed for seed in shared if mine[seed].get("error") or theirs[seed].get("error"))
    seeds = tuple(seed for seed in shared if seed not in failed)
    labels = _labels(one, other, first, second)
    if not shared:
        raise ConfigError(f"{labels[0]} and {labels[1]} have no seed in common; run both with the same seeds")
    rows = [
        {**found[seed], "strategy": label}
        for label, found in zip(labels, (mine, theirs), strict=True)
        for seed in seeds or shared
    ]
    name = first if first == second else f"{first} less {second}"
    return Pair(name=name, one=labels[0], other=labels[1], rows=tuple(rows), seeds=seeds, failed=failed)


def _labels(one: Side, other: Side, first: str, second: str) -> tuple[str, str]:
    """What to call two strategies: by their names where one run has both, else with their run."""
    if one.folder.resolve() == other.folder.resolve():
        return first, second
    if one.folder.name != other.folder.name:
        return f"{first} ({one.folder.name})", f"{second} ({other.folder.name})"
    return one.label(first), other.label(second)


def _rows(folder: Path) -> Iterator[Row]:
    """Every row that a run has kept, finished or not."""
    return map(_row, sorted((folder / "strategies").rglob("seed-*.json")))


def _row(path: Path) -> Row:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return {**row, "strategy": str(row["strategy"]), "seed": int(row["seed"]), "split": str(row["split"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no row of an experiment ({error}); take it away and --resume the run") from None


def _ordered(rows: Iterator[Row], config: Mapping[str, Any]) -> dict[str, dict[int, Row]]:
    """Rows by strategy, in the order of the config, and by seed."""
    found: dict[str, dict[int, Row]] = {}
    for row in rows:
        found.setdefault(row["strategy"], {})[row["seed"]] = row
    named = config.get("strategies")
    order = list(named) if isinstance(named, dict) else []
    known = [name for name in order if name in found]
    return {
        name: dict(sorted(found[name].items())) for name in (*known, *(name for name in found if name not in order))
    }


def _called(side: Side) -> str:
    return side.label(side.strategy) if side.strategy else str(side.folder)
