"""YAML as a plain tree of texts, lists and pairs, built from parser events.

A YAML loader is too clever for names: ``no`` becomes False, ``010`` becomes 8, a key that stands twice vanishes, a
572-byte file with merge keys unfolds for seconds, and deep brackets overflow its stack. The events below the loader
have none of that. They are gathered here with an explicit stack and with limits, each with the mark of its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn, TypeAlias

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
MOST_SCALARS = 500_000

PARSER: type = getattr(yaml, "CLoader", yaml.Loader)  # only its parser is used, never its constructor


class Collection:
    """A mapping (keys and values in turn) or a sequence, with the event that opened it."""

    __slots__ = ("event", "is_mapping", "items")

    def __init__(self, event: CollectionStartEvent) -> None:
        self.event = event
        self.is_mapping = type(event) is MappingStartEvent
        self.items: list[Value] = []

    def pairs(self) -> Iterator[tuple[ScalarEvent, Value]]:
        """Keys and values; a key that is not text is left out, since it was reported already."""
        for key, value in zip(self.items[::2], self.items[1::2], strict=True):
            if type(key) is ScalarEvent:
                yield key, value


Value: TypeAlias = ScalarEvent | Collection


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
                _stop(source, event, "too-large", f"more than {MOST_SCALARS:,} names")
            if event.anchor is not None or event.tag is not None:
                _refuse_marks(source, event)
            items.append(event)
        elif isinstance(event, CollectionStartEvent):
            if event.anchor is not None or event.tag is not None:
                _refuse_marks(source, event)
            if len(stack) >= MOST_NESTED:
                _stop(source, event, "too-deep", f"nested deeper than {MOST_NESTED} levels")
            collection = Collection(event)
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
                _stop(source, event, "syntax", "a second document in the same file", "keep one, without another `---`")
    return top[0] if top else None


def offset_of(event: Event) -> tuple[int, int]:
    """Line and column of an event, both from 0; they also tell which of two events stands first."""
    mark = event.start_mark
    return (mark.line, mark.column) if mark is not None else (0, 0)


def line_of(event: Event) -> int:
    """The line of an event as people count, from 1."""
    return offset_of(event)[0] + 1


def span_of(event: Event) -> int:
    """How many characters an event covers on its first line, at least 1."""
    line, column = offset_of(event)
    end = event.end_mark
    return max(1, end.column - column) if end is not None and end.line == line else 1


def report(source: Source, rule: str, message: str, event: Event, help: str = "") -> None:
    """Note a fault at the place of an event."""
    line, column = offset_of(event)
    source.report(rule, message, line=line, column=column, span=span_of(event), help=help)


def place(value: Value) -> Event:
    """The event that says where a value starts."""
    return value.event if isinstance(value, Collection) else value


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


def _stop(source: Source, event: Event, rule: str, message: str, help: str = "") -> NoReturn:
    report(source, rule, message, event, help)
    raise Stop


def _refuse_alias(source: Source, event: AliasEvent) -> None:
    help = f'write the names out; a name that starts with * goes in quotes: "*{event.anchor}"'
    _stop(source, event, "anchors", f"aliases such as *{event.anchor} are not read", help)


def _refuse_marks(source: Source, event: ScalarEvent | CollectionStartEvent) -> None:
    if event.anchor is not None:
        help = "write the names out; a name that starts with & goes in quotes"
        _stop(source, event, "anchors", f"anchors such as &{event.anchor} are not read", help)
    help = "leave the tag out; a name that starts with ! goes in quotes"
    report(source, "tags", f"tags such as {event.tag} are not read: every scalar is text", event, help)


def _check_keys(source: Source, mapping: Collection) -> None:
    keys = mapping.items[::2]
    texts = [key.value for key in keys if type(key) is ScalarEvent]
    if len(texts) == len(keys) == len(set(texts)) and "<<" not in texts:
        return
    first: dict[str, ScalarEvent] = {}
    for key in keys:
        if type(key) is not ScalarEvent:
            report(source, "wrong-type", "a key must be text, not a list or a mapping", place(key))
        elif key.value == "<<" and not key.style:
            _stop(
                source,
                key,
                "anchors",
                "merge keys are not read",
                "write the names out; a class named << goes in quotes",
            )
        elif key.value in first:
            line = line_of(first[key.value])
            message = f"{quoted(key.value)} stands twice in this mapping, first in line {line}"
            report(source, "duplicate-key", message, key, "join the two, or rename one")
        else:
            first[key.value] = key
