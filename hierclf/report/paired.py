"""One strategy less another, seed by seed: what a strategy changes beyond what the luck of a seed does.

The seed decides which images teach and how weights begin, and two runs of one seed share all of that. So the
difference is taken within each seed first, and its standard error is over the seeds' differences: the sample standard
deviation (n − 1) over √n. Where a seed is good or bad for both strategies, that is far smaller than the standard
errors of the two means would make one think.

Two words follow from it. A difference is *clear* when it is larger than `CLEAR` standard errors, over at least
`FEWEST_SEEDS` seeds. Two strategies are *tied* when their difference lies within one standard error. With few seeds
"clear" is a weak word: `chance_of_clear` says how often a difference that is none is called so (Student, *The Probable
Error of a Mean*, Biometrika 1908).

>>> rows = [{"strategy": name, "seed": seed, "x": seed + 0.1 * (name == "b")} for name in "ab" for seed in range(3)]
>>> one = paired(rows, "b", "a", Column("x", "X", better="higher", unit="number"))
>>> round(one.mean, 3), one.seeds, one.won, one.verdict
(0.1, 3, 3, 'better')
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from hierclf.report.columns import Column
from hierclf.report.numbers import defined

CLEAR = 2.0
"""Standard errors beyond which a difference is marked."""

FEWEST_SEEDS = 3
"""Two seeds may agree to the last digit by chance."""

ROUNDING = 1e-9
"""Differences below this are none."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One strategy less another in one number.

    Args:
        strategy: the one.
        baseline: the other, which is subtracted.
        column: the number.
        mean: over the seeds that both have.
        standard_error: of the mean; None for a single seed.
        seeds: how many both have.
        won: seeds in which the strategy is better; None where neither direction is better.
    """

    strategy: str
    baseline: str
    column: Column
    mean: float
    standard_error: float | None
    seeds: int
    won: int | None

    @property
    def clear(self) -> bool:
        """Whether it is larger than `CLEAR` standard errors; never with fewer seeds than `FEWEST_SEEDS`."""
        if self.standard_error is None or self.seeds < FEWEST_SEEDS:
            return False
        return abs(self.mean) > CLEAR * self.standard_error + ROUNDING

    @property
    def tied(self) -> bool:
        """Whether it lies within one standard error; never for a single seed."""
        return self.standard_error is not None and abs(self.mean) <= self.standard_error + ROUNDING

    @property
    def verdict(self) -> str:
        """``"better"``, ``"worse"``, or nothing where the difference is not clear or neither direction is better."""
        if not self.clear or not self.column.better:
            return ""
        return "better" if (self.mean > 0) == (self.column.better == "higher") else "worse"

    @property
    def text(self) -> str:
        """Mean and standard error for a table, shares in percentage points.

        >>> Difference(strategy="b", baseline="a", column=Column("x", "X"), mean=-0.0123, standard_error=0.004,
        ...            seeds=5, won=None).text
        '-1.2 ± 0.4'
        """
        scale, digits = {"share": (100.0, 1), "number": (1.0, 3), "count": (1.0, 1)}[self.column.unit]
        told = f"{round(scale * self.mean, digits) + 0.0:+.{digits}f}"  # no difference is +0.0, never -0.0
        return told if self.standard_error is None else f"{told} ± {scale * self.standard_error:.{digits}f}"

    @property
    def wins(self) -> str:
        """In how many seeds the strategy is better, ``"4/5"``; nothing where neither direction is."""
        return "" if self.won is None else f"{self.won}/{self.seeds}"

    def to_record(self) -> dict[str, Any]:
        """The same as JSON and CSV can hold it."""
        return {
            "strategy": self.strategy,
            "baseline": self.baseline,
            "metric": self.column.key,
            "mean": self.mean,
            "standard_error": self.standard_error,
            "seeds": self.seeds,
            "won": self.won,
            "clear": self.clear,
            "verdict": self.verdict,
        }


def paired(rows: Iterable[Mapping[str, Any]], strategy: str, baseline: str, column: Column) -> Difference | None:
    """A strategy less another in one number; None where no seed has both.

    Args:
        rows: one per strategy and seed, with ``"strategy"`` and ``"seed"``. A number that is missing or undefined is
            left out with its seed.
        strategy: the one.
        baseline: the one to subtract.
        column: the number.
    """
    values: dict[str, dict[Any, float]] = {strategy: {}, baseline: {}}
    for row in rows:
        number = defined(row.get(column.key))
        if str(row["strategy"]) in values and number is not None and "seed" in row:
            values[str(row["strategy"])][row["seed"]] = number
    shared = [seed for seed in values[strategy] if seed in values[baseline]]
    if not shared:
        return None
    apart = np.array([values[strategy][seed] - values[baseline][seed] for seed in shared], dtype=np.float64)
    gain = {"higher": apart, "lower": -apart}.get(column.better)
    return Difference(
        strategy=strategy,
        baseline=baseline,
        column=column,
        mean=float(apart.mean()),
        standard_error=float(apart.std(ddof=1) / math.sqrt(len(apart))) if len(apart) > 1 else None,
        seeds=len(apart),
        won=None if gain is None else int((gain > ROUNDING).sum()),
    )


def differences(
    rows: Sequence[Mapping[str, Any]], baseline: str, columns: Sequence[Column]
) -> dict[str, tuple[Difference | None, ...]]:
    """Every strategy less the baseline, by name, one difference per column; those without a seed in common left out."""
    names = dict.fromkeys(str(row["strategy"]) for row in rows)
    found = {
        name: tuple(paired(rows, name, baseline, column) for column in columns) for name in names if name != baseline
    }
    return {name: told for name, told in found.items() if any(told)}


def chance_of_clear(seeds: int) -> float:
    """How often a difference that is none is called clear, if the seeds' differences are normal.

    >>> round(chance_of_clear(5), 3), round(chance_of_clear(3), 3)
    (0.116, 0.184)
    """
    return float(2 * stats.t.sf(CLEAR, seeds - 1)) if seeds >= FEWEST_SEEDS else 0.0


def reading_guide(found: Mapping[str, Sequence[Difference | None]], baseline: str) -> str:
    """How a table of differences is read, in a few sentences; nothing where there is nothing to read."""
    seeds = [one.seeds for told in found.values() for one in told if one is not None]
    if not seeds:
        return ""
    told = (
        f"Each row less {baseline}, taken within each seed first: mean ± its standard error, shares in percentage "
        "points, and in how many seeds the row was better."
    )
    if max(seeds) < FEWEST_SEEDS:
        return f"{told} Fewer than {FEWEST_SEEDS} seeds tell no difference from chance, so none is marked."
    chance = chance_of_clear(max(seeds))
    return (
        f"{told} A difference of more than {CLEAR:.0f} standard errors is called better or worse; with "
        f"{max(seeds)} seeds, chance alone does that to {100 * chance:.0f} in 100 differences that are none."
    )
