"""The rows of a discovery experiment as Markdown, CSV, JSON and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.discovery.columns import SCORES
from experiments.discovery.config import DiscoveryConfig
from experiments.discovery.ways import ways
from experiments.results import ExperimentFolder
from experiments.tables import Row, aligned, as_csv, means, one_line, paragraph
from hierclf.report import Column, markdown_table, write_comparison
from hierclf.report.comparison import LACKING


def write_tables(
    folder: ExperimentFolder,
    config: DiscoveryConfig,
    rows: Sequence[Row],
    sentences: Sequence[str],
    made: Mapping[str, str],
) -> str:
    """Write all that compares the ways.

    Args:
        folder: where to.
        config: of the experiment.
        rows: one per way, seed and cell.
        sentences: what there is to find.
        made: how the run was made, text by label.

    Returns:
        The tables in Markdown.
    """
    folder.write_json("metrics.json", {"name": config.name, "runs": list(rows), "means": means(pooled(rows))})
    folder.write("metrics.csv", as_csv(rows))
    notes = [*filter(None, [one_line(config.about), one_line(config.look_at)]), *sentences]
    titled = [{**row, "strategy": ways[row["strategy"]].title, "protocol": row["cell"]} for row in rows]
    write_comparison(
        folder.path / "report.html",
        title=config.name,
        rows=titled,
        columns=_with_values(SCORES, rows),
        notes=notes,
        made=made,
    )
    table = as_markdown(config, rows, sentences)
    folder.write("table.md", table)
    return table


def as_markdown(config: DiscoveryConfig, rows: Sequence[Row], sentences: Sequence[str]) -> str:
    """What was done, the tables, what their columns mean, and what each way is."""
    parts = [f"# {config.name}", *filter(None, [paragraph(config.about)])]
    parts.append("\n".join(f"- {sentence}" for sentence in sentences))
    cells = list(dict.fromkeys(row["cell"] for row in rows if row["cell"]))
    if cells:
        parts += ["## Clade F1 by kind of data", aligned(markdown_table(by_cell(rows), _columns_of_ways(rows)))]
        parts += ["## All scores, over all kinds"]
    columns = _with_values(SCORES, rows)
    named = [{**row, "strategy": ways[row["strategy"]].title} for row in pooled(rows)]
    parts.append(aligned(markdown_table(named, columns)))
    seeds = len({row["seed"] for row in rows})
    if seeds > 1:
        parts.append(f"Mean ± standard error over {seeds} seeds; the best of each column is bold.")
    parts.append("\n".join(f"- **{column.label}**: {column.words}" for column in columns if column.words))
    shown = dict.fromkeys(row["strategy"] for row in rows)
    parts.append("\n".join(f"- *{ways[name].title}*: {ways[name].words}" for name in shown))
    parts += filter(None, [paragraph(config.look_at)])
    failed = [row for row in rows if row.get("error")]
    parts += [paragraph(LACKING)] if failed else []
    parts += [
        f"Failed: {ways[row['strategy']].title}, {row['cell']} seed {row['seed']}: {one_line(row['error'])}"
        for row in failed
    ]
    return "\n\n".join(parts) + "\n"


def by_cell(rows: Sequence[Row]) -> list[Row]:
    """Clade F1 with a row per kind of data and seed, and a number per way.

    >>> [first] = by_cell([{"strategy": "ours", "cell": "even low", "seed": 0, "clade_f1": 0.9}])
    >>> first
    {'strategy': 'even low', 'seed': 0, 'ours': 0.9}
    """
    found: dict[tuple[str, int], Row] = {}
    for row in rows:
        line = found.setdefault((row["cell"], row["seed"]), {"strategy": row["cell"], "seed": row["seed"]})
        line[row["strategy"]] = row.get("clade_f1")
    return list(found.values())


def pooled(rows: Sequence[Row]) -> list[Row]:
    """One row per way and seed: the mean over all kinds of data; a way that failed once has no numbers there."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["strategy"], row["seed"]), []).append(row)
    pools: list[Row] = []
    for (way, seed), own in groups.items():
        errors = [row["error"] for row in own if row.get("error")]
        pool: Row = {"strategy": way, "seed": seed, "error": errors[0] if errors else None}
        for column in () if errors else SCORES:
            values = [row[column.key] for row in own if row.get(column.key) is not None]
            pool[column.key] = float(np.mean(values)) if values else None
        pools.append(pool)
    return pools


def _columns_of_ways(rows: Sequence[Row]) -> list[Column]:
    return [Column(way, ways[way].title, "", "number") for way in dict.fromkeys(row["strategy"] for row in rows)]


def _with_values(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    return [column for column in columns if any(row.get(column.key) is not None for row in rows)]
