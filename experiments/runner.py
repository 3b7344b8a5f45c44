"""Strategies × seeds in a folder that can be taken up again, in one process or in several.

Whatever can be wrong with a config or its data is found before the folder is made. From then on every result is written
as soon as it is there, and a strategy that fails costs its own cells and no others. A cell is measured again when it
failed, or when the settings of its strategy are others than those that it was measured with; a run on other images or
with another taxonomy is another run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from experiments.cells import Event, Measured, Noted, Started, Unit, Workshop, units_of
from experiments.checksums import settings_checksum, taxonomy_checksum
from experiments.config import Config
from experiments.experiment import Experiment
from experiments.journal import Journal, Outlook, duration
from experiments.marks import Marks, outdated_cells
from experiments.record import begin_record, made_in_words
from experiments.results import ExperimentFolder
from experiments.sealed import Openings
from experiments.tables import Row
from experiments.workers import in_parallel, threads_for


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """How a run ended.

    Args:
        folder: where everything is.
        table: the comparison in Markdown.
        failed: the rows that hold an error.
    """

    folder: ExperimentFolder
    table: str
    failed: tuple[Row, ...]


def run(experiment: Experiment, folder: ExperimentFolder, journal: Journal, *, command: str) -> Outcome:
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
    kept, missing, marks = _kept(experiment, folder, journal)
    units = units_of(missing, experiment.strategies, marks)
    processes = max(1, min(config.processes or 1, len(units)))
    threads = threads_for(processes, config.threads) if processes > 1 else torch.get_num_threads()
    made = begin_record(folder, journal, command=command, seeds=config.seeds, threads=threads, processes=processes)
    openings = Openings(path=folder.path) if config.validation else Openings.begin(folder.path)
    workshop = Workshop(
        experiment=experiment, folder=folder, openings=openings, made=made_in_words(made), shared=processes > 1
    )
    if processes > 1:
        asked = (
            f" ({config.processes} were asked for, there is work for no more)" if config.processes != processes else ""
        )
        journal.say(f"{processes} processes of {threads} thread{'s' if threads > 1 else ''} each{asked}")
    events = _events(workshop, units, processes=processes, threads=threads)
    rows = [
        *kept,
        *_followed(events, experiment, folder, journal, kept=len(kept), missing=missing, processes=processes),
    ]
    order = list(experiment.strategies)
    rows.sort(key=lambda row: (order.index(row["strategy"]), config.seeds.index(row["seed"])))
    sentences = experiment.division(config.seeds[0]).sentences()
    table = folder.write_tables(
        config,
        rows,
        sentences,
        made_in_words(made),
        strategies=experiment.strategies,
        baseline=experiment.baseline,
        footer="" if config.validation else openings.sentence(),
    )
    failed = tuple(row for row in rows if row["error"])
    if not failed:
        folder.finish()
    return Outcome(folder=folder, table=table, failed=failed)


def outdated(config: Config, folder: ExperimentFolder) -> bool:
    """Whether a run that came to its end lacks a cell of its config, as it stands now."""
    strategies = config.built()
    wanted = {(name, seed): settings_checksum(one) for name, one in strategies.items() for seed in config.seeds}
    return outdated_cells(folder, wanted)


def _kept(
    experiment: Experiment, folder: ExperimentFolder, journal: Journal
) -> tuple[list[Row], list[tuple[str, int]], dict[int, tuple[str, str]]]:
    """The rows of earlier processes that still hold, the cells to measure, and the checksums of each seed."""
    kept: list[Row] = []
    missing: list[tuple[str, int]] = []
    changed: dict[str, None] = {}
    marks: dict[int, tuple[str, str]] = {}
    for seed in experiment.config.seeds:
        division = experiment.division(seed)
        folder.write_division(division)
        split, taxonomy = marks[seed] = division.checksum, taxonomy_checksum(division.taxonomy)
        for name, strategy in experiment.strategies.items():
            wanted = Marks(split=split, taxonomy=taxonomy, settings=settings_checksum(strategy))
            row = wanted.earlier(folder, name, seed)
            if row is not None:
                kept.append(row)
                continue
            missing.append((name, seed))
            before = folder.row(name, seed)
            changed |= {name: None} if before is not None and not before["error"] else {}
    if changed:
        journal.say(f"other settings than before, so measured anew: {', '.join(changed)}")
    return kept, missing, marks


def _events(workshop: Workshop, units: Sequence[Unit], *, processes: int, threads: int) -> Iterator[Event]:
    """What happens while units are measured, here or in other processes."""
    if processes > 1:
        yield from in_parallel(workshop, units, processes=processes, threads=threads)
    else:
        for unit in units:
            yield from workshop.measure(unit)


def _followed(
    events: Iterator[Event],
    experiment: Experiment,
    folder: ExperimentFolder,
    journal: Journal,
    *,
    kept: int,
    missing: Sequence[tuple[str, int]],
    processes: int,
) -> Iterator[Row]:
    """The rows that come up, each written down and told at once."""
    waiting, cells, places = list(missing), kept + len(missing), dict[tuple[str, int], str]()
    outlook = Outlook(processes)
    for event in events:
        if isinstance(event, Noted):
            journal.note(event.text)
            continue
        if isinstance(event, Started):
            number = kept + len(places) + 1
            title = experiment.strategies[event.name].title
            places[event.name, event.seed] = f"[{number}/{cells}] {title}, seed {event.seed}"
            journal.say(f"{places[event.name, event.seed]} …")
            continue
        assert isinstance(event, Measured)
        row = event.row
        cell = row["strategy"], row["seed"]
        folder.write_row(row)
        waiting.remove(cell)
        outlook.add(row["strategy"], event.seconds)
        left = outlook.left([name for name, _ in waiting])
        told = f"{places[cell]}: {_told(row)}, {duration(event.seconds)} in all"
        journal.say(told + (f"; about {duration(left)} left" if left else ""))
        yield row


def _told(row: Row) -> str:
    """A row in half a sentence."""
    if row["error"]:
        return f"failed: {row['error']}"
    told = [f"right class {_percent(row['leaf_accuracy'])}", f"known turned away {_percent(row['known_rejected'])}"]
    if row.get("unknown_accepted_unseen") is not None:
        told.append(f"new other accepted {_percent(row['unknown_accepted_unseen'])}")
    return f"{', '.join(told)}, {duration(row['fit_seconds'])} to fit"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
