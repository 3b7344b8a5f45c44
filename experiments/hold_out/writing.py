"""The rows of a hold-out experiment as Markdown, CSV, JSON and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.hold_out.columns import TABLES
from experiments.hold_out.config import HoldOutConfig
from experiments.results import ExperimentFolder
from experiments.tables import Row, aligned, as_csv, means, one_line, paragraph
from hierclf.report import Column, markdown_table, write_comparison
from hierclf.report.comparison import LACKING


def write_tables(
    folder: ExperimentFolder,
    config: HoldOutConfig,
    rows: Sequence[Row],
    titles: Mapping[str, str],
    sentences: Mapping[int, Sequence[str]],
    made: Mapping[str, str],
) -> str:
    """Write all that compares the methods.

    Args:
        folder: where to.
        config: of the experiment.
        rows: one per method and seed.
        titles: what to call each method, in order.
        sentences: what was held out, by seed.
        made: how the run was made, text by label.

    Returns:
        The tables in Markdown.
    """
    named = [{**row, "strategy": titles[row["strategy"]]} for row in rows]
    folder.write_json("metrics.json", {"name": config.name, "runs": list(rows), "means": means(rows)})
    folder.write("metrics.csv", as_csv(rows))
    columns = [column for group in TABLES.values() for column in _with_values(group, rows)]
    drawn = [f"Seed {seed}. {sentence}" for seed, told in sentences.items() for sentence in told[1:]]
    notes = [*filter(None, [one_line(config.about), one_line(config.look_at)]), *promise_sentences(rows), *drawn]
    write_comparison(
        folder.path / "report.html", title=config.name, rows=named, columns=columns, notes=notes, made=made
    )
    table = as_markdown(config, named, sentences)
    folder.write("table.md", table)
    return table


def as_markdown(config: HoldOutConfig, rows: Sequence[Row], sentences: Mapping[int, Sequence[str]]) -> str:
    """What was done, the tables, what their columns mean, and what was held out by which seed."""
    parts = [f"# {config.name}", *filter(None, [paragraph(config.about)])]
    seeds = len({row["seed"] for row in rows})
    for headline, group in TABLES.items():
        columns = _with_values(group, rows)
        if not columns:
            continue
        parts += [f"## {headline}", aligned(markdown_table(rows, columns))]
        words = [f"- **{column.label}**: {column.words}" for column in columns if column.words]
        parts += ["\n".join(words)] if words else []
    if seeds > 1:
        parts.append(f"Mean ± standard error over {seeds} seeds; the best of each column is bold.")
    parts += [paragraph(sentence) for sentence in promise_sentences(rows)]
    parts += filter(None, [paragraph(config.look_at)])
    parts += ["\n".join(f"- Seed {seed}: {' '.join(told)}" for seed, told in sentences.items())]
    failed = [row for row in rows if row.get("error")]
    parts += [paragraph(LACKING)] if failed else []
    parts += [f"Failed: {row['strategy']}, seed {row['seed']}: {one_line(row['error'])}" for row in failed]
    return "\n\n".join(parts) + "\n"


def promise_sentences(rows: Sequence[Row]) -> list[str]:
    """What was promised, for all methods alike, and in how many runs it held."""
    judged = [row for row in rows if row.get("promise_kept") is not None]
    if not judged:
        return []
    alphas = sorted({row["alpha"] for row in judged})
    promised = " or ".join(f"{100 * alpha:.4g} %" for alpha in alphas)
    kept = sum(row["promise_kept"] for row in judged)
    return [
        f"Each threshold was set on the same known images, which no method learnt from, to call at most {promised} of "
        f"the known novel. That held in {kept} of {len(judged)} runs, two standard errors of chance allowed for."
    ]


def _with_values(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    return [column for column in columns if any(row.get(column.key) is not None for row in rows)]
