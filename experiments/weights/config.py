"""What a config of the weights may say.

::

    name: weights_fashion               # of the run folder: runs/weights_fashion-1, …
    about: what is done, in a sentence  # above the tables
    look_at: what to look at            # below them
    data: {source: idx, root: data/fashion_mnist, limit: 200}     # see `experiments.sources`
    validation: true                    # leave the test unread, and test on a part of the images to learn from
    taxonomy: fashion_mnist             # a shipped one, a file, a file in data.root, or written out: {round: [0, 6]}
    features: pretrained                # flat: trained once per seed without weights, then frozen; own: by each row
    directions: 256                     # frozen embeddings are brought to so many principal directions
    settings: {backbone: small_cnn}     # of `hierclf.HierarchicalClassifier`, for every row
    levels:                             # ways to weigh levels, by name; the first belongs to the row to compare with
      leaf: leaf
      decay0.5: {decay: 0.5}
    classes:                            # ways to weigh classes, each a few settings; the first likewise
      none: {}
      balanced: {class_weights: balanced}
      shirt_x4: {class_weights: {Shirt: 4}}
    raised: [Shirt, upper body]         # whose recall and precision are told
    seeds: [0, 1, 2, 3, 4]
    threads: 1
    runs: runs
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from experiments.checksums import checksum_of
from experiments.config import DataConfig, FolderName, Names, Part, checked, expanded, one_or_many, or_nothing
from experiments.document import plain
from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy, load_taxonomy
from hierclf.training import check_choices

ROOT = "anything"
"""The root of a taxonomy that the config writes out."""

ASIDE: dict[str, Any] = {"gate": "none", "rule": "leaf", "leave_one_out": False, "correct": None}
"""Weights are about the classifier; gates and promises are left aside."""

WEIGHTS = ("class_weights", "node_weights", "favour", "favour_precision")
"""Settings that a way to weigh classes may say."""

SettingsByName = Annotated[dict[str, Any], BeforeValidator(plain)]
Way = Annotated[dict[str, Any], BeforeValidator(lambda value: plain(value or {}))]
Level = Annotated[Any, BeforeValidator(plain)]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One row of the tables: how levels are weighed, and how classes are."""

    level: str
    way: str

    @property
    def name(self) -> str:
        """The row's name in files."""
        return f"{self.level}/{self.way}"

    @property
    def title(self) -> str:
        """The row's name in tables."""
        return f"{self.level}, {self.way}"


class WeightsConfig(Part):
    """A whole experiment about weights."""

    name: FolderName
    about: str = ""
    look_at: str = ""
    data: DataConfig
    validation: bool = False
    taxonomy: str | dict[str, Names]
    features: Literal["pretrained", "flat", "own"]
    directions: Annotated[Annotated[int, Field(ge=2)] | None, BeforeValidator(or_nothing)] = None
    settings: SettingsByName = Field(default_factory=dict)
    levels: Annotated[dict[FolderName, Level], Field(min_length=1)]
    classes: Annotated[dict[FolderName, Way], Field(min_length=1)]
    raised: Names = Field(default_factory=list)
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), BeforeValidator(one_or_many)] = Field(
        default=[0]
    )
    threads: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(or_nothing)] = None
    runs: str = "runs"

    def cells(self) -> Iterator[Cell]:
        """Every row, in order; the first is the one that all others are compared with."""
        for level in self.levels:
            for way in self.classes:
                yield Cell(level=level, way=way)

    @property
    def usual(self) -> Cell:
        """The row that all others are compared with."""
        return next(self.cells())

    def settings_of(self, cell: Cell, *, seed: int) -> Settings:
        """All settings of a row.

        Raises:
            ConfigError: a setting that does not exist or is out of range.
        """
        own = {"level_weights": self.levels[cell.level], **self.classes[cell.way]}
        return Settings.checked({"backbone": "auto", **self.settings, **ASIDE, **own, "seed": seed})

    def checksum(self, cell: Cell, *, seed: int) -> str:
        """Of all settings that a row depends on.

        Raises:
            ConfigError: a setting that does not exist or is out of range.
        """
        settings = self.settings_of(cell, seed=seed).model_dump(exclude_defaults=True)
        return checksum_of([self.features, self.directions, self.raised, settings])

    def whole_taxonomy(self) -> Taxonomy:
        """The taxonomy, with classes that the data may not hold.

        Raises:
            TaxonomyError: it cannot be read, or has faults.
        """
        if isinstance(self.taxonomy, dict):
            children = {
                name: [one for entry in entries for one in expanded(entry)] for name, entries in self.taxonomy.items()
            }
            return Taxonomy.from_edges(children, root=ROOT)
        beside = Path(self.data.root or "") / self.taxonomy
        return load_taxonomy(beside if beside.is_file() else self.taxonomy)


def load_weights(values: Mapping[str, Any]) -> WeightsConfig:
    """A checked config.

    Args:
        values: texts, lists and mappings, as `experiments.document` reads them.

    Raises:
        HierclfError: it cannot be used; the message says what to do.
    """
    config = checked(WeightsConfig, values)
    if len(set(config.seeds)) < len(config.seeds):
        raise ConfigError(f"seeds: each seed once, got {config.seeds}")
    taken = [name for name in ("seed", "freeze", "level_weights", *ASIDE, *WEIGHTS) if name in config.settings]
    if taken:
        raise ConfigError(
            f"settings: {taken[0]!r} follows from 'seeds', 'features', 'levels' or 'classes', or is left aside in "
            "this experiment; leave it out"
        )
    for name, way in config.classes.items():
        for setting in way:
            if setting not in WEIGHTS:
                raise ConfigError(
                    f"classes.{name}: {setting!r} weighs no classes{did_you_mean(setting, WEIGHTS)} "
                    f"(known: {', '.join(WEIGHTS)})"
                )
    for cell in config.cells():
        check_choices(config.settings_of(cell, seed=0))
    taxonomy = config.whole_taxonomy()
    for name in config.raised:
        if name not in taxonomy or name == taxonomy.root:
            raise ConfigError(f"raised: no class named {name!r}{did_you_mean(name, taxonomy.nodes)}")
    return config
