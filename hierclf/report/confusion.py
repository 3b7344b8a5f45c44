"""Which class is taken for which: a heat map for few classes, the most frequent confusions for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hierclf.report.colours import step
from hierclf.report.numbers import percent
from hierclf.taxonomy import Taxonomy

MOST_CLASSES = 60
"""A heat map of more classes than this cannot be read."""

NO_LEAF = {
    "ambiguous": "stopped early",
    "uncertain": "left uncertain",
    "novel_child": "called novel",
    "other": "called other",
}
"""The answers that name no leaf: the last columns of the counts, by status, and their words; only some models give the
two in the middle."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the heat map; ``text`` is empty where no image lies."""

    text: str
    colour: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Shares of each true class (rows, each adding up to 100 %) by what was answered (columns)."""

    columns: tuple[str, ...]
    answers: int  # how many of the last columns are no classes
    rows: tuple[tuple[str, int, tuple[Cell, ...]], ...]  # class, its number of images, its cells


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """One class taken for another."""

    truth: str
    answer: str
    images: int
    share: float


def family_order(taxonomy: Taxonomy) -> tuple[str, ...]:
    """The leaves with those of one parent side by side, as a walk from the root meets them first.

    >>> family_order(Taxonomy(root="r", edges=(("r", "a"), ("r", "b"), ("a", "x"), ("b", "y"), ("a", "z"))))
    ('x', 'z', 'y')
    """
    order: list[str] = []
    seen: set[str] = set()
    waiting = [taxonomy.root]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        children = taxonomy.children(node)
        if not children:
            order.append(node)
        waiting.extend(reversed(children))
    return tuple(order)


def heat_map(counts: np.ndarray, leaves: Sequence[str], order: Sequence[str]) -> HeatMap | None:
    """Draw the confusion counts, or return None when there are no images or too many classes.

    Args:
        counts: true leaf by answer, int, shape ``(L, L + 4)``; the last columns are those of `NO_LEAF`. The two in the
            middle are drawn where there are such images.
        leaves: the names that the rows of ``counts`` stand for.
        order: the same names in the order to draw them.
    """
    if len(leaves) > MOST_CLASSES or counts.sum() == 0:
        return None
    place = {leaf: index for index, leaf in enumerate(leaves)}
    rows_L = [place[leaf] for leaf in order]
    answers = [place for place, status in enumerate(NO_LEAF, len(leaves)) if _drawn(status, counts[:, place])]
    columns = [*rows_L, *answers]
    words = tuple(NO_LEAF.values())
    names = (*order, *(words[place - len(leaves)] for place in answers))
    return HeatMap(
        columns=names,
        answers=len(answers),
        rows=tuple(
            (leaves[row], int(counts[row].sum()), tuple(_cells(counts[row, columns], leaves[row], names)))
            for row in rows_L
        ),
    )


def top_confusions(counts: np.ndarray, leaves: Sequence[str], most: int) -> tuple[Confusion, ...]:
    """The pairs of different classes that are confused most often, most frequent first; ties keep the class order."""
    truths, answers = np.nonzero(counts[:, : len(leaves)])
    truths, answers = truths[truths != answers], answers[truths != answers]
    images = counts[truths, answers].astype(np.int64)
    best = np.argsort(-images, kind="stable")[:most]
    totals = counts.sum(axis=1)
    return tuple(
        Confusion(
            truth=leaves[truths[pair]],
            answer=leaves[answers[pair]],
            images=int(images[pair]),
            share=float(images[pair] / totals[truths[pair]]),
        )
        for pair in best
    )


def _drawn(status: str, counts: np.ndarray) -> bool:
    return status in ("ambiguous", "other") or bool(counts.sum())


def _cells(counts: np.ndarray, truth: str, names: Sequence[str]) -> list[Cell]:
    total = max(int(counts.sum()), 1)
    return [
        Cell(
            text=f"{100 * number / total:.0f}" if number else "",
            colour=step("much", number / total) if number else "none",
            hint=f"{truth} → {name}: {number} of {total} ({percent(number / total)})" if number else "",
        )
        for number, name in zip((int(number) for number in counts), names, strict=True)
    ]
