"""Taxonomies as lines of text, one edge a line.

``parent,child`` as CSV, with or without a header, quoted as in RFC 4180; or triples in the words of SKOS, separated by
tabs or spaces, where ``dog broader animal`` and ``animal narrower dog`` say the same.

Miles and Bechhofer, *SKOS Simple Knowledge Organization System Reference*, W3C Recommendation, 2009.

>>> parse_csv("digit,0\\ndigit,1\\n")
(('digit', '0'), ('digit', '1'))
>>> parse_skos("dog broader animal\\nanimal narrower cat\\n")
(('animal', 'dog'), ('animal', 'cat'))
"""

from __future__ import annotations

import csv
import io
import re

from hierclf.errors import TaxonomyError
from hierclf.taxonomy.fault import Fault, error_from
from hierclf.taxonomy.names import quoted
from hierclf.taxonomy.taxonomy import Edge, Taxonomy

HEADERS = {
    ("parent", "child"): False,
    ("source", "target"): False,
    ("from", "to"): False,
    ("broader", "narrower"): False,
    ("child", "parent"): True,
    ("narrower", "broader"): True,
}
"""First lines that are no edge, and whether the columns below stand the other way round."""

_TRIPLE = re.compile(r"(?P<subject>\S.*?)\s+(?:skos:)?(?P<relation>broader|narrower)\s+(?P<object>\S.*)")


def parse_csv(text: str, filename: str = "<text>") -> tuple[Edge, ...]:
    """Edges from lines ``parent,child``.

    The first line is a header only if it reads like one *and* its words name no class further down, so that a file
    without a header keeps its first edge. Blank lines are skipped, and spaces around a name do not count.

    Raises:
        TaxonomyError: broken quoting, or a line without exactly two names.
    """
    rows: list[Edge] = []
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        for row in reader:
            words = [word.strip() for word in row]
            if not any(words):
                continue
            if len(words) != 2 or not all(words):
                message = f"expected two names, parent,child, got {len(words)}: {quoted(','.join(row))}"
                raise _error(filename, reader.line_num, message, text)
            rows.append((words[0], words[1]))
    except csv.Error as error:
        raise _error(filename, reader.line_num, f"broken CSV: {error}", text) from error
    header = (rows[0][0].lower(), rows[0][1].lower()) if rows else None
    if header in HEADERS and not {word for row in rows[1:] for word in row} & set(rows[0]):
        rows = [(child, parent) for parent, child in rows[1:]] if HEADERS[header] else rows[1:]
    if not rows:
        raise _error(filename, 1, "no edges; expected lines such as animal,dog", text)
    return tuple(rows)


def parse_skos(text: str, filename: str = "<text>") -> tuple[Edge, ...]:
    """Edges from triples ``child broader parent`` and ``parent narrower child``, or from pairs ``parent child``.

    Names may hold spaces where tabs separate them or the relation stands between them. Lines that are blank or start
    with ``#`` are skipped; ``skos:broader`` and a full stop at the end, as in Turtle, are understood.

    Raises:
        TaxonomyError: a line that is neither.
    """
    edges: list[Edge] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        line = line.strip().removesuffix(" .").rstrip()
        if not line or line.startswith("#"):
            continue
        triple = _TRIPLE.fullmatch(line)
        if triple:
            first, second = triple["subject"].strip(), triple["object"].strip()
            edges.append((second, first) if triple["relation"] == "broader" else (first, second))
            continue
        words = [word.strip() for word in line.split("\t")] if "\t" in line else line.split()
        if len(words) != 2 or not all(words):
            expected = "expected `child broader parent`, `parent narrower child` or `parent child`"
            raise _error(filename, number, f"{expected}, got {quoted(line)}", text)
        edges.append((words[0], words[1]))
    if not edges:
        raise _error(filename, 1, "no edges; expected lines such as `dog broader animal`", text)
    return tuple(edges)


def format_csv(taxonomy: Taxonomy) -> str:
    """Lines ``parent,child`` under a header, quoted where needed."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("parent", "child"))
    writer.writerows(taxonomy.edges)
    return text.getvalue()


def format_skos(taxonomy: Taxonomy) -> str:
    """Triples ``child broader parent``, separated by tabs."""
    return "".join(f"{child}\tbroader\t{parent}\n" for parent, child in taxonomy.edges)


def _error(filename: str, line: int, message: str, text: str) -> TaxonomyError:
    """One faulty line; the csv module counts lines from 1, and 0 for an empty text."""
    lines = text.splitlines() or [""]
    line = min(max(line, 1), len(lines))
    source = lines[line - 1]
    return error_from(
        (
            Fault(
                path=filename,
                line=line,
                column=1,
                rule="syntax",
                message=message,
                source=source,
                span=len(source),
            ),
        )
    )
