"""What a discovery config may say.

::

    name: fashion                       # of the run folder: runs/fashion-1, runs/fashion-2, …
    about: what is done, in a sentence  # above the table
    look_at: what to look at            # below the table
    data: {source: idx, root: data/fashion_mnist}     # see `experiments.sources`; its test part is never read
    taxonomy: edges.csv                 # the reference: a file in data.root, a shipped one, or {round: [0, 6]}
    embedding:
      by: trained                       # trained | frozen | pixels
      read: 0.5                         # share of the images to learn from that discovery reads
    settings: {backbone: small_cnn}     # of `hierclf.HierarchicalClassifier` if trained; if frozen, of the backbone
    ways: [ours, nbdt]                  # names from `experiments.discovery.ways`; all that apply when left out
    seeds: [0, 1, 2, 3, 4]
    threads: 1
    runs: runs

Instead of ``data``, ``taxonomy``, ``embedding`` and ``settings``, trees may be planted::

    planted: {regimes: [isotropic], shapes: [even], noises: [low, high], plenty: 500}    # all when left out
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from experiments.checksums import checksum_of
from experiments.config import (
    DataConfig,
    FolderName,
    Names,
    Part,
    checked,
    expanded,
    one_or_many,
    or_nothing,
)
from experiments.discovery.planted import Cell
from experiments.discovery.ways import ways
from experiments.document import plain
from hierclf.errors import ConfigError
from hierclf.taxonomy import Taxonomy, load_taxonomy

ROOT = "anything"
"""The root of a reference that the config writes out."""

Seed = Annotated[int, Field(ge=0)]


def _or_nothing(value: Any) -> Any:
    """None for the texts that stand for nothing; anything else as it is."""
    return or_nothing(value) if isinstance(value, str) else value


class EmbeddingConfig(Part):
    """Where embeddings come from.

    Args:
        by: ``trained``: a network learns all classes side by side from the images that discovery does not read;
            ``frozen``: a pretrained network, as it is; ``pixels``: the images themselves.
        read: share of the images to learn from that discovery reads, drawn by the seed, each class in proportion.
    """

    by: Literal["trained", "frozen", "pixels"] = "frozen"
    read: Annotated[float, Field(gt=0, lt=1)] = 0.8


class PlantedConfig(Part):
    """Which trees are planted; see `experiments.discovery.planted`.

    Args:
        regimes: what makes it hard.
        shapes: of the tree.
        noises: of the images.
        plenty: images of a class that are very many.
    """

    regimes: Annotated[list[Literal["isotropic", "nuisance", "directions"]], BeforeValidator(one_or_many)] = Field(
        default=["isotropic", "nuisance", "directions"]
    )
    shapes: Annotated[list[Literal["even", "uneven"]], BeforeValidator(one_or_many)] = Field(default=["even", "uneven"])
    noises: Annotated[list[Literal["low", "high"]], BeforeValidator(one_or_many)] = Field(default=["low", "high"])
    plenty: Annotated[int, Field(ge=2)] = 500

    def cells(self) -> tuple[Cell, ...]:
        """Every kind of planted data."""
        return tuple(
            Cell(regime=regime, shape=shape, noise=noise)
            for regime in self.regimes
            for shape in self.shapes
            for noise in self.noises
        )


class DiscoveryConfig(Part):
    """A whole discovery experiment."""

    name: FolderName
    about: str = ""
    look_at: str = ""
    data: Annotated[DataConfig | None, BeforeValidator(_or_nothing)] = None
    taxonomy: Annotated[str | dict[str, Names] | None, BeforeValidator(_or_nothing)] = None
    embedding: EmbeddingConfig = EmbeddingConfig()
    settings: Annotated[dict[str, Any], BeforeValidator(plain)] = Field(default_factory=dict)
    planted: Annotated[PlantedConfig | None, BeforeValidator(_or_nothing)] = None
    ways: Names = Field(default_factory=list)
    seeds: Annotated[list[Seed], Field(min_length=1), BeforeValidator(one_or_many)] = Field(default=[0])
    threads: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(or_nothing)] = None
    runs: str = "runs"

    def chosen_ways(self) -> tuple[str, ...]:
        """Names of the ways to compare."""
        every = (name for name in ways if self.planted is not None or not ways[name].needs_plenty)
        return tuple(self.ways) or tuple(every)

    @property
    def checksum(self) -> str:
        """Of all settings that rows depend on."""
        plenty = None if self.planted is None else self.planted.plenty
        return checksum_of([self.embedding.model_dump(), self.settings, plenty])

    def reference(self) -> Taxonomy:
        """The taxonomy that people have in mind.

        Raises:
            TaxonomyError: it cannot be read, or has faults.
        """
        assert self.taxonomy is not None
        assert self.data is not None
        if isinstance(self.taxonomy, dict):
            groups = {name: [one for entry in held for one in expanded(entry)] for name, held in self.taxonomy.items()}
            return Taxonomy.from_edges(groups, root=ROOT)
        beside = Path(self.data.root or "") / self.taxonomy
        return load_taxonomy(beside if beside.is_file() else self.taxonomy)


def load_discovery(values: Mapping[str, Any]) -> DiscoveryConfig:
    """A checked config.

    Args:
        values: texts, lists and mappings, as `experiments.document` reads them.

    Raises:
        ConfigError: it cannot be used; the message says what to do.
    """
    config = checked(DiscoveryConfig, values)
    if len(set(config.seeds)) < len(config.seeds):
        raise ConfigError(f"seeds: each seed once, got {config.seeds}")
    if (config.data is None) == (config.planted is None):
        raise ConfigError("data, planted: expected one of the two, images with a reference or planted trees")
    if config.data is not None and config.taxonomy is None:
        raise ConfigError("taxonomy: which reference is the found taxonomy compared with?")
    for name in config.chosen_ways():
        if ways[name].needs_plenty and config.planted is None:
            raise ConfigError(f"ways: {name!r} draws more images of planted classes, and these are not planted")
    return config
