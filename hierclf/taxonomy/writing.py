"""A taxonomy as the text of a taxonomy file, in the form that people write by hand.

Reading the text back gives an equal value: the same edges, children in the same order, and the same side tables.
Remarks are for people, and stand where one looks for them: a header on top, a comment right behind the name of its
node, in one column where neighbours have some too.

>>> signs = Taxonomy.from_edges({"sign": ["digit", "dot"], "digit": "01"})
>>> print(format_taxonomy(signs, comments={"digit": "support 0.98", "dot": "a class"}, header=["Edit it freely."]))
# yaml-language-server: $schema=./taxonomy.schema.json
#
# Edit it freely.
version: 1
root: sign
tree:
  digit: [0, 1]  # support 0.98
  dot:           # a class
<BLANKLINE>
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from os import PathLike

from hierclf.errors import TaxonomyError
from hierclf.files import whole_file
from hierclf.taxonomy.events import MOST_NESTED
from hierclf.taxonomy.names import visible
from hierclf.taxonomy.taxonomy import Taxonomy

WIDEST_LINE = 100
WIDEST_ALIGNED = 80
"""The longest line that moves its neighbours' comments to the right."""
SCHEMA_LINE = "# yaml-language-server: $schema=./taxonomy.schema.json"

_PLAIN = re.compile(r"\w(?:[\w ./()+-]*[\w/()+-])?")  # needs no quotes anywhere in YAML
_NUMBERS = r"(?:0|[1-9][0-9]*)\Z|[0-9]{1,3}(?:-[0-9]{1,3})+\Z"  # 7, and 4-7-9, which is neither number nor date
_MISREAD = re.compile(rf"(?i:yes|no|on|off|true|false|null)|(?!{_NUMBERS})[0-9][0-9_.+eExXoOa-fA-F-]*")

_Line = tuple[str, str]  # text, remark


def write_taxonomy(
    taxonomy: Taxonomy,
    path: str | PathLike[str],
    *,
    comments: Mapping[str, str] | None = None,
    header: Sequence[str] = (),
) -> None:
    """Write a taxonomy file; the file is whole or untouched, whatever happens meanwhile.

    Args:
        taxonomy: what to write.
        path: where to; an existing file is replaced.
        comments: remarks to put behind some of the nodes.
        header: lines to put on top, as comments.

    Raises:
        TaxonomyError: the file cannot be written, or the outline is too deep for a file.
        UnknownName: a comment on a node that there is not.
    """
    write_text(format_taxonomy(taxonomy, comments=comments, header=header), path)


def write_text(text: str, path: str | PathLike[str]) -> None:
    """Write a text file beside its place and move it there in one step.

    Raises:
        TaxonomyError: the file cannot be written.
    """
    try:
        with whole_file(path) as file:
            file.write(text)
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot write this taxonomy: {error.strerror or error}") from error


def format_taxonomy(
    taxonomy: Taxonomy, *, comments: Mapping[str, str] | None = None, header: Sequence[str] = ()
) -> str:
    """The text of a taxonomy file.

    Args:
        taxonomy: what to write.
        comments: remarks by node, one line each; a node that is listed again gets its remark the first time.
        header: lines to put on top, as comments.

    Raises:
        TaxonomyError: the outline would be nested deeper than a file may be.
        UnknownName: a comment on a node that there is not.

    >>> print(format_taxonomy(Taxonomy.from_edges({"digit": "01", "letter": "a"}, root="sign")))
    # yaml-language-server: $schema=./taxonomy.schema.json
    version: 1
    root: sign
    tree:
      digit: [0, 1]
      letter: [a]
    <BLANKLINE>
    """
    for node in comments or ():
        taxonomy.index(node)  # an unknown one is an error
    remarks = {node: text for node, remark in (comments or {}).items() if (text := _one_line(remark))}
    lines = [SCHEMA_LINE, *_header(header), "version: 1"]
    if taxonomy.name:
        lines.append(f"name: {scalar(taxonomy.name)}")
    lines += _aligned([(f"root: {scalar(taxonomy.root)}", remarks.pop(taxonomy.root, ""))])
    if not taxonomy.is_tree:
        lines.append("shape: dag")
    lines += _aligned(_outline(taxonomy, remarks))
    lines += [*_labels(taxonomy), *_weights(taxonomy), *_other(taxonomy)]
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """A scalar that any YAML reader takes for this very text where that matters; plain digits stay bare.

    >>> scalar("7"), scalar("no"), scalar("a: b"), scalar("010")
    ('7', '"no"', '"a: b"', '"010"')
    """
    if _PLAIN.fullmatch(text) and not _MISREAD.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _header(header: Sequence[str]) -> Iterator[str]:
    lines = [_one_line(line) for text in header for line in text.splitlines() or [""]]
    if lines:
        yield "#"
        yield from (f"# {line}".rstrip() for line in lines)


def _one_line(remark: str) -> str:
    """A remark without line ends, and with nothing in it that a YAML file must not hold."""
    return visible(" ".join(remark.split()))


def _aligned(lines: Iterable[_Line]) -> Iterator[str]:
    """Lines with their remarks behind them, those of neighbours in one column."""
    for remarked, run in groupby(lines, key=lambda line: bool(line[1])):
        if not remarked:
            yield from (text for text, _ in run)
            continue
        together = list(run)
        column = max((len(text) for text, _ in together if len(text) <= WIDEST_ALIGNED), default=0)
        yield from (f"{text.ljust(column)}  # {remark}" for text, remark in together)


def _outline(taxonomy: Taxonomy, remarks: dict[str, str]) -> Iterator[_Line]:
    """The tree, line by line; remarks that are used are taken out."""
    written: set[str] = set()
    waiting = [(taxonomy.root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth >= MOST_NESTED - 2:
            raise TaxonomyError(f"the outline is nested deeper than {MOST_NESTED - 3} levels, too deep for a file")
        key = f"{'  ' * depth}{scalar(node) if depth else 'tree'}:"
        remark = remarks.pop(node, "")
        below = () if node in written else taxonomy.children(node)
        written.add(node)
        if below and not any(child in remarks or taxonomy.children(child) for child in below):
            yield from _remarked_list(key, below, remark)
        else:
            yield key, remark
            waiting.extend((child, depth + 1) for child in reversed(below))


def _remarked_list(key: str, words: Sequence[str], remark: str) -> Iterator[_Line]:
    """``key: [a, b]  # remark`` in a line, or the words below the key and its remark."""
    lines = list(_list(key, words))
    if remark and (len(lines) > 1 or len(f"{lines[0]}  # {remark}") > WIDEST_LINE):
        yield f"{key} [", remark
        lines, remark = list(_list(key, words, opened=True)), ""
    yield from ((line, remark) for line in lines)


def _list(key: str, words: Iterable[str], *, opened: bool = False) -> Iterator[str]:
    """``key: [a, b, c]``, broken into lines at the commas; the first line may be written already."""
    indent = " " * (len(key) - len(key.lstrip()) + 2)
    line, first = indent if opened else f"{key} [", True
    for word in map(scalar, words):
        piece = word if first else f", {word}"
        if not first and len(line) + len(piece) >= WIDEST_LINE:
            yield f"{line},"
            line, piece = indent, word
        line, first = line + piece, False
    yield f"{line}]"


def _labels(taxonomy: Taxonomy) -> Iterator[str]:
    words: dict[str, list[str]] = {}
    for word, node in taxonomy.labels:
        words.setdefault(node, []).append(word)
    if words:
        yield "labels:"
        for node, listed in words.items():
            yield from _list(f"  {scalar(node)}:", listed)


def _weights(taxonomy: Taxonomy) -> Iterator[str]:
    if taxonomy.level_weights is None and not taxonomy.class_weights:
        return
    yield "weights:"
    levels = taxonomy.level_weights
    if isinstance(levels, str):
        yield f"  levels: {levels}"
    elif levels is not None and isinstance(levels[0], str):
        yield f"  levels: {{decay: {_number(levels[1])}}}"
    elif levels is not None:
        yield f"  levels: [{', '.join(map(_number, levels))}]"
    if taxonomy.class_weights:
        yield "  classes:"
        for node, weight in taxonomy.class_weights:
            yield f"    {scalar(node)}: {_number(weight)}"


def _other(taxonomy: Taxonomy) -> Iterator[str]:
    lines = list(_list("  data:", taxonomy.other)) if taxonomy.other else []
    if taxonomy.keep is not None:
        lines.append(f"  keep: {_number(taxonomy.keep)}")
    if taxonomy.promise is not None:
        lines.append(f"  promise: {taxonomy.promise}")
    lines += [
        f"  {name}: {_number(share)}"
        for name in ("confidence", "other_accepted")
        if (share := getattr(taxonomy, name)) is not None
    ]
    if isinstance(taxonomy.node_gates, str):
        lines.append(f"  gates: {taxonomy.node_gates}")
    elif taxonomy.node_gates is not None:
        lines += _list("  gates:", taxonomy.node_gates)
    if taxonomy.correct is not None:
        lines.append(
            f"  correct: {taxonomy.correct if isinstance(taxonomy.correct, str) else _number(taxonomy.correct)}"
        )
    if taxonomy.false_discovery is not None:
        lines.append(f"  false_discovery: {_number(taxonomy.false_discovery)}")
    if lines:
        yield "other:"
        yield from lines


def _number(value: object) -> str:
    return repr(float(value))  # type: ignore[arg-type]
