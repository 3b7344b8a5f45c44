"""YAML as a plain tree of texts, lists and pairs, built from parser events.

A YAML loader is too clever for names: ``no`` becomes False, ``010`` becomes 8, a key that stands twice vanishes, a
572-byte file with merge keys unfolds for seconds, and deep brackets overflow its stack. The events below the loader
have none of that. They are gathered here with an explicit stack and with limits, each with the mark of its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from hierclf.taxonomy.names import quoted
from hierclf.taxonomy.source import Source

MOST_NESTED = 256
MOST_SCALARS = 300_000

PARSER: type = getattr(yaml, "CLoader", yaml.Loader)  # only its parser is used, never its constructor


class Spot(NamedTuple):
    """A place in a text: line and column from 0, and how many characters it covers on that line."""

    line: int
    column: int
    width: int


class Scalar(NamedTuple):
    """A text with its place; the style is the quote around it, or nothing for a plain one."""

    value: str
    style: str | None
    line: int
    column: int
    width: int


class Collection:
    """A mapping (keys and values in turn) or a sequence, with the place where it starts."""

    __slots__ = ("column", "is_mapping", "items", "line", "width")

    def __init__(self, spot: Spot, *, is_mapping: bool) -> None:
        self.line, self.column, self.width = spot
        self.is_mapping = is_mapping
        self.items: list[Value] = []

    def pairs(self) -> Iterator[tuple[Scalar, Value]]:
        """Keys and values of a mapping."""
        for key, value in zip(self.items[::2], self.items[1::2], strict=True):
            if isinstance(key, Scalar):  # every other key was reported and taken out when the mapping ended
                yield key, value


Value: TypeAlias = Scalar | Collection


class Stop(Exception):  # noqa: D101 - a fault after which the rest makes no sense; never leaves this package
    pass


def read_value(source: Source) -> Value | None:
    """The one document of a source, or None for an empty one.

    Raises:
        Stop: after reporting what makes the rest unreadable: broken syntax, anchors, a second document, a limit.
    """
    stack: list[Collection] = []
    top: list[Value] = []
    items = top
    documents = scalars = 0
    for event in _events(source):
        if isinstance(event, ScalarEvent):
            scalars += 1
            if scalars > MOST_SCALARS:
                _stop(source, spot_of(event), "too-large", f"more than {MOST_SCALARS:,} names")
            if event.anchor is not None or event.tag is not None:
                _refuse_marks(source, event)
            items.append(Scalar(event.value, event.style, *spot_of(event)))
        elif isinstance(event, CollectionStartEvent):
            if event.anchor is not None or event.tag is not None:
                _refuse_marks(source, event)
            if len(stack) >= MOST_NESTED:
                _stop(source, spot_of(event), "too-deep", f"nested deeper than {MOST_NESTED} levels")
            collection = Collection(spot_of(event), is_mapping=isinstance(event, MappingStartEvent))
            items.append(collection)
            stack.append(collection)
            items = collection.items
        elif isinstance(event, CollectionEndEvent):
            closed = stack.pop()
            items = stack[-1].items if stack else top
            if closed.is_mapping:
                _check_keys(source, closed)
        elif isinstance(event, AliasEvent):
            _refuse_alias(source, event)
        elif isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                help = "keep one, without another `---`"
                _stop(source, spot_of(event), "syntax", "a second document in the same file", help)
    return top[0] if top else None


def spot_of(event: Event) -> Spot:
    """The place of an event; what covers several lines counts as one character."""
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:
        return Spot(0, 0, 1)
    line, column = start.line, start.column
    return Spot(line, column, end.column - column if end.line == line and end.column > column else 1)


def report(source: Source, rule: str, message: str, place: Spot | Value, help: str = "") -> None:
    """Note a fault at a place."""
    source.report(rule, message, line=place.line, column=place.column, span=place.width, help=help)


def _events(source: Source) -> Iterator[Event]:
    if not source.check_characters():
        raise Stop
    try:
        yield from yaml.parse(source.text, Loader=PARSER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = {"line": mark.line, "column": mark.column} if mark else {"line": 0, "column": 0}
        while where["line"] and (where["line"] >= len(source.lines) or not source.lines[where["line"]].strip()):
            where["line"] -= 1  # the parser noticed at the very end; show the last line that says something
            where["column"] = len(source.lines[where["line"]].rstrip())
        problem = error.problem or error.context or "not YAML"
        source.report("syntax", f"not YAML: {problem}", help=_advice(problem, error.context or ""), **where)
        raise Stop from None
    except yaml.YAMLError as error:
        source.report("syntax", f"not YAML: {str(error).splitlines()[0]}", line=0, column=0)
        raise Stop from None


def _advice(problem: str, context: str) -> str:
    if "mapping values are not allowed" in problem:
        return 'put a name that holds ": " in quotes, and check the indentation'
    if "flow sequence" in context:
        return 'a "[" or a comma before this place is not closed or missing'
    if "flow mapping" in context:
        return 'a "{" or a comma before this place is not closed or missing'
    if "quoted scalar" in context:
        return "a quote is not closed"
    if "cannot start any token" in problem or "anchor" in context or "alias" in context:
        return "put a name that starts with a special character in quotes"
    return "check the indentation, and put names with special characters in quotes"


def _stop(source: Source, place: Spot | Value, rule: str, message: str, help: str = "") -> NoReturn:
    report(source, rule, message, place, help)
    raise Stop


def _refuse_alias(source: Source, event: AliasEvent) -> None:
    alias = quoted(f"*{event.anchor}")
    help = f"write the names out; a name that starts with * goes in quotes: {alias}"
    _stop(source, spot_of(event), "anchors", f"the alias {alias} is not read", help)


def _refuse_marks(source: Source, event: ScalarEvent | CollectionStartEvent) -> None:
    if event.anchor is not None:
        help = "write the names out; a name that starts with & goes in quotes"
        _stop(source, spot_of(event), "anchors", f"the anchor {quoted(f'&{event.anchor}')} is not read", help)
    help = "leave the tag out; a name that starts with ! goes in quotes"
    report(source, "tags", f"the tag {quoted(str(event.tag))} is not read: every scalar is text", spot_of(event), help)


def _check_keys(source: Source, mapping: Collection) -> None:
    """Report keys that are no text or stand twice, and take them out."""
    keys = mapping.items[::2]
    texts = {key.value for key in keys if isinstance(key, Scalar)}
    if len(texts) == len(keys) and "<<" not in texts:
        return
    first: dict[str, Scalar] = {}
    kept: list[Value] = []
    for key, value in zip(keys, mapping.items[1::2], strict=True):
        if isinstance(key, Collection):
            report(source, "wrong-type", "a key must be text, not a list or a mapping", key)
        elif key.value == "<<" and not key.style:
            help = "write the names out; a class named << goes in quotes"
            _stop(source, key, "anchors", "merge keys are not read", help)
        elif key.value in first:
            line = first[key.value].line + 1
            message = f"{quoted(key.value)} stands twice in this mapping, first in line {line}"
            report(source, "duplicate-key", message, key, "join the two, or rename one")
        else:
            first[key.value] = key
            kept += [key, value]
    mapping.items = kept
