"""Features × seeds × ways to use a taxonomy × taxonomies, one by one, in a folder that can be taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch

from experiments.hold_out.division import HeldOut, Material, hold_out, load_material
from experiments.hold_out.runner import marks_of, measured_row
from experiments.journal import Journal
from experiments.marks import outdated_cells
from experiments.record import begin_record, made_in_words
from experiments.results import ExperimentFolder
from experiments.runner import Outcome
from experiments.tables import Row
from experiments.worth.config import Cell, WorthConfig
from experiments.worth.measurement import Bench
from experiments.worth.writing import write_tables


@dataclass(frozen=True, kw_only=True, eq=False)
class WorthExperiment:
    """A config with its data at hand."""

    config: WorthConfig
    material: Material

    def held_out(self, seed: int) -> HeldOut:
        """Which image is for what, by the seed."""
        return hold_out(self.material, self.config, seed=seed)


def prepare(config: WorthConfig, journal: Journal) -> WorthExperiment:
    """Read the data of a config, and draw for its first seed.

    Raises:
        HierclfError: something that the user can mend; nothing has been written.
    """
    torch.set_num_threads(config.threads or torch.get_num_threads())
    journal.say(f"{config.name}: reading the data ({config.data.source})")
    experiment = WorthExperiment(config=config, material=load_material(config))
    for sentence in experiment.held_out(config.seeds[0]).sentences():
        journal.say(f"  {sentence}")
    return experiment


def run(experiment: WorthExperiment, folder: ExperimentFolder, journal: Journal, *, command: str) -> Outcome:
    """Measure what has not been measured yet, and write it all down.

    Args:
        experiment: from `prepare`.
        folder: a new one, or that of a run that was cut off or in which something failed.
        journal: who is told.
        command: to put on record.

    Raises:
        ConfigError: earlier results in the folder were measured on other images, or with another taxonomy.
    """
    config = experiment.config
    made = begin_record(folder, journal, command=command, seeds=config.seeds)
    rows: list[Row] = []
    order = [cell.name for cell in config.all_cells()]
    held_out = {seed: experiment.held_out(seed) for seed in config.seeds}
    sentences = {seed: division.sentences() for seed, division in held_out.items()}
    table = ""
    for features in config.features:
        for seed in config.seeds_of(features):
            folder.write_division(held_out[seed])
            cells = [cell for cell in config.cells(seed) if cell.features == features]
            rows += _rows_of(cells, config, held_out[seed], seed, folder, journal)
            rows.sort(key=lambda row: (order.index(row["strategy"]), row["seed"]))
            table = write_tables(folder, config, rows, sentences, made_in_words(made))  # who stops early has the rest
    failed = tuple(row for row in rows if row["error"])
    if not failed:
        folder.finish()
    return Outcome(folder=folder, table=table, failed=failed)


def outdated(config: WorthConfig, folder: ExperimentFolder) -> bool:
    """Whether a run that came to its end lacks a row of its config, as it stands now."""
    wanted = {(c.name, seed): config.checksum(c, seed=seed) for seed in config.seeds for c in config.cells(seed)}
    return outdated_cells(folder, wanted)


def _rows_of(
    cells: Sequence[Cell], config: WorthConfig, held_out: HeldOut, seed: int, folder: ExperimentFolder, journal: Journal
) -> list[Row]:
    @cache
    def bench() -> Bench:
        return Bench(held_out, config, seed=seed)

    def measure(cell: Cell) -> dict[str, Any]:
        metrics = bench().measure(cell)
        _keep_tree(cell.tree, bench(), folder)
        return metrics

    rows: list[Row] = []
    for cell in cells:
        marks = marks_of(held_out, config.checksum(cell, seed=seed))
        row = marks.earlier(folder, cell.name, seed)
        if row is None:
            fresh = marks.row(cell.name, seed)
            place = f"{cell.features}, {config.title_of(cell)}, seed {seed}"
            row = measured_row(fresh, place, partial(measure, cell), folder, journal, _told)
        rows.append(row)
    return rows


def _keep_tree(name: str, bench: Bench, folder: ExperimentFolder) -> None:
    """The taxonomy itself, for who wants to look at it."""
    place = folder.path / "taxonomies" / f"seed-{bench.seed}" / f"{name}.yaml"
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        bench.tree(name).to_yaml(place)


def _told(row: Row) -> str:
    """A row in half a sentence."""
    return (
        f"right class {100 * row['leaf_accuracy']:.1f} %, AP(info) {100 * row['ap_info']:.1f} %, "
        f"BMHD mix {row['bmhd_mix_promise'] or float('nan'):.2f}"
    )
