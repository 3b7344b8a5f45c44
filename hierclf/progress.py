"""Progress bars for whatever takes longer than a moment; silent when nobody watches.

Long loops take a `Progress`: a function that wraps an iterable and passes its items on. `silent` shows nothing, `bars`
draws on standard error when that is a terminal.

>>> list(silent([1, 2], 2, "embedding"))
[1, 2]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """Wraps an iterable of ``total`` items and tells how far it is."""

    def __call__(self, items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
        """The same items; ``what`` names the work in a word or two."""
        ...


def silent(items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
    """Pass the items on and show nothing."""
    return items


def bars(items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
    """Pass the items on under a bar with the time left, if standard error is a terminal."""
    return _draw(items, total, what) if sys.stderr.isatty() else items


def _draw(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(items, total=total, description=what)
