"""Rows subtracted seed by seed: what a taxonomy changes, beyond what the luck of a seed does.

The seed decides which classes are held out, which images teach and how weights begin, and two rows of one seed share
all of that. So the difference is taken within each seed first, and its standard error is over the seeds' differences,
which is far smaller than that of the two means. A difference is called *clear* when zero lies outside its 95 %
interval by Student's t with as many degrees of freedom as seeds less one (2.8 standard errors for 5 seeds, 4.3 for 3).

>>> two = [{"strategy": name, "seed": seed, "x": seed + 0.1 * (name == "a")} for name in "ab" for seed in range(3)]
>>> difference = paired(two, "a", "b", "x")
>>> round(difference.mean, 3), round(difference.standard_error, 3), difference.seeds
(0.1, 0.0, 3)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from experiments.tables import Row
from hierclf.report import Column

SURE = 0.95
ROUNDING = 1e-9
FEWEST_SEEDS = 3
"""Two seeds may agree to the last digit by chance."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One row less another.

    Args:
        mean: over the seeds that both rows have.
        standard_error: of it; None for a single seed.
        seeds: how many there are.
    """

    mean: float
    standard_error: float | None
    seeds: int

    @property
    def clear(self) -> bool:
        """Whether zero lies outside the 95 % interval; never with fewer seeds than `FEWEST_SEEDS`."""
        if self.standard_error is None or self.seeds < FEWEST_SEEDS:
            return False
        reach = float(stats.t.ppf((1 + SURE) / 2, self.seeds - 1)) * self.standard_error
        return abs(self.mean) > reach + ROUNDING

    def verdict(self, column: Column) -> str:
        """``"better"``, ``"worse"``, or nothing where the difference is not clear."""
        if not self.clear or not column.better:
            return ""
        return "better" if (self.mean > 0) == (column.better == "higher") else "worse"

    def text(self, column: Column) -> str:
        """The difference for a table, shares in percentage points."""
        scale, digits = (100.0, 1) if column.unit == "share" else (1.0, 3)
        told = f"{round(scale * self.mean, digits) + 0.0:+.{digits}f}"  # no difference is +0.0, never -0.0
        if self.standard_error is not None:
            told += f" ± {scale * self.standard_error:.{digits}f}"
        verdict = self.verdict(column)
        return f"**{told} {verdict}**" if verdict else told


def paired(rows: Sequence[Row], name: str, other: str, key: str) -> Difference | None:
    """A row less another in one number, seed by seed; None where no seed has both.

    Args:
        rows: one per strategy and seed.
        name: the strategy.
        other: the one to subtract.
        key: the metric.
    """
    values: dict[str, dict[int, float]] = {name: {}, other: {}}
    for row in rows:
        if row["strategy"] in values and row.get(key) is not None:
            values[row["strategy"]][row["seed"]] = float(row[key])
    shared = sorted({*values[name]} & {*values[other]})
    if not shared:
        return None
    apart = np.array([values[name][seed] - values[other][seed] for seed in shared])
    error = float(apart.std(ddof=1) / math.sqrt(len(apart))) if len(apart) > 1 else None
    return Difference(mean=float(apart.mean()), standard_error=error, seeds=len(apart))


def differences(
    rows: Sequence[Row], pairs: Sequence[tuple[str, str]], columns: Sequence[Column]
) -> dict[tuple[str, str], Mapping[str, Difference]]:
    """All differences of some pairs of rows in some columns, those without a seed in common left out."""
    found: dict[tuple[str, str], Mapping[str, Difference]] = {}
    for name, other in pairs:
        told = {column.key: paired(rows, name, other, column.key) for column in columns}
        found[name, other] = {key: value for key, value in told.items() if value is not None}
    return {pair: told for pair, told in found.items() if told}


def plain(told: Mapping[tuple[str, str], Mapping[str, Difference]]) -> list[dict[str, Any]]:
    """The same as JSON can hold it."""
    return [
        {
            "strategy": name,
            "less": other,
            "metric": key,
            "mean": one.mean,
            "standard_error": one.standard_error,
            "seeds": one.seeds,
            "clear": one.clear,
        }
        for (name, other), by_metric in told.items()
        for key, one in by_metric.items()
    ]
