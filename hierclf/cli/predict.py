"""``hierclf predict``: one row per picture."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from hierclf.cli.shares import share_or_none
from hierclf.errors import ConfigError
from hierclf.files import whole_file
from hierclf.runs import model_folder

COLUMNS = ("image", "status", "node", "probability", "p_value", "leaf", "leaf_probability", "route", "reason", "error")
PICTURES_AT_ONCE = 1024


@click.command()
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "table"]), default="jsonl", show_default=True)
@click.option("--rule", help="threshold, leaf, expected_distance or information. [default: as fitted]")
@click.option(
    "--false-discovery",
    type=share_or_none,
    metavar="SHARE|none",
    help="Of those turned away, at most this share known on average; looks at all pictures together. none looks at "
    "each alone. [default: as fitted]",
)
@click.option("-o", "--out", help="Write to a file instead of the screen.")
def predict(
    run: str,
    images: tuple[str, ...],
    form: str,
    rule: str | None,
    false_discovery: float | str | None,
    out: str | None,
) -> None:
    """Decide about IMAGES with the model of RUN: files, folders, patterns, or - for a list on standard input.

    Exit code 1 when a picture could not be read; its row says why. With 30 pictures or more, a sentence on standard
    error says when they look unlike the pictures that the promise was calibrated on.
    """
    saved = model_folder(run)  # before torch is imported, so that a wrong name is told at once
    from hierclf.classifier import HierarchicalClassifier
    from hierclf.cli.batch import remarks
    from hierclf.decisions import rules

    if rule is not None:
        rules[rule]
    if out is not None and not Path(out).absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {Path(out).absolute().parent} to write {Path(out).name} in")
    model = HierarchicalClassifier.load(saved)
    rate = model.discovery_rate(false_discovery)
    if rate is not None and not 0 < rate < 1:
        raise ConfigError(f"--false-discovery is a share between 0 and 1, got {rate:g}")
    seen: list[Any] = []
    failed = _write(_records(model, _listed(images), rule, rate, seen), form, out)
    for told in remarks(model.model_, seen, rate):
        click.echo(told, err=True)
    if failed:
        click.echo(f"{failed} of the pictures could not be read; the rows say why", err=True)
        raise click.exceptions.Exit(1)


def _listed(images: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for name in images:
        names.extend(line.strip() for line in sys.stdin if line.strip()) if name == "-" else names.append(name)
    if not names:
        raise ConfigError("no pictures were named")
    return names


def _records(
    model: Any, names: list[str], rule: str | None, rate: float | None, seen: list[Any]
) -> Iterator[dict[str, Any]]:
    """The rows, in order; what the gates think of each image is noted in ``seen`` on the way."""
    from hierclf.model import Operation
    from hierclf.reading import Reading

    inner = model.model_
    operation = inner.operation if rule in (None, inner.operation.rule) else Operation(rule=rule)
    readings = _readings(model, names)
    if rate is not None:  # a promise about all of them together
        readings = iter([Reading.joined(list(readings))])
    for reading in readings:
        seen.append(reading.unknown_score_B)
        away_B = None if rate is None else inner.discovered(reading, rate)
        yield from inner.decide(reading, operation=operation, away_B=away_B).to_records()


def _readings(model: Any, names: list[str]) -> Iterator[Any]:
    """What the model sees, many images at a time."""
    import numpy as np

    from hierclf.data import join_sets, load_images

    if model.model_.backbone is None:
        from hierclf.cli.embeddings import read_embeddings

        for name in names:
            yield model.read(read_embeddings(name)[0])
        return
    sources = (name if os.path.exists(name) else [name] for name in names)
    images = join_sets([load_images(source, labelled=False) for source in sources])
    for start in range(0, len(images), PICTURES_AT_ONCE):
        yield model.read(images.subset(np.arange(start, min(start + PICTURES_AT_ONCE, len(images)))))


def _write(records: Iterable[dict[str, Any]], form: str, out: str | None) -> int:
    """Write the rows, to a file whole or not at all; the number of rows with an error is returned."""
    if out is None:
        return _write_rows(records, form, sys.stdout)
    try:
        with whole_file(out, newline="") as file:
            return _write_rows(records, form, file)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror or error}") from error


def _write_rows(records: Iterable[dict[str, Any]], form: str, file: Any) -> int:
    failed = 0
    table: list[dict[str, Any]] = []
    if form == "csv":
        file.write(_csv_line(COLUMNS))
    for record in records:
        failed += record["error"] is not None
        if form == "jsonl":
            file.write(json.dumps({name: record[name] for name in COLUMNS}, ensure_ascii=False) + "\n")
        elif form == "csv":
            file.write(_csv_line([_cell(record[name]) for name in COLUMNS]))
        else:
            table.append(record)
    if form == "table":
        file.write(_table(table))
    return failed


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " > ".join(value)
    return "" if value is None else value


def _csv_line(values: Iterable[Any]) -> str:
    """One row with every text in quotes, so that no name can pass for a formula's or a row's beginning."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC).writerow(values)
    return line.getvalue()


def _table(records: list[dict[str, Any]]) -> str:
    rows = [("image", "status", "answer", "p", "why")]
    for record in records:
        if record["error"] is not None:
            rows.append((record["image"], "error", "", "", record["error"]))
        else:
            answer = f"{record['node']} ({record['probability']:.2f})"
            rows.append((record["image"], record["status"], answer, f"{record['p_value']:.3g}", record["reason"]))
    cells = [["".join(c if c.isprintable() else "?" for c in cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    padded = ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[4]]) for row in cells]
    return "\n".join(padded) + "\n"
