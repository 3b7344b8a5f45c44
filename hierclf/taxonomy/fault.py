"""One thing that is wrong with a taxonomy file: where, what, and what to do.

A file is read to its end and every fault is reported at once, each under the line it is about::

    taxonomy.yaml:6:13: unknown class "round_shap" in "weights.classes"
      |
    6 |   classes: {round_shap: 0.25}
      |             ^^^^^^^^^^
      = help: did you mean "round"?
"""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from typing import Any

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.names import visible

RULES = {
    "unreadable": "the file is not text in UTF-8 without a byte order mark",
    "too-large": "the file holds more bytes or more classes than the limit",
    "too-deep": "the outline is nested deeper than the limit",
    "syntax": "the file is not one YAML document",
    "anchors": "anchors, aliases and merge keys are not read",
    "tags": "YAML tags are not read: every scalar is text",
    "version": "the file is written for another version of the format",
    "unknown-key": "a key that the format does not know",
    "duplicate-key": "a key that stands twice in one mapping",
    "wrong-type": "a list where a name belongs, text where a number belongs, and the like",
    "unknown-shape": "the shape is neither tree nor dag",
    "empty": "no class at all",
    "empty-name": "a class without a name",
    "bad-name": "a name with invisible characters, spaces at its ends, or of more than 200 characters",
    "nfc-twin": "two spellings that look alike and are one name in Unicode normal form C",
    "listed-twice": "a name listed twice under the same parent, or in the same list",
    "second-parent": "a class listed under a second parent in a tree",
    "class-under-itself": "a class listed as its own child",
    "cycle": "classes that form a loop",
    "unknown-class": "a side table names a class that the outline does not hold",
    "label-conflict": "a name in the data that would mean two classes",
    "other-is-class": "a name listed as other that is a class, or stands for one",
    "bad-weight": "a weight that is not a number of at least 0",
    "keep-range": "the share to keep is not between 0 and 1",
    "unknown-promise": "a promise that the gates do not know",
    "share-range": "a confidence or another share is not between 0 and 1",
    "idle-share": "a number that the promise in force has no use for, or does not go with",
    "unknown-gate": "a score that the gates below the root do not know",
    "edges": "the edges of another form than YAML do not make a taxonomy",
    "too-many": "more faults than are worth listing",
}
"""Every rule by name, with what it finds."""

WIDEST_LINE = 120


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault in a taxonomy file; ``str()`` draws it under its line.

    Args:
        path: the file, as it was given.
        line: the line, counted from 1; 0 when the fault has no line.
        column: the column in characters, counted from 1.
        rule: which rule of `RULES` is broken.
        message: what is wrong, in one line.
        help: what to do about it, or nothing.
        source: the line itself, without its end.
        span: how many characters the fault covers, at least 1.
    """

    path: str
    line: int
    column: int
    rule: str
    message: str
    help: str = ""
    source: str = ""
    span: int = 1

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        drawn = [f"{visible(self.path)}{place}: {visible(self.message)}"]
        number = str(self.line)
        margin = " " * len(number)
        if self.line:
            before, marked, after = _window(self.source, self.column - 1, self.span)
            drawn += [
                f"{margin} |",
                f"{number} | {before}{marked}{after}".rstrip(),
                f"{margin} | {' ' * _width(before)}{'^' * max(1, _width(marked))}",
            ]
        if self.help:
            drawn.append(f"{margin} = help: {visible(self.help)}")
        return "\n".join(drawn)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return asdict(self)


def error_from(faults: tuple[Fault, ...]) -> TaxonomyError:
    """The error that tells all the faults of one file."""
    return TaxonomyError("\n\n".join(map(str, faults)), faults)


def _window(source: str, start: int, span: int) -> tuple[str, str, str]:
    """The part of a line worth showing: before, inside and after the fault, made visible and cut when long."""
    start = min(max(start, 0), len(source))
    stop = min(start + max(span, 1), len(source), start + WIDEST_LINE)
    left = max(0, start - WIDEST_LINE // 2) if len(source) > WIDEST_LINE else 0
    right = min(len(source), max(stop, left + WIDEST_LINE))
    before, after = source[left:start], source[stop:right]
    return (
        ("…" if left else "") + visible(before.replace("\t", " ")),
        visible(source[start:stop]),
        visible(after.replace("\t", " ")) + ("…" if right < len(source) else ""),
    )


def _width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)
