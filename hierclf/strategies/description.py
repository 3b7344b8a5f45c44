"""A strategy as a few lines of YAML: a registered one under another title, with some settings changed.

::

    # my_strategy.yaml
    title: per node, without images of other
    base: hierclf            # a registered strategy; hierclf when left out
    use_other: false         # whether it learns from images of other; as the base when left out
    head: per_node           # from here on, settings of `hierclf.HierarchicalClassifier`
    gate: [mahalanobis++, [knn, {k: 5}]]

>>> described({"base": "flat_msp", "title": "GEN", "gate": ["gen"]}, called="mine").settings["gate"]
['gen']
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from hierclf.errors import ConfigError, HierclfError
from hierclf.strategies.recipes import strategies
from hierclf.strategies.strategy import Strategy
from hierclf.taxonomy.events import Collection, Scalar, Stop, Value, read_value
from hierclf.taxonomy.source import Source, decode

MOST_BYTES = 1 << 20
WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
"""Plain words that are no text; quoted ones are."""


def load_strategy(path: str | PathLike[str]) -> Strategy:
    """The strategy that a file describes.

    Raises:
        ConfigError: the file cannot be read or holds something else, or the strategy cannot be used.
    """
    return described(_document(Path(path)), called=str(path))


def described(entry: Mapping[str, Any], *, called: str, common: Mapping[str, Any] | None = None) -> Strategy:
    """A strategy in words.

    Args:
        entry: settings, with ``title``, ``base`` and ``use_other`` among them.
        called: what to call it in messages, and its title where it has none; where a strategy of that name is
            registered, that is its base.
        common: settings beneath those of the base.

    Raises:
        ConfigError: it cannot be used; the message says why.
    """
    settings = dict(entry)
    known = called in strategies
    try:
        base = strategies[str(settings.pop("base", called if known else "hierclf"))]
        use_other = settings.pop("use_other", base.uses_other)
        if not isinstance(use_other, bool):
            raise ConfigError(f"use_other: expected true or false, got {use_other!r}")
        title = str(settings.pop("title", base.title if known else Path(called).stem))
        settings = {**(common or {}), **base.settings, **settings}
        return replace(base, title=title, settings=settings, uses_other=use_other).checked()
    except HierclfError as error:
        raise ConfigError(f"{called}: {error}") from error


def _document(path: Path) -> dict[str, Any]:
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}: {path.stat().st_size >> 20} MiB are too much for a strategy")
        source = Source(path=str(path), text=decode(path.read_bytes(), path))
        value = read_value(source)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read this strategy: {error.strerror or error}") from None
    except Stop:
        value = None
    except HierclfError as error:
        raise ConfigError(str(error)) from None
    if source.faults:
        fault = source.faults[0]
        raise ConfigError(f"{path}:{fault.line}:{fault.column}: {fault.message}")
    if not (isinstance(value, Collection) and value.is_mapping):
        raise ConfigError(f"{path}: expected settings as 'name: value', such as 'base: hierclf'")
    return {key.value: _plain(item) for key, item in value.pairs()}


def _plain(value: Value) -> Any:
    """Lists and dictionaries, and of plain words the numbers, true, false and null that they are."""
    if isinstance(value, Collection):
        if value.is_mapping:
            return {key.value: _plain(item) for key, item in value.pairs()}
        return [_plain(item) for item in value.items]
    return value.value if value.style else _typed(value)


def _typed(scalar: Scalar) -> Any:
    text = scalar.value
    if text in WORDS:
        return WORDS[text]
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if text[:1] in "+-.0123456789" and "_" not in text else text
    return text
