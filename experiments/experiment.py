"""A config with its data at hand, and the check that all of its strategies can use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from experiments.config import Config
from experiments.journal import Journal
from experiments.protocol import Division, content_hashes, divide, protocol_taxonomy
from experiments.sources import Pool, load_pool
from hierclf.errors import ConfigError
from hierclf.strategies import Strategy
from hierclf.taxonomy import Taxonomy


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """A config with its data at hand."""

    config: Config
    strategies: Mapping[str, Strategy]
    pool: Pool
    hashes: dict[str, str]
    taxonomy: Taxonomy

    @property
    def baseline(self) -> str:
        """The strategy that the others are compared with: that of the config, else the first."""
        return self.config.baseline or next(iter(self.strategies))

    def division(self, seed: int) -> Division:
        """Which image is for what, by the seed."""
        return divide(self.pool, self.config, self.taxonomy, self.hashes, seed=seed)


def prepare(config: Config, journal: Journal) -> Experiment:
    """Read the data of a config and check that all of its strategies can use it, with every seed.

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
    lacking = [name for name, strategy in experiment.strategies.items() if strategy.needs_other]
    for place, seed in enumerate(config.seeds):  # seeds may differ in their classes
        division = experiment.division(seed)
        for sentence in division.sentences() if place == 0 else ():
            journal.say(f"  {sentence}")
        if lacking and division.other is None:
            raise ConfigError(
                f"strategies.{lacking[0]} learns from images of other, and the config gives none with seed {seed}; "
                f"name some in classes.other, or leave the strategy out"
            )
    return experiment
