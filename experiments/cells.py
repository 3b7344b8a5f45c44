"""What is measured one by one: a strategy with a seed is a cell, and cells that share a network are a unit of work.

`Workshop` measures a unit and tells what happens as `Event`s, one after the other. Whether it does so in this process
or in another (`experiments.workers`) makes no difference to who listens.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from experiments.checksums import settings_checksum
from experiments.experiment import Experiment
from experiments.marks import Marks
from experiments.measurement import Bench, Measurement
from experiments.results import ExperimentFolder
from experiments.sealed import Judging, Lessons, Openings, SealedTest, ValidationImages
from experiments.tables import Row
from experiments.warming import Warmer
from hierclf.errors import HierclfError
from hierclf.strategies import Strategy


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Strategies that share a network, with one seed; they are measured by one process, in this order.

    Args:
        seed: of the fits and of the division of the images.
        names: of the strategies.
        split: checksum of the division.
        taxonomy: checksum of the taxonomy.
    """

    seed: int
    names: tuple[str, ...]
    split: str
    taxonomy: str

    def row(self, name: str, strategy: Strategy) -> Row:
        """The row of a cell before anything is measured."""
        return self.marks(strategy).row(name, self.seed)

    def marks(self, strategy: Strategy) -> Marks:
        """What a strategy is measured with."""
        return Marks(split=self.split, taxonomy=self.taxonomy, settings=settings_checksum(strategy))


@dataclass(frozen=True, kw_only=True)
class Started:
    """A cell is about to be measured."""

    name: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A line for the log alone."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A cell has a row, with metrics or with the error that it failed with."""

    row: Row
    seconds: float


Event: TypeAlias = Started | Noted | Measured


def units_of(
    cells: Sequence[tuple[str, int]], strategies: Mapping[str, Strategy], marks: Mapping[int, tuple[str, str]]
) -> list[Unit]:
    """Cells brought together by seed and network, in the order in which they first appear.

    Args:
        cells: pairs of a strategy's name and a seed.
        strategies: by name.
        marks: checksums of division and taxonomy by seed.

    >>> ours = {name: Strategy(title=name, settings={"gate": [name]}) for name in ("knn", "msp")}
    >>> units = units_of([("knn", 0), ("msp", 0), ("knn", 1)], ours, dict.fromkeys((0, 1), ("d1", "t1")))
    >>> [(unit.seed, unit.names) for unit in units]
    [(0, ('knn', 'msp')), (1, ('knn',))]
    """
    found: dict[tuple[int, str], list[str]] = {}
    for name, seed in cells:
        key = strategies[name].training_key
        found.setdefault((seed, json.dumps([name, None] if key is None else [key])), []).append(name)
    return [
        Unit(seed=seed, names=tuple(names), split=marks[seed][0], taxonomy=marks[seed][1])
        for (seed, _), names in found.items()
    ]


@dataclass(kw_only=True, eq=False)
class Workshop:
    """Measures units of an experiment.

    It opens its own divisions: a `SealedTest` never travels between processes.

    Args:
        experiment: a config with its data at hand.
        folder: where models and pages go.
        openings: the register of who opened the test.
        made: how the run is made, text by label, for pages.
        shared: whether other processes work beside this one.
    """

    experiment: Experiment
    folder: ExperimentFolder
    openings: Openings
    made: Mapping[str, str]
    shared: bool = False
    _divided: tuple[int, Lessons, Judging] | None = field(default=None, init=False)
    _warmer: Warmer | None = field(default=None, init=False)

    def measure(self, unit: Unit) -> Iterator[Event]:
        """Measure the cells of a unit, one after the other; whatever one does, the others go on."""
        lessons, judging = self._division(unit.seed)
        if self.shared:
            self._warmer = self._warmer or Warmer()
        bench = Bench(lessons, judging, seed=unit.seed, warmer=self._warmer)
        for name in unit.names:
            yield Started(name=name, seed=unit.seed)
            strategy, started = self.experiment.strategies[name], time.perf_counter()
            row = unit.row(name, strategy)
            try:
                measurement = bench.measure(strategy, name)
                if unit.seed == self.experiment.config.seeds[0]:
                    self._keep(name, strategy, measurement)
                row |= measurement.metrics
            except Exception as error:  # whatever a strategy does, the others go on
                yield Noted(text=traceback.format_exc())
                text = str(error) if isinstance(error, HierclfError) else f"{type(error).__name__}: {error}"
                row["error"] = text or type(error).__name__
            yield Measured(row=row, seconds=time.perf_counter() - started)

    def _keep(self, name: str, strategy: Strategy, measurement: Measurement) -> None:
        self.folder.write_strategy(name, f"{self.folder.path.name}: {strategy.title}", measurement, self.made)

    def _division(self, seed: int) -> tuple[Lessons, Judging]:
        """What to learn from and what to judge on; that of the last seed is at hand."""
        if self._divided is None or self._divided[0] != seed:
            self._divided = None  # two divisions at a time would take twice the memory
            division = self.experiment.division(seed)
            judging: Judging = (
                ValidationImages(division) if division.validation else SealedTest(division, self.openings)
            )
            self._divided = (seed, Lessons.of(division), judging)
        return self._divided[1], self._divided[2]
