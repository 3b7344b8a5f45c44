"""Names for parts: how a word in a YAML file or on the command line becomes a score, a head or a backbone.

A registry maps names to objects and nothing else: a string from a config never becomes an import path.

>>> scores = Registry("score")
>>> @scores.register("energy")
... def energy_score(): ...
>>> scores["enrgy"]
Traceback (most recent call last):
    ...
hierclf.errors.UnknownName: no score named 'enrgy'; did you mean 'energy'? (known: energy)
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from hierclf.errors import UnknownName

Part = TypeVar("Part")


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to a mistyped one, or None when nothing is near.

    >>> closest("digt", ["digit", "letter"])
    'digit'
    >>> closest("zebra", ["digit", "letter"])
    """
    known = list(known)
    folded = {word.casefold(): word for word in reversed(known)}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an error message: ``"; did you mean 'digit'?"``, or nothing when no known name is near."""
    near = closest(name, known)
    return f"; did you mean {near!r}?" if near is not None else ""


class Registry(Generic[Part]):
    """Parts of one kind by name.

    Args:
        kind: what the parts are, in the singular, for error messages (``"score"``).
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._parts: dict[str, Part] = {}

    def register(self, name: str) -> Callable[[Part], Part]:
        """Decorator that enters a part under a name, which must be new."""

        def enter(part: Part) -> Part:
            if name in self._parts:
                raise ValueError(f"a {self.kind} named {name!r} is registered already")
            self._parts[name] = part
            return part

        return enter

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order in which they were registered."""
        return tuple(self._parts)

    def __getitem__(self, name: str) -> Part:
        if name not in self._parts:
            hint = did_you_mean(str(name), self.names)
            raise UnknownName(f"no {self.kind} named {name!r}{hint} (known: {', '.join(self.names)})")
        return self._parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
