"""Seeds × levels × classes, one by one, in a folder that can be taken up again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import torch

from experiments.checksums import taxonomy_checksum
from experiments.hold_out.runner import measured_row
from experiments.journal import Journal
from experiments.marks import Marks, outdated_cells
from experiments.record import begin_record, made_in_words
from experiments.results import ExperimentFolder
from experiments.runner import Outcome
from experiments.tables import Row
from experiments.weights.config import WeightsConfig
from experiments.weights.division import Divided, Material, divide, load_material
from experiments.weights.measurement import Bench
from experiments.weights.writing import write_tables
from hierclf.errors import ConfigError


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightsExperiment:
    """A config with its data at hand."""

    config: WeightsConfig
    material: Material

    def divided(self, seed: int) -> Divided:
        """Which image is for what, by the seed."""
        return divide(self.material, self.config, seed=seed)


def prepare(config: WeightsConfig, journal: Journal) -> WeightsExperiment:
    """Read the data of a config, and divide it for its first seed.

    Raises:
        HierclfError: something that the user can mend; nothing has been written.
    """
    torch.set_num_threads(config.threads or torch.get_num_threads())
    journal.say(f"{config.name}: reading the data ({config.data.source})")
    experiment = WeightsExperiment(config=config, material=load_material(config))
    journal.say(f"  {experiment.divided(config.seeds[0]).sentence()}")
    taxonomy = experiment.material.taxonomy
    missing = [name for name in config.raised if name not in taxonomy]
    if missing:
        raise ConfigError(f"raised: the data holds no image of {missing[0]!r}")
    return experiment


def run(experiment: WeightsExperiment, folder: ExperimentFolder, journal: Journal, *, command: str) -> Outcome:
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
    order = [cell.name for cell in config.cells()]
    table = ""
    for seed in config.seeds:
        divided = experiment.divided(seed)
        folder.write(f"splits/{divided.checksum}.csv", divided.to_csv())
        rows += _rows_of(experiment, divided, seed, folder, journal)
        rows.sort(key=lambda row: (order.index(row["strategy"]), row["seed"]))
        table = write_tables(folder, config, rows, divided.sentence(), made_in_words(made))
    failed = tuple(row for row in rows if row["error"])
    if not failed:
        folder.finish()
    return Outcome(folder=folder, table=table, failed=failed)


def outdated(config: WeightsConfig, folder: ExperimentFolder) -> bool:
    """Whether a run that came to its end lacks a row of its config, as it stands now."""
    wanted = {(cell.name, seed): config.checksum(cell, seed=seed) for cell in config.cells() for seed in config.seeds}
    return outdated_cells(folder, wanted)


def _rows_of(
    experiment: WeightsExperiment, divided: Divided, seed: int, folder: ExperimentFolder, journal: Journal
) -> list[Row]:
    @cache
    def bench() -> Bench:
        return Bench(divided, experiment.config, seed=seed)

    rows: list[Row] = []
    for cell in experiment.config.cells():
        settings = experiment.config.checksum(cell, seed=seed)
        marks = Marks(split=divided.checksum, taxonomy=taxonomy_checksum(divided.taxonomy), settings=settings)
        row = marks.earlier(folder, cell.name, seed)
        if row is None:
            fresh = marks.row(cell.name, seed)
            measure = partial(lambda cell: bench().measure(cell), cell)
            row = measured_row(fresh, f"{cell.title}, seed {seed}", measure, folder, journal, _told)
        rows.append(row)
    return rows


def _told(row: Row) -> str:
    """A row in half a sentence."""
    return (
        f"right class {100 * row['leaf_accuracy']:.1f} %, mean recall {100 * row['balanced_accuracy']:.1f} %, worst "
        f"class {100 * row['worst_class_recall']:.1f} %"
    )
