"""Taxonomy files: read one, check one, write one.

The form is an outline of names with small side tables; ``taxonomy.schema.json`` beside this module describes it to
editors. Every scalar is text, so ``no``, ``010`` and ``1:30`` stay what was typed. Reading reports all faults at once.

>>> taxonomy = parse_taxonomy("tree: {digit: [0, 1], letter: [a]}")
>>> taxonomy.leaves
('0', '1', 'a')
>>> [fault.rule for fault in check_taxonomy("tree: {digit: [0, 0], letter: [a, 0]}")]
['listed-twice', 'second-parent']
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

from hierclf.errors import TaxonomyError
from hierclf.registry import did_you_mean
from hierclf.taxonomy.events import Collection, Scalar, Stop, Value, read_value, report
from hierclf.taxonomy.fault import Fault, error_from
from hierclf.taxonomy.names import quoted
from hierclf.taxonomy.outline import Outline, check_edges, is_nothing, read_name, read_outline
from hierclf.taxonomy.source import Source, TooManyFaults, read_text
from hierclf.taxonomy.tables import (
    read_class_weights,
    read_correct,
    read_keys,
    read_labels,
    read_level_weights,
    read_node_gates,
    read_other,
    read_promise,
    read_word,
)
from hierclf.taxonomy.taxonomy import Taxonomy

VERSION = "1"
KEYS = ("version", "name", "root", "shape", "tree", "labels", "weights", "other")
OTHER_KEYS = ("data", "keep", "promise", "confidence", "other_accepted", "gates", "correct", "false_discovery")
SHAPES = ("tree", "dag")
MOST_NODES = 200_000


def read_taxonomy(path: str | PathLike[str]) -> Taxonomy:
    """Read a taxonomy file, or one of the shipped taxonomies by name (``"digits"``).

    Raises:
        TaxonomyError: the file is missing or has faults; the message lists every one with its place.

    >>> read_taxonomy("digits").root
    'digit'
    """
    found = find_taxonomy(path)
    return parse_taxonomy(read_text(found), str(found))


def parse_taxonomy(text: str, filename: str = "<text>") -> Taxonomy:
    """Read a taxonomy from the text of a file.

    Args:
        text: the content.
        filename: what to call it in messages.

    Raises:
        TaxonomyError: it has faults; the message lists every one with its place, ``.faults`` holds them.
    """
    taxonomy, faults = _parse(text, filename)
    if faults or taxonomy is None:
        raise error_from(faults)
    return taxonomy


def check_taxonomy(source: str | PathLike[str]) -> tuple[Fault, ...]:
    """Every fault of a taxonomy file, in the order of the file; none for a good one.

    Args:
        source: a path, the name of a shipped taxonomy, or the text itself (recognised by a line end or a ``": "``).

    Raises:
        TaxonomyError: there is no such file, so there is nothing to check.
    """
    try:
        if isinstance(source, str) and ("\n" in source or ": " in source):
            return _parse(source, "<text>")[1]
        found = find_taxonomy(source)
        return _parse(read_text(found), str(found))[1]
    except TaxonomyError as error:
        if not error.faults:
            raise
        return tuple(fault for fault in error.faults if isinstance(fault, Fault))


def shipped_taxonomies() -> dict[str, Path]:
    """The taxonomies that come with hierclf, by name."""
    packaged = Path(str(resources.files("hierclf"))) / "taxonomies"
    folder = packaged if packaged.is_dir() else packaged.parents[1] / "taxonomies"  # a checkout keeps them at the top
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def find_taxonomy(path: str | PathLike[str]) -> Path:
    """The file that a path or the name of a shipped taxonomy stands for; a file in the way of a name wins.

    Raises:
        TaxonomyError: there is no such file, and no shipped taxonomy of that name.
    """
    given = Path(path)
    try:
        if given.exists():
            return given
    except (OSError, ValueError) as error:
        raise TaxonomyError(f"{quoted(str(path))} is no path of a taxonomy: {error}") from None
    shipped = shipped_taxonomies()
    if str(path) in shipped:
        return shipped[str(path)]
    hint = did_you_mean(str(path), shipped)
    raise TaxonomyError(f"{path}: no such taxonomy file{hint} (shipped by name: {', '.join(shipped)})")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft-07) of taxonomy files, for editors."""
    text = resources.files("hierclf.taxonomy").joinpath("taxonomy.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep Python's cycle collector from walking 100,000 living scalars over and over, which takes most of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parse(text: str, filename: str) -> tuple[Taxonomy | None, tuple[Fault, ...]]:
    source = Source(path=filename, text=text)
    taxonomy = None
    try:
        with _collector_at_rest():
            taxonomy = _read(source, read_value(source))
    except (Stop, TooManyFaults):
        pass
    except TaxonomyError as error:  # what only the finished value can tell
        if not source.faults:
            source.report("syntax", str(error), line=0, column=0)
    faults = sorted(source.faults, key=lambda fault: (fault.rule == "too-many", fault.line, fault.column))
    return taxonomy, tuple(faults)


def _read(source: Source, value: Value | None) -> Taxonomy | None:
    if value is None or is_nothing(value):
        source.report("empty", "an empty taxonomy", line=0, column=0, help="list the classes under `tree:`")
        return None
    if not isinstance(value, Collection) or not value.is_mapping:
        help = "start with `tree:` and list the classes under it"
        report(source, "wrong-type", "a taxonomy is a mapping with the key `tree`", value, help)
        return None
    keys = read_keys(source, value, KEYS, "a taxonomy")
    _check_version(source, keys.get("version"))
    name = read_word(source, keys.get("name"), '"name"')
    is_tree = _read_shape(source, keys.get("shape"))
    outline = _read_tree(source, value, keys, is_tree=is_tree)

    nodes = dict.fromkeys([outline.root, *(child for _, child in outline.edges)])
    if len(nodes) > MOST_NODES:
        report(source, "too-large", f"{len(nodes):,} classes; at most {MOST_NODES:,} are allowed", value)
    labels = read_labels(source, keys.get("labels"), nodes)
    weights = read_keys(source, keys.get("weights"), ("levels", "classes"), '"weights"')
    level_weights = read_level_weights(source, weights.get("levels"))
    class_weights = read_class_weights(source, weights.get("classes"), nodes)
    other = read_keys(source, keys.get("other"), OTHER_KEYS, '"other"')
    data = read_other(source, other.get("data"), nodes, labels)
    promise = read_promise(source, other)
    node_gates = read_node_gates(source, other.get("gates"))
    correct = read_correct(source, other.get("correct"))
    if source.faults:
        return None
    return Taxonomy(
        root=outline.root,
        edges=tuple(outline.edges),
        name=name.value if name is not None else "",
        labels=labels,
        level_weights=level_weights,
        class_weights=class_weights,
        other=data,
        keep=promise.keep,
        promise=promise.word,
        confidence=promise.confidence,
        other_accepted=promise.other_accepted,
        node_gates=node_gates,
        correct=correct,
        false_discovery=promise.false_discovery,
    )


def _read_tree(source: Source, document: Collection, keys: dict[str, Value], *, is_tree: bool) -> Outline:
    named = read_word(source, keys.get("root"), '"root"')
    root = (read_name(source, named, {}, what="a root") if named is not None else None) or "root"
    outline = read_outline(source, root, keys.get("tree"))
    if not outline.edges and not source.faults:
        where = keys.get("tree", document)
        message = "the tree holds no class" if "tree" in keys else "no classes: the key `tree` is missing"
        report(source, "empty", message, where, "list the classes under `tree:`, such as `tree: [cat, dog]`")
    check_edges(source, outline, is_tree=is_tree)
    return outline


def _check_version(source: Source, value: Value | None) -> None:
    written = read_word(source, value, '"version"')
    if written is not None and written.value != VERSION:
        message = f"version {quoted(written.value)} of the format is not known here"
        report(source, "version", message, written, f"write `version: {VERSION}`, or update hierclf if it is newer")


def _read_shape(source: Source, value: Value | None) -> bool:
    written: Scalar | None = read_word(source, value, '"shape"')
    if written is None or written.value in SHAPES:
        return written is None or written.value == "tree"
    help = source.did_you_mean(written.value, list(SHAPES)) or "the shape is tree (the default) or dag"
    report(source, "unknown-shape", f"unknown shape {quoted(written.value)}", written, help)
    return False  # whoever writes a shape does not mean the default; say nothing of second parents
