"""The side tables of a taxonomy file: labels, weights and what is known to be other."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from hierclf.taxonomy.events import Collection, Scalar, Value, report
from hierclf.taxonomy.names import normalise_name, quoted
from hierclf.taxonomy.outline import is_nothing, read_name
from hierclf.taxonomy.source import Source
from hierclf.taxonomy.taxonomy import LevelWeights

RULES_OF_LEVELS = ("leaf", "uniform")

_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def read_keys(source: Source, value: Value | None, known: tuple[str, ...], where: str) -> dict[str, Value]:
    """What stands under each known key of a mapping; unknown keys are noted."""
    if value is None or is_nothing(value):
        return {}
    if not isinstance(value, Collection) or not value.is_mapping:
        help = f"write it as a mapping with some of the keys {', '.join(known)}"
        report(source, "wrong-type", f"{where} must be a mapping of keys to values", value, help)
        return {}
    found: dict[str, Value] = {}
    for key, below in value.pairs():
        if key.value in known:
            found.setdefault(key.value, below)
        else:
            help = source.did_you_mean(key.value, list(known)) or f"the keys here are {', '.join(known)}"
            report(source, "unknown-key", f"unknown key {quoted(key.value)} in {where}", key, help)
    return found


def read_labels(source: Source, value: Value | None, nodes: dict[str, None]) -> tuple[tuple[str, str], ...]:
    """Pairs ``(name in the data, node)``."""
    meaning: dict[str, str] = {}
    for node, key, below in _classes(source, value, nodes, "labels"):
        for word, scalar in _words(source, below, f'the names for {quoted(key.value)} in "labels"'):
            if meaning.get(word) == node:
                report(source, "listed-twice", f"{quoted(word)} is listed twice for {quoted(node)}", scalar, "drop one")
            elif word in meaning:
                message = f"{quoted(word)} would mean both {quoted(meaning[word])} and {quoted(node)}"
                report(source, "label-conflict", message, scalar, "a name in the data means one class; drop one")
            elif word in nodes and word != node:
                message = f"{quoted(word)} is a class itself and would also mean {quoted(node)}"
                report(source, "label-conflict", message, scalar, "drop it here, or rename the class")
            else:
                meaning[word] = node
    return tuple(meaning.items())


def read_class_weights(source: Source, value: Value | None, nodes: dict[str, None]) -> tuple[tuple[str, float], ...]:
    """Pairs ``(node, weight)``."""
    weights: list[tuple[str, float]] = []
    for node, key, below in _classes(source, value, nodes, "weights.classes"):
        weight = _weight(source, below, f"the weight of {quoted(key.value)}")
        if weight is not None:
            weights.append((node, weight))
    return tuple(weights)


def read_level_weights(source: Source, value: Value | None) -> LevelWeights | None:
    """A list of weights, ``leaf``, ``uniform`` or ``{decay: 0.5}``."""
    if value is None or is_nothing(value):
        return None
    if not isinstance(value, Collection):
        if value.value in RULES_OF_LEVELS:
            return str(value.value)
        help = source.did_you_mean(value.value, [*RULES_OF_LEVELS, "decay"])
        help = help or "write a list such as [1.0, 0.5], or leaf, uniform or {decay: 0.5}"
        report(source, "bad-weight", f'{quoted(value.value)} is no rule for "weights.levels"', value, help)
        return None
    if value.is_mapping:
        keys = read_keys(source, value, ("decay",), '"weights.levels"')
        if "decay" in keys:
            decay = _weight(source, keys["decay"], "the decay")
            return None if decay is None else ("decay", decay)
        if not value.items:
            report(source, "wrong-type", '"weights.levels" is an empty mapping', value, "write {decay: 0.5}")
        return None
    weights = [_weight(source, item, "a weight of a level") for item in value.items]
    if not weights:
        help = "the first weight belongs to the gate, the next to level 1, and so on"
        report(source, "bad-weight", '"weights.levels" is an empty list', value, help)
    numbers = tuple(weight for weight in weights if weight is not None)
    return numbers if numbers and len(numbers) == len(weights) else None


def read_other(
    source: Source, value: Value | None, nodes: dict[str, None], labels: tuple[tuple[str, str], ...]
) -> tuple[str, ...]:
    """Names in the data that are known to be none of the classes."""
    meaning = dict(labels)
    found: dict[str, None] = {}
    for word, scalar in _words(source, value, '"other.data"'):
        if word in found:
            report(source, "listed-twice", f'{quoted(word)} is listed twice in "other.data"', scalar, "drop one")
        elif word in nodes:
            help = "it cannot be both; drop it here or in the outline"
            report(source, "other-is-class", f"{quoted(word)} is a class and also listed as other", scalar, help)
        elif word in meaning:
            message = f"{quoted(word)} stands for the class {quoted(meaning[word])} and is also listed as other"
            report(source, "other-is-class", message, scalar, 'it cannot be both; drop it here or in "labels"')
        else:
            found[word] = None
    return tuple(found)


def read_keep(source: Source, value: Value | None) -> float | None:
    """The share of known images that must not be turned away."""
    if value is None or is_nothing(value):
        return None
    keep = _number(source, value, "the share to keep")
    if keep is not None and not 0 < keep < 1:
        help = "write a share such as 0.95: 95 of 100 known images are not turned away"
        report(source, "keep-range", f"the share to keep lies between 0 and 1, got {keep:g}", value, help)
        return None
    return keep


def read_word(source: Source, value: Value | None, where: str) -> Scalar | None:
    """A single non-empty scalar."""
    if value is None or is_nothing(value):
        return None
    if isinstance(value, Collection):
        report(source, "wrong-type", f"{where} must be one word, not a list or a mapping", value)
        return None
    return value


def _classes(
    source: Source, value: Value | None, nodes: dict[str, None], where: str
) -> Iterator[tuple[str, Scalar, Value]]:
    """Entries of a table whose keys are classes."""
    if value is None or is_nothing(value):
        return
    if not isinstance(value, Collection) or not value.is_mapping:
        report(source, "wrong-type", f'"{where}" must be a mapping with classes as keys', value)
        return
    for key, below in value.pairs():
        node = normalise_name(key.value)
        if node in nodes:
            yield node, key, below
        else:
            help = source.did_you_mean(node, list(nodes)) or 'list the class under "tree"'
            report(source, "unknown-class", f'unknown class {quoted(key.value)} in "{where}"', key, help)


def _words(source: Source, value: Value | None, where: str) -> Iterator[tuple[str, Scalar]]:
    """One name or a list of names."""
    if value is None or is_nothing(value):
        return
    if isinstance(value, Collection) and value.is_mapping:
        report(source, "wrong-type", f"{where} must be a name or a list of names, not a mapping", value)
        return
    for item in value.items if isinstance(value, Collection) else [value]:
        if isinstance(item, Collection):
            report(source, "wrong-type", f"{where} must be names, not lists or mappings", item)
        elif (word := read_name(source, item, {}, what="an entry")) is not None:
            yield word, item


def _weight(source: Source, value: Value, what: str) -> float | None:
    number = _number(source, value, what)
    if number is not None and number < 0:
        report(source, "bad-weight", f"{what} must be at least 0, got {number:g}", value)
        return None
    return number


def _number(source: Source, value: Value, what: str) -> float | None:
    if isinstance(value, Collection) or value.style or not _NUMBER.fullmatch(value.value):
        got = "a list or a mapping" if isinstance(value, Collection) else quoted(value.value)
        help = "write a number such as 0.5, without quotes"
        rule = "wrong-type" if isinstance(value, Collection) or value.style else "bad-weight"
        report(source, rule, f"{what} must be a number, got {got}", value, help)
        return None
    number = float(value.value)
    if math.isinf(number):
        report(source, "bad-weight", f"{what} must be a finite number, got {value.value}", value)
        return None
    return number
