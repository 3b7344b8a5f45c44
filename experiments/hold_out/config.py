"""What a hold-out config may say.

::

    name: fashion                       # of the run folder: runs/fashion-1, runs/fashion-2, …
    about: what is done, in a sentence  # above the table
    look_at: what to look at            # below the table
    data: {source: idx, root: data/fashion_mnist}     # see `experiments.sources`
    taxonomy: fashion_mnist             # a shipped one, a file, a file in data.root, or written out: {round: [0, 6]}
    hold_out:
      leaves: 0.2                       # share of the classes to hold out one by one
      subtrees: 0.2                     # share of the meta-classes to hold out as a whole
      far:                              # images that are out of scope altogether, by name
        mnist: {source: idx, root: ../mnist, limit: 300}     # a root is looked up from data.root
    settings: {backbone: small_cnn}     # of `hierclf.HierarchicalClassifier`, for all strategies
    strategies:                         # ours, as in `experiments.config`; they learn without images of other
      hierclf: {}
    by_distribution: true               # a row for the stop distribution of the first strategy, asked as references are
    references: [prohoc_entropy]        # names from `hierclf.references`; all of them when left out
    seeds: [0, 1, 2, 3, 4]
    threads: 1
    runs: runs
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from experiments.config import (
    DataConfig,
    FolderName,
    Names,
    Part,
    Text,
    build_strategy,
    checked,
    expanded,
    one_or_many,
    or_nothing,
    require_own_titles,
)
from experiments.document import plain
from hierclf.errors import ConfigError
from hierclf.references import references
from hierclf.strategies import Strategy
from hierclf.taxonomy import Taxonomy, load_taxonomy

ROOT = "anything"
"""The root of a taxonomy that the config writes out."""


def _all_or_listed(value: Any) -> Any:
    return None if or_nothing(value) is None else one_or_many(value)


Seed = Annotated[int, Field(ge=0)]
Pixels = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=0.5)]


class FarConfig(Part):
    """Images that belong to no class of the taxonomy.

    Args:
        source: a name of `experiments.sources.sources`.
        root: where they are; a relative path is looked up from ``data.root``.
        train: folders to read, for the source ``folder``; everything that the source holds is far.
        limit: images to take at most, drawn by the seed.
        inverted: dark on light made light on dark, and the other way round.
        binary: made black and white, nothing between.
        size: brought to this many pixels (rows, columns) first.
        help: how to get the data.

    The last three bring far images into the form of the data, so that they cannot be told apart by their form alone.
    """

    source: str
    root: Text = None
    train: Names = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1)] = 300
    inverted: bool = False
    binary: bool = False
    size: Annotated[tuple[Pixels, Pixels] | None, BeforeValidator(or_nothing)] = None
    help: str = ""

    def data(self, beside: str | None) -> DataConfig:
        """The same as a source of data; ``beside`` is the root of the known images."""
        root = self.root if self.root is None or beside is None else str(Path(beside) / self.root)
        return DataConfig(source=self.source, root=root, train=self.train, help=self.help)


class DrawingConfig(Part):
    """What is held out."""

    leaves: Share = 0.2
    subtrees: Share = 0.2
    far: dict[FolderName, FarConfig] = Field(default_factory=dict)


class DrawnConfig(Part):
    """An experiment in which classes are held out: what every such experiment is told, whatever it compares."""

    name: FolderName
    about: str = ""
    look_at: str = ""
    data: DataConfig
    taxonomy: str | dict[str, Names]
    hold_out: DrawingConfig
    settings: Annotated[dict[str, Any], BeforeValidator(plain)] = Field(default_factory=dict)
    seeds: Annotated[list[Seed], Field(min_length=1), BeforeValidator(one_or_many)] = Field(default=[0])
    threads: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(or_nothing)] = None
    runs: str = "runs"

    def whole_taxonomy(self) -> Taxonomy:
        """The taxonomy before anything is held out.

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


class HoldOutConfig(DrawnConfig):
    """A whole hold-out experiment."""

    strategies: Annotated[dict[FolderName, Any], Field(min_length=1)]
    by_distribution: bool = True
    references: Annotated[list[str] | None, BeforeValidator(_all_or_listed)] = None

    def built(self) -> dict[str, Strategy]:
        """Our rows by name, with all their settings.

        Raises:
            ConfigError: one that cannot be used; the message names it.
        """
        built = {name: build_strategy(name, entry, self.settings) for name, entry in self.strategies.items()}
        greedy = [name for name, strategy in built.items() if strategy.needs_other]
        if greedy:
            raise ConfigError(
                f"strategies.{greedy[0]} learns from images of other, which a hold-out experiment has not"
            )
        return built

    def chosen_references(self) -> tuple[str, ...]:
        """Names of the methods from the literature to compare with."""
        return tuple(references) if self.references is None else tuple(self.references)


def check_seeds(config: DrawnConfig) -> None:
    """Refuse a seed that is listed twice.

    Raises:
        ConfigError: the message shows the list.
    """
    if len(set(config.seeds)) < len(config.seeds):
        raise ConfigError(f"seeds: each seed once, got {config.seeds}")


def load_hold_out(values: Mapping[str, Any]) -> HoldOutConfig:
    """A checked config.

    Args:
        values: texts, lists and mappings, as `experiments.document` reads them.

    Raises:
        ConfigError: it cannot be used; the message says what to do.
    """
    config = checked(HoldOutConfig, values)
    check_seeds(config)
    for name in config.chosen_references():
        references[name]
    both = sorted({*config.strategies} & {*config.chosen_references()})
    if both:
        raise ConfigError(f"strategies.{both[0]}: a reference has this name; give the strategy another")
    ours = {name: strategy.title for name, strategy in config.built().items()}
    require_own_titles({name: name for name in config.chosen_references()} | ours)
    return config
