"""The rows of an experiment about the worth of a taxonomy as Markdown, CSV, JSON and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.hold_out.writing import promise_sentences
from experiments.results import ExperimentFolder
from experiments.tables import Row, aligned, as_csv, means, one_line, paragraph
from experiments.worth.columns import COMPARED, COST, KNOWN, NOVEL, TABLES, TREES
from experiments.worth.config import Cell, WorthConfig
from experiments.worth.differences import FEWEST_SEEDS, Difference, differences, plain
from experiments.worth.trees import FLAT, trees
from hierclf.report import Column, markdown_table, write_comparison
from hierclf.report.comparison import LACKING

Told = Mapping[tuple[str, str], Mapping[str, Difference]]


def write_tables(
    folder: ExperimentFolder,
    config: WorthConfig,
    rows: Sequence[Row],
    sentences: Mapping[int, Sequence[str]],
    made: Mapping[str, str],
) -> str:
    """Write all that compares the taxonomies.

    Args:
        folder: where to.
        config: of the experiment.
        rows: one per cell and seed, the cell's name as ``strategy``.
        sentences: what was held out, by seed.
        made: how the run was made, text by label.

    Returns:
        The tables in Markdown.
    """
    told = differences(rows, [*against_flat(config), *against_twins(config)], COMPARED)
    document = {"name": config.name, "runs": list(rows), "means": means(rows), "differences": plain(told)}
    folder.write_json("metrics.json", document)
    folder.write("metrics.csv", as_csv(rows))
    titles = _titles(config)
    named = [
        {**row, "strategy": titles[row["strategy"]], "protocol": _features_title(config, row["strategy"])}
        for row in rows
    ]
    columns = _with_values((*KNOWN, *NOVEL, *COST), rows)
    notes = [*filter(None, [one_line(config.about), one_line(config.look_at)]), *promise_sentences(rows)]
    notes += [f"{headline}: {sentence}" for headline, told_ in verdicts(config, told).items() for sentence in told_]
    write_comparison(
        folder.path / "report.html", title=config.name, rows=named, columns=columns, notes=notes, made=made
    )
    table = as_markdown(config, rows, told, sentences)
    folder.write("table.md", table)
    return table


def as_markdown(config: WorthConfig, rows: Sequence[Row], told: Told, sentences: Mapping[int, Sequence[str]]) -> str:
    """What was done, the verdict, the tables, what their columns mean, and what was held out by which seed."""
    parts = [f"# {config.name}", *filter(None, [paragraph(config.about)])]
    for headline, sentences_ in verdicts(config, told).items():
        parts += [f"## {headline}", "\n".join(f"- {sentence}" for sentence in sentences_)]
    parts += ["## The taxonomies", *_table(_tree_rows(config, rows), TREES, "taxonomy")]
    titles = _titles(config)
    for features in config.features:
        own = [
            {**row, "strategy": titles[row["strategy"]]} for row in rows if row["strategy"].startswith(f"{features}/")
        ]
        title = config.features[features].title or features
        for headline, group in TABLES.items():
            parts += [f"## {headline}, {title}", *_table(own, group, "taxonomy")]
        pairs = {
            "less flat": [pair for pair in against_flat(config) if pair[0].startswith(f"{features}/")],
            "less a random tree of the same shape": [
                pair for pair in against_twins(config) if pair[0].startswith(f"{features}/")
            ],
        }
        for headline, chosen in pairs.items():
            text = _difference_table(chosen, told, titles)
            parts += [f"## Each taxonomy {headline}, {title}", text] if text else []
    parts.append(
        f"Mean ± standard error over seeds ({_seeds_told(config)}); the best of each column is bold. Differences "
        "are taken within each seed, shares in percentage points; a difference is called better or worse where zero "
        "lies outside its 95 % interval (Student's t). Of twenty differences that are none, one is called so by chance."
    )
    shown = _with_values((*TREES, *KNOWN, *NOVEL, *COST), rows)
    words = [f"- **{column.label}**: {column.words}" for column in shown if column.words]
    parts.append("\n".join(words))
    parts += [paragraph(sentence) for sentence in promise_sentences(rows)]
    parts += filter(None, [paragraph(config.look_at)])
    parts += ["\n".join(f"- Seed {seed}: {' '.join(lines)}" for seed, lines in sentences.items())]
    failed = [row for row in rows if row.get("error")]
    parts += [paragraph(LACKING)] if failed else []
    parts += [f"Failed: {row['strategy']}, seed {row['seed']}: {one_line(row['error'])}" for row in failed]
    return "\n\n".join(parts) + "\n"


def against_flat(config: WorthConfig) -> list[tuple[str, str]]:
    """Names of rows, each with that of the flat row on the same features."""
    if FLAT not in config.trees:
        return []
    return [
        (cell.name, Cell(features=cell.features, variant=config.variants_of(cell.features)[0], tree=FLAT).name)
        for cell in config.all_cells()
        if cell.tree != FLAT
    ]


def against_twins(config: WorthConfig) -> list[tuple[str, str]]:
    """Names of rows, each with that of its random twin, trained in the same way on the same features."""
    return [
        (cell.name, Cell(features=cell.features, variant=cell.variant, tree=twin).name)
        for cell in config.all_cells()
        if (twin := trees[cell.tree].twin) in config.trees and twin is not None
    ]


def verdicts(config: WorthConfig, told: Told) -> dict[str, list[str]]:
    """What the declared and the discovered taxonomy buy and cost, in sentences."""
    titles = _titles(config)
    found: dict[str, list[str]] = {}
    for headline, pairs in (
        ("What it buys over no taxonomy", against_flat(config)),
        ("What it buys over a random one of the same shape", against_twins(config)),
    ):
        lines = [
            f"{_features_title(config, name)}, {titles[name]}: {_verdict(told[name, other])}"
            for name, other in pairs
            if (name, other) in told and trees[name.split("/")[-1]].twin is not None and _several(told[name, other])
        ]
        if lines:
            found[headline] = lines
    return found


def _several(by_metric: Mapping[str, Difference]) -> bool:
    """Whether there are seeds enough to tell a difference from chance."""
    return any(one.seeds >= FEWEST_SEEDS for one in by_metric.values())


def _verdict(by_metric: Mapping[str, Difference]) -> str:
    sorted_: dict[str, list[str]] = {"better": [], "worse": [], "": []}
    for column in COMPARED:
        one = by_metric.get(column.key)
        if one is not None:
            text = one.text(column).strip("*").removesuffix(" better").removesuffix(" worse")
            verdict = one.verdict(column)
            sorted_[verdict].append(f"{column.label} {text}" if verdict else column.label)
    words = {"better": "better", "worse": "worse", "": "no clear difference"}
    return "; ".join(f"{words[key]}: {', '.join(entries)}" for key, entries in sorted_.items() if entries) + "."


def _difference_table(pairs: Sequence[tuple[str, str]], told: Told, titles: Mapping[str, str]) -> str:
    """The differences as Markdown, or nothing where there is none."""
    chosen = [pair for pair in pairs if pair in told]
    columns = [column for column in COMPARED if any(column.key in told[pair] for pair in chosen)]
    if not chosen or not columns:
        return ""
    arrows = {"higher": " ↑", "lower": " ↓", "": ""}
    lines = ["| taxonomy | " + " | ".join(column.label + arrows[column.better] for column in columns) + " |"]
    lines.append("|:---|" + "---:|" * len(columns))
    for pair in chosen:
        cells = [told[pair][column.key].text(column) if column.key in told[pair] else "–" for column in columns]
        lines.append(f"| {titles[pair[0]]} | {' | '.join(cells)} |")
    return aligned("\n".join(lines))


def _table(rows: Sequence[Row], group: Sequence[Column], first: str) -> list[str]:
    columns = _with_values(group, rows)
    if not columns:
        return []
    return [aligned(markdown_table(rows, columns).replace("| strategy |", f"| {first} |", 1))]


def _tree_rows(config: WorthConfig, rows: Sequence[Row]) -> list[Row]:
    """One row per taxonomy and seed: what is said about it is the same whatever learns with it."""
    found: dict[tuple[str, int], Row] = {}
    for row in rows:
        tree = row["strategy"].split("/")[-1]
        if row.get("clade_f1") is not None or row.get("meta_classes") is not None:
            found.setdefault((tree, row["seed"]), {**row, "strategy": trees[tree].title})
    return [found[tree, seed] for tree in config.trees for seed in config.seeds if (tree, seed) in found]


def _seeds_told(config: WorthConfig) -> str:
    return ", ".join(f"{_features_title(config, name)}: {len(config.seeds_of(name))}" for name in config.features)


def _titles(config: WorthConfig) -> dict[str, str]:
    return {cell.name: config.title_of(cell) for cell in config.all_cells()}


def _features_title(config: WorthConfig, name: str) -> str:
    features = name.split("/")[0]
    return config.features[features].title or features


def _with_values(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    return [column for column in columns if any(row.get(column.key) is not None for row in rows)]
