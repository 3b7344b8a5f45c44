"""Methods × seeds, one after the other, in a folder that can be taken up again."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from experiments.checksums import settings_checksum, taxonomy_checksum
from experiments.hold_out.config import HoldOutConfig
from experiments.hold_out.division import HeldOut, Material, hold_out, load_material
from experiments.hold_out.measurement import BY_DISTRIBUTION, Bench
from experiments.hold_out.writing import write_tables
from experiments.journal import Journal, duration
from experiments.marks import Marks, outdated_cells
from experiments.record import begin_record, made_in_words
from experiments.results import ExperimentFolder
from experiments.runner import Outcome
from experiments.tables import Row
from hierclf.errors import HierclfError
from hierclf.strategies import Strategy


@dataclass(frozen=True, kw_only=True, eq=False)
class HoldOutExperiment:
    """A config with its data at hand."""

    config: HoldOutConfig
    strategies: Mapping[str, Strategy]
    material: Material

    @property
    def titles(self) -> dict[str, str]:
        """What to call each row, ours first."""
        ours = {name: strategy.title for name, strategy in self.strategies.items()}
        if self.config.by_distribution:
            ours[BY_DISTRIBUTION] = f"{next(iter(ours.values()))}, by its distribution"
        return ours | {name: name for name in self.config.chosen_references()}

    def held_out(self, seed: int) -> HeldOut:
        """Which image is for what, by the seed."""
        return hold_out(self.material, self.config, seed=seed)


def prepare(config: HoldOutConfig, journal: Journal) -> HoldOutExperiment:
    """Read the data of a config, and draw for its first seed.

    Raises:
        HierclfError: something that the user can mend; nothing has been written.
    """
    torch.set_num_threads(config.threads or torch.get_num_threads())
    journal.say(f"{config.name}: reading the data ({config.data.source})")
    experiment = HoldOutExperiment(config=config, strategies=config.built(), material=load_material(config))
    for sentence in experiment.held_out(config.seeds[0]).sentences():
        journal.say(f"  {sentence}")
    return experiment


def run(experiment: HoldOutExperiment, folder: ExperimentFolder, journal: Journal, *, command: str) -> Outcome:
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
    sentences: dict[int, list[str]] = {}
    settings = checksums(config)
    for seed in config.seeds:
        held_out = experiment.held_out(seed)
        folder.write_division(held_out)
        sentences[seed] = held_out.sentences()
        bench = Bench(held_out, next(iter(experiment.strategies.values())), seed=seed)
        for name in experiment.titles:
            marks = marks_of(held_out, settings[name])
            row = marks.earlier(folder, name, seed)
            rows.append(row or _measured(experiment, bench, name, marks, folder, journal))
    order = list(experiment.titles)
    rows.sort(key=lambda row: (order.index(row["strategy"]), row["seed"]))
    table = write_tables(folder, config, rows, experiment.titles, sentences, made_in_words(made))
    failed = tuple(row for row in rows if row["error"])
    if not failed:
        folder.finish()
    return Outcome(folder=folder, table=table, failed=failed)


def outdated(config: HoldOutConfig, folder: ExperimentFolder) -> bool:
    """Whether a run that came to its end lacks a row of its config, as it stands now."""
    wanted = {(name, seed): told for name, told in checksums(config).items() for seed in config.seeds}
    return outdated_cells(folder, wanted)


def checksums(config: HoldOutConfig) -> dict[str, str]:
    """Of the settings that each method depends on, by name; references take the network of our first row."""
    ours = {name: settings_checksum(strategy) for name, strategy in config.built().items()}
    theirs = dict.fromkeys((BY_DISTRIBUTION, *config.chosen_references()), next(iter(ours.values())))
    if not config.by_distribution:
        del theirs[BY_DISTRIBUTION]
    return ours | theirs


def marks_of(held_out: HeldOut, settings: str) -> Marks:
    """What a row is measured with, given the checksum of its settings."""
    return Marks(split=held_out.checksum, taxonomy=taxonomy_checksum(held_out.drawing.known), settings=settings)


def _measured(
    experiment: HoldOutExperiment,
    bench: Bench,
    name: str,
    marks: Marks,
    folder: ExperimentFolder,
    journal: Journal,
) -> Row:
    """The row of a method."""
    row = marks.row(name, bench.seed)
    strategy = experiment.strategies.get(name)
    measure: Callable[[], dict[str, Any]] = (
        (lambda: bench.measure_reference(name)) if strategy is None else (lambda: bench.measure_ours(strategy))
    )
    return measured_row(row, f"{experiment.titles[name]}, seed {bench.seed}", measure, folder, journal)


def measured_row(
    row: Row,
    place: str,
    measure: Callable[[], dict[str, Any]],
    folder: ExperimentFolder,
    journal: Journal,
    told: Callable[[Row], str] | None = None,
) -> Row:
    """A row with its metrics, or with the error that it failed with; it is written down at once.

    Args:
        row: of `experiments.marks.Marks.row`.
        place: what to call it in the journal.
        measure: gives the metrics.
        folder: where it is kept.
        journal: who is told.
        told: a row in half a sentence.
    """
    journal.say(f"{place} …")
    started = time.perf_counter()
    try:
        row |= measure()
        journal.say(f"{place}: {(told or _told)(row)}, {duration(time.perf_counter() - started)}")
    except Exception as error:  # whatever a method does, the others go on
        journal.note(traceback.format_exc())
        text = str(error) if isinstance(error, HierclfError) else f"{type(error).__name__}: {error}"
        row["error"] = text or type(error).__name__
        journal.say(f"{place}: failed: {row['error']}")
    folder.write_row(row)
    return row


def _told(row: Row) -> str:
    """A row in half a sentence."""
    return (
        f"BMHD known {row['bmhd_known_promise']:.2f}, novel {row['bmhd_novel_promise']:.2f}, "
        f"known called novel {100 * row['known_rejected']:.1f} %"
    )
