"""The folder of an experiment: everything that a reader, a program or a resumed run wants to find.

::

    runs/digits-1/
        config.yaml environment.json log.txt
        splits/CHECKSUM.csv                        which image was in which part
        strategies/NAME/seed-0.json                what was measured, or what went wrong
        strategies/NAME/report.html, model/        of the first seed
        test_openings.csv                          who opened the test, see `experiments.sealed`
        metrics.json metrics.csv differences.csv table.md report.html
        DONE                                       written last, when nothing failed and nothing is left to do
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from experiments.checksums import settings_checksum
from experiments.columns import COLUMNS
from experiments.config import Config
from experiments.document import read_document
from experiments.measurement import Measurement
from experiments.protocol import Division
from experiments.tables import Row, as_csv, as_table, columns_with_values, means, one_line, promise_sentences, title_of
from hierclf.data import image_to_pil
from hierclf.errors import ConfigError
from hierclf.report import RunContext, differences, write_comparison, write_report
from hierclf.runs import DONE, RunFolder
from hierclf.strategies import Strategy

if TYPE_CHECKING:
    from experiments.hold_out.config import DrawnConfig
    from experiments.hold_out.division import HeldOut

Loaded = TypeVar("Loaded")

CONFIG, ENVIRONMENT, LOG = "config.yaml", "environment.json", "log.txt"

DIFFERENCE_FIELDS = (
    *("strategy", "baseline", "metric", "mean", "standard_error", "seeds", "won"),
    *("clear", "verdict"),
)


class ExperimentFolder:
    """The folder of one experiment.

    Args:
        path: an existing folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, config: Config | DrawnConfig) -> ExperimentFolder:
        """A new folder, ``RUNS/NAME-1`` or the next free number, with the config in it.

        Raises:
            ConfigError: it cannot be made.
        """
        number = 1
        while True:
            path = Path(config.runs) / f"{config.name}-{number}"
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
            except OSError as error:
                raise ConfigError(f"the run folder {path} cannot be made: {error.strerror or error}") from error
        folder = cls(path)
        text = yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True, width=120)
        folder.write(CONFIG, text)
        return folder

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], load: Callable[[Mapping[str, Any]], Loaded]
    ) -> tuple[ExperimentFolder, Loaded]:
        """An earlier experiment and its config.

        Args:
            path: its folder.
            load: makes a checked config of plain values.

        Raises:
            ConfigError: there is none at that place.
        """
        file = Path(path) / CONFIG
        if not file.is_file():
            raise ConfigError(f"there is no experiment in {path}: {CONFIG} is missing; --resume takes its folder")
        return cls(path), load(read_document(file))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from measuring into this folder meanwhile, by a lock on its log.

        The system takes the lock back from a process that dies. Where it has no locks, nothing is kept from anybody.

        Raises:
            ConfigError: another process holds it.
        """
        if sys.platform == "win32":
            yield
            return
        import fcntl

        with (self.path / LOG).open("a", encoding="utf-8") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(
                    f"another process is measuring into {self.path} right now (see its {LOG}); wait for it or stop it "
                    "first"
                ) from None
            except OSError:  # a file system without locks
                pass
            yield

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return (self.path / DONE).is_file()

    def write(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all."""
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        RunFolder(place.parent).write_text(place.name, text)

    def write_json(self, name: str, values: Any) -> None:
        """Write a JSON file, whole or not at all."""
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        RunFolder(place.parent).write_json(place.name, values)

    def write_division(self, division: Division | HeldOut) -> None:
        """Write which image is in which part, under the division's checksum."""
        name = f"splits/{division.checksum}.csv"
        if not (self.path / name).is_file():
            self.write(name, division.to_csv())

    def row(self, strategy: str, seed: int) -> Row | None:
        """What was measured before, or None."""
        folder = RunFolder(self.path / "strategies" / strategy)
        name = f"seed-{seed}.json"
        return dict(folder.read_json(name)) if (folder / name).is_file() else None

    def write_row(self, row: Row) -> None:
        """Keep what was measured."""
        self.write_json(f"strategies/{row['strategy']}/seed-{row['seed']}.json", row)

    def write_strategy(self, name: str, title: str, measurement: Measurement, made: Mapping[str, str]) -> None:
        """The model and the page of a strategy."""
        folder = self.path / "strategies" / name
        folder.mkdir(parents=True, exist_ok=True)
        classifier, examined = measurement.classifier, measurement.examination
        classifier.save(folder / "model")
        images = examined.images
        write_report(
            examined.report,
            folder / "report.html",
            title=title,
            images=(lambda place: image_to_pil(images, place)) if images is not None else None,
            context=RunContext(assumptions=classifier.notes_, history=classifier.log_, made=made),
        )

    def write_tables(
        self,
        config: Config,
        rows: Sequence[Row],
        sentences: Sequence[str],
        made: Mapping[str, str],
        *,
        strategies: Mapping[str, Strategy],
        baseline: str,
        footer: str = "",
    ) -> str:
        """All that compares the strategies.

        Args:
            config: of the experiment.
            rows: one per strategy and seed.
            sentences: what is known, given and never seen.
            made: how the run was made, text by label.
            strategies: by name.
            baseline: name of the strategy that all others are compared with seed by seed.
            footer: a sentence to put under the tables.

        Returns:
            The tables in Markdown.
        """
        titles = {name: strategy.title for name, strategy in strategies.items()}
        columns = columns_with_values(config.columns, rows)
        named = [{**row, "strategy": titles[row["strategy"]]} for row in rows]
        apart = [
            one.to_record()
            for told in differences(rows, baseline, columns_with_values(COLUMNS, rows)).values()
            for one in told
            if one is not None
        ]
        described = {
            name: {
                "title": strategy.title,
                "settings": dict(strategy.settings),
                "checksum": settings_checksum(strategy),
            }
            for name, strategy in strategies.items()
        }
        metrics = {
            "name": config.name,
            "validation": config.validation,
            "strategies": json.loads(json.dumps(described, default=str)),
            "runs": list(rows),
            "means": means(rows),
            "baseline": baseline,
            "differences": apart,
        }
        self.write_json("metrics.json", metrics)
        self.write("metrics.csv", as_csv(rows))
        self.write("differences.csv", as_csv(apart, DIFFERENCE_FIELDS))
        notes = [*sentences, *filter(None, [one_line(config.look_at)]), *promise_sentences(rows)]
        write_comparison(
            self.path / "report.html",
            title=title_of(config),
            rows=named,
            columns=columns,
            notes=[*filter(None, [one_line(config.about)]), *notes, *filter(None, [footer])],
            made=made,
            baseline=titles[baseline] if len({row["seed"] for row in rows}) > 1 else None,
        )
        table = as_table(config, named, columns, sentences, baseline=titles[baseline], footer=footer)
        self.write("table.md", table)
        return table

    def finish(self) -> None:
        """Say that nothing is left to do."""
        self.write(DONE, "")

    def reopen(self) -> None:
        """Take that back: something has to be measured anew."""
        (self.path / DONE).unlink(missing_ok=True)
