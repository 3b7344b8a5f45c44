"""The rows of an experiment about weights as Markdown, CSV, JSON and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.results import ExperimentFolder
from experiments.tables import VALIDATION, Row, aligned, as_csv, means, one_line, paragraph, ties
from experiments.weights.columns import ALL, of_raised
from experiments.weights.config import WeightsConfig
from experiments.weights.shifts import shift_table
from hierclf.report import Column, difference_table, differences, markdown_table, reading_guide, write_comparison
from hierclf.report.comparison import LACKING


def write_tables(
    folder: ExperimentFolder, config: WeightsConfig, rows: Sequence[Row], sentence: str, made: Mapping[str, str]
) -> str:
    """Write all that compares the weights.

    Args:
        folder: where to.
        config: of the experiment.
        rows: one per cell and seed, the cell's name as ``strategy``.
        sentence: what there is to learn from and to test on.
        made: how the run was made, text by label.

    Returns:
        The tables in Markdown.
    """
    named, columns = _named(config, rows), _columns(config, rows)
    apart = differences(named, config.usual.title, columns)
    plain = [one.to_record() for told in apart.values() for one in told if one is not None]
    document = {"name": config.name, "validation": config.validation, "runs": list(rows), "means": means(rows)}
    folder.write_json("metrics.json", document | {"baseline": config.usual.title, "differences": plain})
    folder.write("metrics.csv", as_csv(rows))
    write_comparison(
        folder.path / "report.html",
        title=title_of(config),
        rows=named,
        columns=columns,
        notes=[sentence, *filter(None, [one_line(config.about), one_line(config.look_at)])],
        made=made,
        baseline=config.usual.title if len(config.seeds) > 1 else None,
    )
    table = as_markdown(config, rows, sentence)
    folder.write("table.md", table)
    return table


def as_markdown(config: WeightsConfig, rows: Sequence[Row], sentence: str) -> str:
    """What was done, the tables, and what their columns mean."""
    named, usual = _named(config, rows), config.usual.title
    columns = _columns(config, rows)
    parts = [f"# {title_of(config)}", *filter(None, [paragraph(config.about)]), sentence]
    groups = {
        "All classes": [column for column in columns if column in ALL],
        "The classes that some rows raise": [column for column in columns if column not in ALL],
    }
    table = ""
    for headline, group in groups.items():
        if not group:
            continue
        table = markdown_table(named, group, ties=True).replace("| strategy |", "| weights |", 1)
        parts += [f"## {headline}", aligned(table)]
        compared = [column for column in group if column.better]
        apart = differences(named, usual, compared)
        if apart and compared:
            parts += [f"## {headline}, less {usual}"]
            parts += [aligned(difference_table(apart, compared).replace("| strategy |", "| weights |", 1))]
    titles = [cell.title for cell in config.cells() if cell != config.usual]
    parts += [f"## Who gains and who pays, less {usual}", aligned(shift_table(named, titles, usual))]
    parts += [
        paragraph(
            "Changes of each class's recall in percentage points, where they are larger than their standard error over "
            "the seeds; a class that is answered less often is right less often, unless it was answered too often."
        )
    ]
    compared = [column for column in columns if column.better]
    guide = reading_guide(differences(named, usual, compared), usual)
    told = f"Mean ± standard error over {len(config.seeds)} seeds. {ties(table)}" if len(config.seeds) > 1 else ""
    parts += [paragraph(text) for text in (told, guide) if text]
    parts.append("\n".join(f"- **{column.label}**: {column.words}" for column in columns if column.words))
    parts += filter(None, [paragraph(config.look_at)])
    titles_of = {cell.name: cell.title for cell in config.cells()}
    failed = [row for row in rows if row.get("error")]
    parts += [paragraph(LACKING)] if failed else []
    parts += [f"Failed: {titles_of[row['strategy']]}, seed {row['seed']}: {one_line(row['error'])}" for row in failed]
    return "\n\n".join(parts) + "\n"


def title_of(config: WeightsConfig) -> str:
    """The headline; on validation images it says so."""
    return f"{config.name}: {VALIDATION}, the test is unopened" if config.validation else config.name


def _named(config: WeightsConfig, rows: Sequence[Row]) -> list[Row]:
    titles = {cell.name: cell.title for cell in config.cells()}
    return [{**row, "strategy": titles[row["strategy"]]} for row in rows]


def _columns(config: WeightsConfig, rows: Sequence[Row]) -> list[Column]:
    columns = (*ALL, *of_raised(config.raised))
    return [column for column in columns if any(row.get(column.key) is not None for row in rows)]
