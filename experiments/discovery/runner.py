"""Problems × ways × seeds, one after the other, in a folder that can be taken up again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from experiments.checksums import taxonomy_checksum
from experiments.discovery.config import DiscoveryConfig
from experiments.discovery.material import Material, load_material, problem_from
from experiments.discovery.planted import Planting, plant
from experiments.discovery.problem import Problem
from experiments.discovery.ways import Way, ways
from experiments.discovery.writing import write_tables
from experiments.hold_out.runner import measured_row
from experiments.journal import Journal
from experiments.marks import Marks, outdated_cells
from experiments.record import begin_record, made_in_words
from experiments.results import ExperimentFolder
from experiments.runner import Outcome
from experiments.tables import Row
from hierclf.discovery.agreement import compare


@dataclass(frozen=True, kw_only=True, eq=False)
class DiscoveryExperiment:
    """A config with its images at hand, if it has any."""

    config: DiscoveryConfig
    material: Material | None

    def problems(self, seed: int) -> Iterator[Problem]:
        """What is to be found, by the seed: one problem for images, one per kind of planted data."""
        if self.material is not None:
            yield problem_from(self.material, self.config, seed)
        elif self.config.planted is not None:
            for cell in self.config.planted.cells():
                yield planted_problem(plant(cell, seed), plenty=self.config.planted.plenty)


def planted_problem(planting: Planting, *, plenty: int | None) -> Problem:
    """What a planted tree makes of a problem.

    Args:
        planting: the tree and its classes.
        plenty: images of a class that are very many, or None where more are not to be had.
    """
    embedding_nD, labels = planting.drawn()
    digest = hashlib.sha256(embedding_nD.tobytes() + "\n".join(labels).encode())
    return Problem(
        reference=planting.taxonomy,
        labels=labels,
        read=lambda: embedding_nD,
        checksum=digest.hexdigest()[:16],
        cell=planting.cell.name,
        plenty=None if plenty is None else lambda: planted_problem(planting.with_images(plenty), plenty=None),
    )


def prepare(config: DiscoveryConfig, journal: Journal) -> DiscoveryExperiment:
    """Read the images of a config, if it names any.

    Raises:
        HierclfError: something that the user can mend; nothing has been written.
    """
    torch.set_num_threads(config.threads or torch.get_num_threads())
    material = None
    if config.data is not None:
        journal.say(f"{config.name}: reading the data ({config.data.source})")
        material = load_material(config)
    experiment = DiscoveryExperiment(config=config, material=material)
    for sentence in sentences_of(experiment):
        journal.say(f"  {sentence}")
    return experiment


def sentences_of(experiment: DiscoveryExperiment) -> list[str]:
    """What there is to find with the first seed, for a reader."""
    seed = experiment.config.seeds[0]
    return [f"{problem.cell or 'Seed'} {seed}: {problem.sentence()}." for problem in experiment.problems(seed)]


def run(experiment: DiscoveryExperiment, folder: ExperimentFolder, journal: Journal, *, command: str) -> Outcome:
    """Measure what has not been measured yet, and write it all down.

    Args:
        experiment: from `prepare`.
        folder: a new one, or that of a run that was cut off or in which something failed.
        journal: who is told.
        command: to put on record.

    Raises:
        ConfigError: earlier results in the folder were measured on other images, or with another reference.
    """
    config = experiment.config
    made = begin_record(folder, journal, command=command, seeds=config.seeds)
    rows: list[Row] = []
    for seed in config.seeds:
        for problem in experiment.problems(seed):
            if problem.listed:
                folder.write(f"splits/{problem.checksum}.csv", problem.listed)
            marks = Marks(
                split=problem.checksum, taxonomy=taxonomy_checksum(problem.reference), settings=config.checksum
            )
            for name in config.chosen_ways():
                row = marks.earlier(folder, _place(name, problem.cell), seed)
                row = row or _measured(problem, name, seed, marks, folder, journal)
                rows.append({**row, "strategy": name})
    order = list(config.chosen_ways())
    rows.sort(key=lambda row: order.index(row["strategy"]))
    table = write_tables(folder, config, rows, sentences_of(experiment), made_in_words(made))
    failed = tuple(row for row in rows if row["error"])
    if not failed:
        folder.finish()
    return Outcome(folder=folder, table=table, failed=failed)


def judged(problem: Problem, way: Way, seed: int) -> dict[str, Any]:
    """The scores of what a way finds."""
    assert len(problem.distances) == len(problem.reference.leaves), "every class has images"
    started = time.perf_counter()
    found = way.find(problem, seed)
    seconds = time.perf_counter() - started
    scores = compare(found, problem.reference).to_dict()
    return {**{name: value for name, value in scores.items() if not isinstance(value, list)}, "seconds": seconds}


def outdated(config: DiscoveryConfig, folder: ExperimentFolder) -> bool:
    """Whether a run that came to its end lacks a row of its config, as it stands now."""
    cells = [""] if config.planted is None else [cell.name for cell in config.planted.cells()]
    names = [_place(name, cell) for name in config.chosen_ways() for cell in cells]
    return outdated_cells(folder, {(name, seed): config.checksum for name in names for seed in config.seeds})


def _measured(problem: Problem, name: str, seed: int, marks: Marks, folder: ExperimentFolder, journal: Journal) -> Row:
    """The row of a way: its scores, or the error that it failed with."""
    way = ways[name]
    row = {**marks.row(_place(name, problem.cell), seed), "cell": problem.cell}
    place = f"{problem.cell}, {way.title}, seed {seed}" if problem.cell else f"{way.title}, seed {seed}"
    return measured_row(row, place, lambda: judged(problem, way, seed), folder, journal, _told)


def _place(name: str, cell: str) -> str:
    """Under which name a row is kept."""
    return f"{cell.replace(' ', '_')}/{name}" if cell else name


def _told(row: Row) -> str:
    """A row in half a sentence."""
    return f"clade F1 {row['clade_f1']:.2f}, triplet F1 {row['triplet_f1']:.2f}, {row['found_clades']} groups"
