"""Several experiments side by side: is there a strategy that does well in all of them?

One number of each strategy in each experiment, and three words about the whole: in how many experiments it is *first or
tied* (the best mean, or within one standard error of it, seed by seed), its mean rank, and how far its accuracy on
known images lies behind that of the most accurate row where it lies farthest behind. So nobody gains on the unknown by
losing the known without being seen.

>>> rows = [{"strategy": name, "seed": seed, "x": x, "leaf_accuracy": 0.9} for name, x in zip("ab", (0.1, 0.2)) for
...         seed in (0, 1)]
>>> two = [Contest(name=name, titles={"a": "ours", "b": "theirs"}, rows=rows) for name in ("digits", "clothes")]
>>> ours = overview(two, Column("x", "X", better="lower")).splitlines()[2]
>>> ours.startswith("| ours | **10.0 ± 0.0"), ours[-22:]
(True, '| 2 of 2 | 1.0 | 0.0 |')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.columns import COLUMNS
from hierclf.errors import ConfigError
from hierclf.report import Column
from hierclf.report.comparison import compare

METRIC = "unknown_accepted_at_95_known_unseen"
ACCURACY = COLUMNS["leaf_accuracy"]

NEVER_SEEN = Column(
    "unknown_accepted_at_95_known_new",
    "never-seen other accepted at 95 %",
    "lower",
    words="images of all kinds never seen before the test, near and far, taken for known by the threshold at which "
    "95 % of the known test images pass",
)
"""Near and far together; the threshold is that of the known images, so the shares add up by numbers of images."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Contest:
    """One experiment.

    Args:
        name: of the experiment.
        titles: of the strategies, by name.
        rows: one per strategy and seed.
    """

    name: str
    titles: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, metrics: Mapping[str, Any]) -> Contest:
        """That of an experiment's ``metrics.json``."""
        titles = {name: str(told["title"]) for name, told in metrics.get("strategies", {}).items()}
        return cls(name=str(metrics.get("name", "")), titles=titles, rows=list(map(with_never_seen, metrics["runs"])))

    def has(self, key: str) -> bool:
        """Whether some row holds the number."""
        return any(row.get(key) is not None for row in self.rows)

    def standings(self, column: Column) -> dict[str, Standing]:
        """Where every strategy stands that has the number for every seed that some other has it for, by name."""
        values = {one.name: one.values[0] for one in compare(self.rows, [column])}
        sign = -1.0 if column.better == "higher" else 1.0
        fullest = max((value.runs for value in values.values()), default=0)
        full = {name: value for name, value in values.items() if value.runs == fullest}
        loss = {name: sign * value.mean for name, value in full.items() if value.mean is not None}
        return {
            name: Standing(
                text=values[name].text,
                rank=1 + sum(other < own for other in loss.values()),
                first=values[name].best or values[name].tied,
                behind=own - min(loss.values()),
            )
            for name, own in loss.items()
        }


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One strategy in one experiment.

    Args:
        text: the number, mean and standard error.
        rank: 1 for the best mean.
        first: whether it is the best, or tied with it.
        behind: how far its mean lies behind the best one.
    """

    text: str
    rank: int
    first: bool
    behind: float


def with_never_seen(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its share of all never-seen other, near and far.

    >>> parts = {"unknown_accepted_at_95_known_unseen": 0.5, "unknown_accepted_at_95_known_far": 0.1}
    >>> with_never_seen({**parts, "n_other_unseen": 10, "n_other_far": 30})[NEVER_SEEN.key]
    0.2
    """
    parts = [
        (row.get(f"unknown_accepted_at_95_known_{kind}"), row.get(f"n_other_{kind}")) for kind in ("unseen", "far")
    ]
    told = [(share, count) for share, count in parts if share is not None and count]
    total = sum(count for _, count in told)
    return {**row, NEVER_SEEN.key: sum(share * count for share, count in told) / total if total else None}


def overview(contests: Sequence[Contest], column: Column = COLUMNS[METRIC]) -> str:
    """Every strategy that took part in all experiments, the best mean rank first, as a table in Markdown.

    Args:
        contests: the experiments.
        column: the number to compare.

    Raises:
        ConfigError: no experiment, or no strategy that took part in all of them.
    """
    standings = [contest.standings(column) for contest in contests]
    everywhere = [name for name in standings[0] if all(name in told for told in standings)] if standings else []
    if not everywhere:
        raise ConfigError(f"no strategy has {column.label!r} in all {len(contests)} experiments")
    accuracies = [contest.standings(ACCURACY) for contest in contests]
    names = " | ".join(contest.name for contest in contests)
    lines = [
        f"| | {names} | first or tied | mean rank | accuracy behind, at most |",
        f"|:--|{'--:|' * (len(contests) + 3)}",
    ]
    ranks = {name: sum(told[name].rank for told in standings) / len(contests) for name in everywhere}
    for name in sorted(everywhere, key=lambda one: ranks[one]):
        own = [told[name] for told in standings]
        behind = max((told[name].behind for told in accuracies if name in told), default=0.0)
        cells = [
            contests[0].titles.get(name, name),
            *(f"**{one.text}**" if one.first else one.text for one in own),
            f"{sum(one.first for one in own)} of {len(own)}",
            f"{ranks[name]:.1f}",
            f"{100 * behind:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
