"""What something is, in 16 digits: of settings, a strategy, a taxonomy. Equal checksums, equal things."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from hierclf.strategies import Strategy, fit_gate_only
from hierclf.taxonomy import Taxonomy


def checksum_of(facts: Any) -> str:
    """The first 16 digits of the SHA-256 over facts as JSON; the order of keys does not count.

    >>> checksum_of({"a": 1, "b": [2]}) == checksum_of({"b": [2], "a": 1}) != checksum_of({"a": 1})
    True
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def taxonomy_checksum(taxonomy: Taxonomy) -> str:
    """The first 16 digits of the SHA-256 over all that a taxonomy says."""
    return hashlib.sha256(repr(taxonomy).encode()).hexdigest()[:16]


def settings_checksum(strategy: Strategy) -> str:
    """The first 16 digits of the SHA-256 over how a strategy fits and all that is set for it; its title does not count.

    How it gets from a network to a classifier counts where that is more than fitting a gate.

    >>> one = Strategy(title="one", settings={"head": "flat", "keep": 0.9})
    >>> two = Strategy(title="two", settings={"keep": 0.9, "head": "flat"})
    >>> settings_checksum(one) == settings_checksum(two), settings_checksum(one) == settings_checksum(one.but(keep=0.8))
    (True, False)
    """
    told = [_called(strategy.fit_with), strategy.uses_other, dict(strategy.settings)]
    if strategy.finish_with is not fit_gate_only:
        told.append(_called(strategy.finish_with))
    return checksum_of(told)


def _called(way: Callable[..., Any]) -> str:
    """The name of a function, or of the class of what can be called like one."""
    return str(getattr(way, "__qualname__", type(way).__qualname__))
