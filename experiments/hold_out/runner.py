"""Methods × seeds, one after the other, in a folder that can be taken up again."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from experiments.hold_out.config import HoldOutConfig
from experiments.hold_out.division import HeldOut, Material, hold_out, load_material
from experiments.hold_out.measurement import BY_DISTRIBUTION, Bench
from experiments.hold_out.writing import write_tables
from experiments.journal import Journal, duration
from experiments.record import begin_record, made_in_words
from experiments.results import ExperimentFolder
from experiments.runner import Outcome
from experiments.tables import Row
from hierclf.errors import ConfigError, HierclfError
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
        ConfigError: earlier results in the folder were measured on other images.
    """
    config = experiment.config
    made = begin_record(folder, journal, command=command, seeds=config.seeds)
    rows: list[Row] = []
    sentences: dict[int, list[str]] = {}
    for seed in config.seeds:
        held_out = experiment.held_out(seed)
        folder.write_division(held_out)
        sentences[seed] = held_out.sentences()
        bench = Bench(held_out, next(iter(experiment.strategies.values())), seed=seed)
        for name in experiment.titles:
            row = earlier_row(folder, name, seed, held_out) or _measured(experiment, bench, name, folder, journal)
            rows.append(row)
    order = list(experiment.titles)
    rows.sort(key=lambda row: (order.index(row["strategy"]), row["seed"]))
    table = write_tables(folder, config, rows, experiment.titles, sentences, made_in_words(made))
    failed = tuple(row for row in rows if row["error"])
    if not failed:
        folder.finish()
    return Outcome(folder=folder, table=table, failed=failed)


def earlier_row(folder: ExperimentFolder, name: str, seed: int, held_out: HeldOut) -> Row | None:
    """The row of an earlier process, unless it holds an error.

    Raises:
        ConfigError: it was measured on other images.
    """
    row = folder.row(name, seed)
    if row is None or row["error"]:
        return None
    if row["split"] != held_out.checksum:
        raise ConfigError(
            f"{folder.path} was measured on other images than there are now (seed {seed}: {row['split']}, now "
            f"{held_out.checksum}); put the data back as it was, or start a new run"
        )
    return row


def _measured(
    experiment: HoldOutExperiment, bench: Bench, name: str, folder: ExperimentFolder, journal: Journal
) -> Row:
    """The row of a method."""
    row: Row = {"strategy": name, "seed": bench.seed, "split": bench.held_out.checksum, "error": None}
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
        row: ``strategy``, ``seed``, ``split`` and no error yet.
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
