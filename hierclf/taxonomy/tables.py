"""The side tables of a taxonomy file: labels, weights, what is known to be other, and what is promised about it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hierclf.taxonomy.events import Collection, Scalar, Value, report
from hierclf.taxonomy.gate_words import (
    DISCOVERING,
    GATE_RULES,
    NODE_SCORES,
    NOTHING,
    PROMISE_OF,
    PROMISES,
    Correct,
    NodeGates,
    listed,
)
from hierclf.taxonomy.names import normalise_name, quoted
from hierclf.taxonomy.outline import is_nothing, read_name
from hierclf.taxonomy.source import Source
from hierclf.taxonomy.taxonomy import LevelWeights

RULES_OF_LEVELS = ("leaf", "uniform")

SHARES = {
    "keep": ("the share to keep", "write a share such as 0.95: 95 of 100 known images are not turned away"),
    "confidence": ("the confidence", "write a share such as 0.95: 95 of 100 calibrations keep the promise"),
    "other_accepted": ("the share of other to accept", "write a share such as 0.05"),
    "false_discovery": (
        "the share of false discoveries",
        "write a share such as 0.1: of 100 images that are turned away, 10 may be known",
    ),
    "correct": (
        "the share to be right",
        "write none, or a share such as 0.95: 95 of 100 known images are answered right, or with an ancestor",
    ),
}
"""What each share is called, and what to write."""

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


@dataclass(frozen=True, kw_only=True)
class WrittenPromise:
    """What a file says about images that are turned away; None where it says nothing, or something wrong.

    Args:
        keep: share of known images that must not be turned away.
        word: which promise, one of `PROMISES`.
        confidence: of the promise ``confident``.
        other_accepted: of the promise ``two_sided``.
        false_discovery: share of the images that are turned away that may be known.
    """

    keep: float | None
    word: str | None
    confidence: float | None
    other_accepted: float | None
    false_discovery: float | None


def read_promise(source: Source, other: Mapping[str, Value]) -> WrittenPromise:
    """The promise that stands among the keys of ``other``."""
    faults = len(source.faults)
    word = _one_of(source, read_word(source, other.get("promise"), '"other.promise"'), PROMISES, "unknown-promise")
    readable = len(source.faults) == faults
    shares = {}
    for name in ("keep", *PROMISE_OF, "false_discovery"):
        value = other.get(name)
        shares[name] = _share(source, value, name)
        wanted = PROMISE_OF.get(name)
        if readable and wanted not in (None, word) and value is not None and not is_nothing(value):
            help = f"write `promise: {wanted}` beside it, or drop it"
            report(source, "idle-share", f'"{name}" belongs to the promise {wanted} alone', value, help)
    value = other.get("false_discovery")
    if word is not None and word not in DISCOVERING and value is not None and not is_nothing(value):
        message = f'"false_discovery" does not go with the promise {word}'
        report(
            source, "idle-share", message, value, f"it goes with {listed(DISCOVERING)}; write one of them, or drop it"
        )
    return WrittenPromise(word=word, **shares)


def read_node_gates(source: Source, value: Value | None) -> NodeGates | None:
    """``auto``, ``none``, or names of scores for the gates below the root."""
    if value is None or is_nothing(value):
        return None
    if not isinstance(value, Collection):
        word = _one_of(source, value, (*GATE_RULES, *NODE_SCORES), "unknown-gate")
        return word if word is None or word in GATE_RULES else (word,)
    if value.is_mapping or not value.items:
        got = "a mapping" if value.is_mapping else "an empty list"
        help = f"write auto, none, or a list of some of {', '.join(NODE_SCORES)}"
        report(source, "wrong-type", f'"other.gates" must be a word or a list of names, not {got}', value, help)
        return None
    names: list[str] = []
    for item in value.items:
        name = _one_of(source, read_word(source, item, 'a name in "other.gates"') or item, NODE_SCORES, "unknown-gate")
        if name in names:
            report(source, "listed-twice", f'{quoted(name)} is listed twice in "other.gates"', item, "drop one")
        elif name is not None:
            names.append(name)
    return tuple(names) if names else None


def read_correct(source: Source, value: Value | None) -> Correct | None:
    """A share, or the word ``none``."""
    if isinstance(value, Scalar) and value.value == NOTHING:
        return NOTHING
    if isinstance(value, Scalar) and not is_nothing(value) and not _NUMBER.fullmatch(value.value):
        what, help = SHARES["correct"]
        help = source.did_you_mean(value.value, [NOTHING]) or help
        report(source, "bad-weight", f"{what} must be a number or none, got {quoted(value.value)}", value, help)
        return None
    return _share(source, value, "correct")


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


def _one_of(source: Source, value: Value | None, known: tuple[str, ...], rule: str) -> str | None:
    """A word that is known; collections were noted before."""
    if value is None or isinstance(value, Collection):
        return None
    if value.value in known:
        return str(value.value)
    help = source.did_you_mean(value.value, list(known)) or f"write one of {', '.join(known)}"
    what = {"unknown-promise": "promise", "unknown-gate": "score for gates"}[rule]
    report(source, rule, f"unknown {what} {quoted(value.value)}", value, help)
    return None


def _share(source: Source, value: Value | None, name: str) -> float | None:
    """A number between 0 and 1."""
    what, help = SHARES[name]
    if value is None or is_nothing(value):
        return None
    share = _number(source, value, what)
    if share is not None and not 0 < share < 1:
        rule = "keep-range" if name == "keep" else "share-range"
        report(source, rule, f"{what} lies between 0 and 1, got {share:g}", value, help)
        return None
    return share


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
