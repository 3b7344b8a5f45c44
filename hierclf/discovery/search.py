"""How to look for a taxonomy: the settings, checked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from typing import Any

from hierclf.discovery.hierarchy import Finder, hierarchies
from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean

BOOTSTRAPS = 100
SUPPORT = 0.7
LARGEST = 20


@dataclass(frozen=True, kw_only=True)
class Search:
    """Settings of a search; `hierclf.discovery.discover` says what each is.

    Raises:
        ConfigError: a setting out of its bounds, or an option that the method does not have.
        UnknownName: no such method.
    """

    method: str = "average"
    bootstraps: int = BOOTSTRAPS
    support: float = SUPPORT
    largest: int | None = LARGEST
    smallest: int = 2
    second: float | None = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _whole("bootstraps", self.bootstraps, 0, "a number of draws")
        _whole("smallest", self.smallest, 2, "how many classes a group has at least,")
        _whole("seed", self.seed, 0, "a whole number")
        if self.largest is not None:
            _whole("largest", self.largest, 2, "None or how many children a node may have,")
        if not _is_number(self.support) or not 0 <= self.support <= 1:
            raise ConfigError(f"support is a share from 0 to 1, got {self.support!r}")
        if self.second is not None and not (_is_number(self.second) and 0 <= self.second < math.inf):
            raise ConfigError(
                f"second is None or how much farther a second parent may be, from 0 on, got {self.second!r}"
            )
        _ = self.finder

    @cached_property
    def finder(self) -> Finder:
        """The method with its options."""
        build = hierarchies[self.method]
        known = signature(build).parameters
        for name in self.options:
            if name not in known:
                there = f"it has {', '.join(known)}" if known else "it has none"
                raise ConfigError(f"{self.method} has no option {name!r}{did_you_mean(name, known)} ({there})")
        return build(**self.options)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(name: str, value: object, least: int, words: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{name} is {words} from {least} on, got {value!r}")
