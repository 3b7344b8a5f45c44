"""Which classes gain by a row, and which pay: recalls less those of the usual row, seed by seed.

A class is named where its difference is larger than its standard error over the seeds, the largest first; with a
single seed, where there is any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.tables import Row
from hierclf.report import Column
from hierclf.report.paired import paired

MOST_NAMED = 4
ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Shift:
    """The change of one class's recall.

    Args:
        name: of the class.
        mean: over the seeds.
        standard_error: of it; None for a single seed.
    """

    name: str
    mean: float
    standard_error: float | None

    @property
    def text(self) -> str:
        """The change in percentage points.

        >>> Shift(name="coat", mean=-0.05, standard_error=0.01).text
        'coat -5.0 ± 1.0'
        """
        error = "" if self.standard_error is None else f" ± {100 * self.standard_error:.1f}"
        return f"{self.name} {100 * self.mean:+.1f}{error}"


@dataclass(frozen=True, kw_only=True)
class Shifts:
    """Who gains and who pays by a row, the most first."""

    gains: tuple[Shift, ...] = ()
    pays: tuple[Shift, ...] = ()


def shifts(rows: Sequence[Row], name: str, usual: str) -> Shifts:
    """What a row changes for each class.

    Args:
        rows: one per strategy and seed, with ``recalls`` by class.
        name: the row.
        usual: the row to compare with.

    >>> rows = [{"strategy": "a", "seed": 0, "recalls": {"x": 0.5, "y": 0.9}}]
    >>> rows += [{"strategy": "b", "seed": 0, "recalls": {"x": 0.7, "y": 0.9}}]
    >>> [shift.text for shift in shifts(rows, "b", "a").gains]
    ['x +20.0']
    """
    flat = [
        {"strategy": row["strategy"], "seed": row["seed"], **row["recalls"]}
        for row in rows
        if row["strategy"] in (name, usual) and row.get("recalls")
    ]
    classes = dict.fromkeys(label for row in flat for label in row if label not in ("strategy", "seed"))
    found = []
    for label in classes:
        apart = paired(flat, name, usual, Column(label, label))
        if apart is not None and abs(apart.mean) > (apart.standard_error or 0.0) + ROUNDING:
            found.append(Shift(name=label, mean=apart.mean, standard_error=apart.standard_error))
    up = sorted((one for one in found if one.mean > 0), key=lambda one: -one.mean)
    down = sorted((one for one in found if one.mean < 0), key=lambda one: one.mean)
    return Shifts(gains=tuple(up), pays=tuple(down))


def shift_table(rows: Sequence[Row], names: Sequence[str], usual: str) -> str:
    """Who gains and who pays by each row, as a Markdown table.

    Args:
        rows: one per strategy and seed.
        names: of the rows to show.
        usual: of the row to compare with.
    """
    lines = ["| weights | gain in recall | pay for it |", "|:---|:---|:---|"]
    for name in names:
        found = shifts(rows, name, usual)
        lines.append(f"| {name} | {_listed(found.gains)} | {_listed(found.pays)} |")
    return "\n".join(lines)


def _listed(found: Sequence[Shift]) -> str:
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return (", ".join(one.text for one in found[:MOST_NAMED]) or "–") + more
