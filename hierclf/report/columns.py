"""What a comparison shows: the numbers, their names for readers, and which way is better.

>>> Column("accuracy", "Accuracy", better="higher").headline
'Accuracy ↑'
"""

from __future__ import annotations

from dataclasses import dataclass

from hierclf.errors import ConfigError, UnknownName
from hierclf.metrics import MEASURES
from hierclf.registry import did_you_mean

UNITS = ("share", "number", "count")
ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}


@dataclass(frozen=True)
class Column:
    """A number to compare.

    Args:
        key: its name in the rows.
        label: its name for readers.
        better: ``"higher"``, ``"lower"``, or empty when neither is better by itself.
        unit: ``"share"`` (shown in percent), ``"number"`` or ``"count"``.
        words: one sentence for the page.
        group: what it is about, in a word or two; columns of one group that stand together share a headline on a page.

    Raises:
        ConfigError: another unit or direction.
    """

    key: str
    label: str
    better: str = ""
    unit: str = "share"
    words: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if self.better not in ("", "higher", "lower"):
            raise ConfigError(f"column {self.key!r}: better is 'higher', 'lower' or empty, got {self.better!r}")
        if self.unit not in UNITS:
            raise ConfigError(f"column {self.key!r}: unit is one of {', '.join(UNITS)}, got {self.unit!r}")

    @classmethod
    def of(cls, metric: str) -> Column:
        """The column of an evaluation's metric, as the glossary describes it.

        >>> Column.of("auroc_other").better
        'higher'

        Raises:
            UnknownName: no metric of that name.
        """
        if metric not in MEASURES:
            hint = did_you_mean(metric, MEASURES)
            raise UnknownName(f"no metric named {metric!r}{hint} (known: {', '.join(MEASURES)})")
        measure = MEASURES[metric]
        unit = "share" if measure.unit == "verdict" else measure.unit
        return cls(metric, measure.title, measure.better, unit, measure.words)

    @property
    def headline(self) -> str:
        """The label, with an arrow to where it is better."""
        return self.label + ARROWS[self.better]
