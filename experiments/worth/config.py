"""What a config of "is it worth having?" may say.

::

    name: worth_fashion                 # of the run folder: runs/worth_fashion-1, …
    about: what is done, in a sentence  # above the tables
    look_at: what to look at            # below them
    data: {source: idx, root: data/fashion_mnist, limit: 300}     # see `experiments.sources`
    taxonomy: fashion_mnist             # the declared one, as in `experiments.hold_out.config`
    hold_out: {leaves: 0.2, subtrees: 0.2}                        # as there
    settings: {rule: leaf}              # of `hierclf.HierarchicalClassifier`, for every row
    variants:                           # ways to let a taxonomy have a say; the first is the main one
      shared: {title: shared head, head: shared, level_weights: uniform}
      read: {title: only read, head: flat, level_weights: leaf}
    features:
      frozen:                           # the first also gives what discovery reads
        how: flat                       # pretrained, flat (trained once without a taxonomy, then frozen) or own
        settings: {backbone: small_cnn, epochs: 6}
        variants: {shared: , read: [declared, discovered]}        # which, and with which taxonomies; all when left out
      fine_tuned: {how: own, variants: [shared], seeds: [0, 1, 2], settings: {backbone: small_cnn, epochs: 6}}
    trees: [declared, discovered, random, nbdt, flat]             # see `experiments.worth.trees`; all when left out
    discovery: {bootstraps: 100}        # options of `hierclf.discovery.discover`
    seeds: [0, 1, 2, 3, 4]

How features come about: ``pretrained``: the backbone stays as it came. ``flat``: the backbone is trained once per seed
as a flat classifier, then frozen. ``own``: the backbone is trained with each taxonomy's own loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from experiments.checksums import checksum_of
from experiments.config import FolderName, Names, Part, checked, one_or_many, or_nothing, require_own_titles
from experiments.document import plain
from experiments.hold_out.config import DrawnConfig, Seed, check_seeds
from experiments.worth.trees import FLAT, trees
from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean
from hierclf.settings import Settings
from hierclf.training import check_choices

SettingsByName = Annotated[dict[str, Any], BeforeValidator(plain)]


def _trees_by_variant(value: Any) -> Any:
    return value if isinstance(value, dict) else dict.fromkeys(one_or_many(value))


class FeaturesConfig(Part):
    """Where the features of some rows come from.

    Args:
        title: what to call them in a table.
        how: see the module.
        settings: of these rows, on top of the common ones.
        directions: frozen embeddings are brought to so many principal directions of the images to learn from, which
            saves most of the time where they are many; as they are when left out.
        variants: which of the variants to measure, each with the taxonomies that it is measured with; all of either
            when left out.
        seeds: which of the seeds to run; all of them when left out.
    """

    title: str = ""
    how: Literal["pretrained", "flat", "own"]
    settings: SettingsByName = Field(default_factory=dict)
    directions: Annotated[Annotated[int, Field(ge=2)] | None, BeforeValidator(or_nothing)] = None
    variants: Annotated[dict[str, Names], BeforeValidator(_trees_by_variant)] = Field(default_factory=dict)
    seeds: Annotated[list[Seed], BeforeValidator(one_or_many)] = Field(default_factory=list)


class WorthConfig(DrawnConfig):
    """A whole experiment about the worth of a taxonomy."""

    variants: Annotated[dict[FolderName, SettingsByName], Field(min_length=1)]
    features: Annotated[dict[FolderName, FeaturesConfig], Field(min_length=1)]
    trees: Names = Field(default_factory=lambda: list(trees))
    discovery: SettingsByName = Field(default_factory=dict)

    def variants_of(self, features: str) -> tuple[str, ...]:
        """The variants that are measured on some features, in order."""
        wanted = self.features[features].variants or self.variants
        return tuple(name for name in self.variants if name in wanted)

    def trees_of(self, features: str, variant: str) -> tuple[str, ...]:
        """The taxonomies that a variant is measured with on some features; no taxonomy is the same under all variants.

        So ``flat`` is measured under the first of them alone.
        """
        wanted = self.features[features].variants.get(variant) or self.trees
        first = variant == self.variants_of(features)[0]
        return tuple(name for name in self.trees if name in wanted and (first or name != FLAT))

    def seeds_of(self, features: str) -> tuple[int, ...]:
        """The seeds that some features are measured with, in order."""
        wanted = self.features[features].seeds or self.seeds
        return tuple(seed for seed in self.seeds if seed in wanted)

    def settings_of(self, features: str, variant: str, *, seed: int) -> Settings:
        """All settings of a row.

        Raises:
            ConfigError: a setting that does not exist or is out of range.
        """
        own = {name: value for name, value in self.variants[variant].items() if name != "title"}
        return Settings.checked(
            {"backbone": "auto", **self.settings, **self.features[features].settings, **own, "seed": seed}
        )

    def checksum(self, cell: Cell, *, seed: int) -> str:
        """Of all settings that a row depends on: its own, those of its features, and of those that discovery reads.

        Raises:
            ConfigError: a setting that does not exist or is out of range.
        """
        rows = [(features, self.variants_of(features)[0]) for features in (next(iter(self.features)), cell.features)]
        rows.append((cell.features, cell.variant))
        told = [
            [
                self.features[features].how,
                self.features[features].directions,
                self.settings_of(features, variant, seed=seed).model_dump(exclude_defaults=True),
            ]
            for features, variant in rows
        ]
        return checksum_of([told, cell.tree, self.discovery])

    def cells(self, seed: int) -> Iterator[Cell]:
        """What is measured with a seed, in order."""
        for features in self.features:
            if seed not in self.seeds_of(features):
                continue
            for variant in self.variants_of(features):
                for tree in self.trees_of(features, variant):
                    yield Cell(features=features, variant=variant, tree=tree)

    def all_cells(self) -> tuple[Cell, ...]:
        """Every row of the tables, in order."""
        by_seed = {cell: None for seed in self.seeds for cell in self.cells(seed)}
        order = list(self.features)
        return tuple(sorted(by_seed, key=lambda cell: order.index(cell.features)))

    def title_of(self, cell: Cell) -> str:
        """What to call a row among those of its features."""
        variant = str(self.variants[cell.variant].get("title", cell.variant))
        title = trees[cell.tree].title
        return title if cell.tree == FLAT else f"{title}, {variant}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One row of the tables: features, a way to use the taxonomy, and the taxonomy."""

    features: str
    variant: str
    tree: str

    @property
    def name(self) -> str:
        """The row's name in files."""
        return f"{self.features}/{self.variant}/{self.tree}"


def load_worth(values: Mapping[str, Any]) -> WorthConfig:
    """A checked config.

    Args:
        values: texts, lists and mappings, as `experiments.document` reads them.

    Raises:
        HierclfError: it cannot be used; the message says what to do.
    """
    config = checked(WorthConfig, values)
    check_seeds(config)
    for name in config.trees:
        trees[name]
    require_own_titles({name: str(own.get("title", name)) for name, own in config.variants.items()}, "variants")
    require_own_titles({name: told.title or name for name, told in config.features.items()}, "features")
    given = [config.settings, *config.variants.values(), *(told.settings for told in config.features.values())]
    for name in ("seed", "freeze"):
        if any(name in settings for settings in given):
            raise ConfigError(f"settings: {name!r} follows from 'seeds' and from 'how'; leave it out")
    for place, (features, told) in enumerate(config.features.items()):
        if place == 0 and told.how == "own":
            raise ConfigError(
                f"features.{features}: the first features also give what discovery reads, so they cannot depend on a "
                "taxonomy; put features with how: pretrained or how: flat first"
            )
        for variant, wanted in told.variants.items():
            where = f"features.{features}.variants"
            _require_known(variant, config.variants, f"{where}: no variant")
            for name in wanted:
                _require_known(name, config.trees, f"{where}.{variant}: no taxonomy")
        strange = sorted({*told.seeds} - {*config.seeds})
        if strange:
            raise ConfigError(f"features.{features}.seeds: expected some of {config.seeds}, got {strange[0]}")
        for variant in config.variants_of(features):
            check_choices(config.settings_of(features, variant, seed=0))
    return config


def _require_known(name: str, known: Iterable[str], complaint: str) -> None:
    known = tuple(known)
    if name not in known:
        raise ConfigError(f"{complaint} named {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})")
