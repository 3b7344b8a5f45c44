"""What a row is a measurement of, as checksums in the row itself: images, taxonomy and settings.

A run that is taken up again keeps a row only where nothing of that has changed since. Other images or another taxonomy
make it another run, which is refused, as its rows could not stand beside each other. Other settings cost the rows that
have them: they are measured anew. Rows from before some mark was on record count as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import hierclf
from hierclf.errors import ConfigError

if TYPE_CHECKING:
    from experiments.results import ExperimentFolder
    from experiments.tables import Row


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Checksums of what one row is measured with.

    Args:
        split: of the division of the images.
        taxonomy: see `taxonomy_checksum`.
        settings: see `checksum_of`.
    """

    split: str
    taxonomy: str
    settings: str

    def row(self, name: str, seed: int) -> Row:
        """The row of a strategy with a seed before anything is measured."""
        return {
            "strategy": name,
            "seed": seed,
            "split": self.split,
            "taxonomy": self.taxonomy,
            "settings": self.settings,
            "version": hierclf.__version__,
            "error": None,
        }

    def earlier(self, folder: ExperimentFolder, name: str, seed: int) -> Row | None:
        """The row of an earlier process, unless it holds an error or was measured with other settings.

        Raises:
            ConfigError: it was measured on other images, or with another taxonomy.
        """
        row = folder.row(name, seed)
        if row is not None and not row["error"]:
            self.require_same_question(folder, row)
        return None if is_missing(row, self.settings) else row

    def require_same_question(self, folder: ExperimentFolder, row: Row) -> None:
        """Refuse to put rows side by side that were measured on other images, or with another taxonomy.

        Raises:
            ConfigError: the message says which seed.
        """
        where = f"{folder.path} was measured"
        if row["split"] != self.split:
            raise ConfigError(
                f"{where} on other images than there are now (seed {row['seed']}: {row['split']}, now {self.split}); "
                f"put the data back as it was, or start a new run"
            )
        if row.get("taxonomy", self.taxonomy) != self.taxonomy:
            raise ConfigError(
                f"{where} with another taxonomy than there is now (seed {row['seed']}); put it back as it was, or "
                f"start a new run"
            )


def is_missing(row: Row | None, settings: str) -> bool:
    """Whether a cell has to be measured: it has no row, failed, or was measured with settings of another checksum.

    >>> is_missing(None, "ab"), is_missing({"error": None, "settings": "ab"}, "ab"), is_missing({"error": None}, "ab")
    (True, False, False)
    """
    return row is None or bool(row["error"]) or row.get("settings", settings) != settings


def outdated_cells(folder: ExperimentFolder, settings: Mapping[tuple[str, int], str]) -> bool:
    """Whether a run lacks a cell.

    Args:
        folder: of the run.
        settings: checksum that each cell should have, by the name and the seed of its row.
    """
    return any(is_missing(folder.row(name, seed), checksum) for (name, seed), checksum in settings.items())
