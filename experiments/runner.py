"""Strategies × seeds, one after the other, in a folder that can be taken up again.

Whatever can be wrong with a config or its data is found before the folder is made. From then on every result is written
as soon as it is there, and a strategy that fails costs its own cells and no others.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

import hierclf
from experiments.config import Config
from experiments.journal import Journal, duration
from experiments.measurement import Bench
from experiments.protocol import Division, content_hashes, divide, protocol_taxonomy
from experiments.results import ENVIRONMENT, LOG, ExperimentFolder
from experiments.sources import Pool, load_pool
from experiments.tables import Row
from hierclf.errors import ConfigError, HierclfError
from hierclf.runs import environment
from hierclf.strategies import Strategy
from hierclf.taxonomy import Taxonomy


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """A config with its data at hand."""

    config: Config
    strategies: Mapping[str, Strategy]
    pool: Pool
    hashes: dict[str, str]
    taxonomy: Taxonomy

    def division(self, seed: int) -> Division:
        """Which image is for what, by the seed."""
        return divide(self.pool, self.config, self.taxonomy, self.hashes, seed=seed)


def prepare(config: Config, journal: Journal) -> Experiment:
    """Read the data of a config and check that all of its strategies can use it.

    Raises:
        HierclfError: something that the user can mend; nothing has been written.
    """
    torch.set_num_threads(config.threads or torch.get_num_threads())
    journal.say(f"{config.name}: reading the data ({config.data.source})")
    pool = load_pool(config.data)
    experiment = Experiment(
        config=config,
        strategies=config.built(),
        pool=pool,
        hashes=content_hashes(pool),
        taxonomy=protocol_taxonomy(config, pool),
    )
    division = experiment.division(config.seeds[0])
    for sentence in division.sentences():
        journal.say(f"  {sentence}")
    lacking = [name for name, strategy in experiment.strategies.items() if strategy.needs_other]
    if lacking and division.other is None:
        raise ConfigError(
            f"strategies.{lacking[0]} learns from images of other, and the config gives none; "
            f"name some in classes.other, or leave the strategy out"
        )
    return experiment


def run(experiment: Experiment, folder: ExperimentFolder, journal: Journal, *, command: str) -> Outcome:
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
    journal.keep_in(folder.path / LOG)
    journal.note(command)
    made = {
        "command": command,
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "seeds": config.seeds,
        "threads": torch.get_num_threads(),
        "version": hierclf.__version__,
        **environment(),
    }
    folder.write_json(ENVIRONMENT, made)
    rows: list[Row] = []
    started, cells, fresh = time.perf_counter(), len(config.seeds) * len(experiment.strategies), 0
    for seed in config.seeds:
        division = experiment.division(seed)
        folder.write_division(division)
        bench: Bench | None = None
        for name, strategy in experiment.strategies.items():
            row = _earlier(folder, name, seed, division)
            if row is None:
                bench = bench or Bench(experiment.taxonomy, division, seed=seed)
                place = f"[{len(rows) + 1}/{cells}] {strategy.title}, seed {seed}"
                journal.say(f"{place} …")
                row = _measured(bench, name, strategy, folder, journal, made, first=seed == config.seeds[0])
                fresh += 1
                left = (time.perf_counter() - started) / fresh * (cells - len(rows) - 1)
                known = left and fresh >= len(experiment.strategies)  # shared networks make single cells a poor guide
                journal.say(f"{place}: {_told(row)}" + (f"; about {duration(left)} left" if known else ""))
                folder.write_row(row)
            rows.append(row)
    order = list(experiment.strategies)
    rows.sort(key=lambda row: (order.index(row["strategy"]), row["seed"]))
    sentences = experiment.division(config.seeds[0]).sentences()
    table = folder.write_tables(config, rows, sentences, made_in_words(made))
    failed = tuple(row for row in rows if row["error"])
    if not failed:
        folder.finish()
    return Outcome(folder=folder, table=table, failed=failed)


def made_in_words(made: Mapping[str, Any]) -> dict[str, str]:
    """How a run was made, text by label, for a page."""
    return {label: ", ".join(_listed(value)) for label, value in made.items()}


def _listed(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{name} {version}" for name, version in value.items())
    elif isinstance(value, (list, tuple)):
        yield from map(str, value)
    else:
        yield str(value)


def _earlier(folder: ExperimentFolder, name: str, seed: int, division: Division) -> Row | None:
    """The row of an earlier process, unless it holds an error."""
    row = folder.row(name, seed)
    if row is None or row["error"]:
        return None
    if row["split"] != division.checksum:
        raise ConfigError(
            f"{folder.path} was measured on other images than there are now (seed {seed}: {row['split']}, now "
            f"{division.checksum}); put the data back as it was, or start a new run"
        )
    return row


def _measured(
    bench: Bench,
    name: str,
    strategy: Strategy,
    folder: ExperimentFolder,
    journal: Journal,
    made: Mapping[str, Any],
    *,
    first: bool,
) -> Row:
    """The row of a strategy: its metrics, or the error that it failed with."""
    row: Row = {"strategy": name, "seed": bench.seed, "split": bench.division.checksum, "error": None}
    try:
        measurement = bench.measure(strategy)
        if first:
            folder.write_strategy(name, f"{folder.path.name}: {strategy.title}", measurement, made_in_words(made))
    except Exception as error:  # whatever a strategy does, the others go on
        journal.note(traceback.format_exc())
        text = str(error) if isinstance(error, HierclfError) else f"{type(error).__name__}: {error}"
        return {**row, "error": text or type(error).__name__}
    return {**row, **measurement.metrics}


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
