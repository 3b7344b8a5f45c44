"""A look at all images before the first epoch: what is there, what is broken, what does not fit.

Every image is decoded once and its content hashed. The hashes find copies, in one set or across two, and tell a later
reader that an image has changed. What was found out about a file can be kept in a cache, so the second scan of a large
folder takes a moment.

>>> from hierclf.data import load_images
>>> found = scan(load_images(np.zeros((3, 4, 4), np.uint8), ["a", "a", "b"]))
>>> found.counts, found.one_image, found.conflicts
((('a', 2), ('b', 1)), ('b',), (('#0', '#2'),))
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hierclf.data.decoding import read_image, source_name
from hierclf.data.image_set import ImageSet, content_hash, file_hash
from hierclf.data.labels import UnmatchedLabel, label_nodes, unmatched_labels, unmatched_message
from hierclf.data.scan_cache import Finding, ScanCache, file_key
from hierclf.errors import DataError, ImageError
from hierclf.taxonomy import Taxonomy

Progress: TypeAlias = Callable[[Iterable[Any], int, str], Iterable[Any]]
"""Wraps an iterable, given its length and a word for what is done, and yields the same items."""

MAX_CORRUPT_SHARE = 0.01
"""Above this share of unreadable images something is wrong with the data as a whole, and training stops."""

_MOST_NAMED = 5  # names in one sentence


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What a set of images holds.

    Args:
        names: one per image.
        labels: one per image, or None for a set without labels.
        hashes: SHA-256 of each image's content; ``""`` where it could not be read at all.
        reasons: why each image cannot be decoded; ``""`` where it can.
        classes: every class that the data names, also those without an image.
        unmatched: labels that mean no node of the taxonomy; empty without a taxonomy.
        leaves_without_images: leaves of the taxonomy that no readable image is labelled with; empty without one.
        refused: files left out for a reason, as ``(name, reason)``.
        ignored: number of hidden files and files that are no images.
        twins: pairs of class folders that bear one label, also where their names differ (in blanks at the end, or in
            how a letter is composed).
    """

    names: tuple[str, ...]
    labels: tuple[str, ...] | None
    hashes: tuple[str, ...]
    reasons: tuple[str, ...]
    classes: tuple[str, ...] = ()
    unmatched: tuple[UnmatchedLabel, ...] = ()
    leaves_without_images: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    ignored: int = 0
    twins: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def corrupt(self) -> tuple[tuple[str, str], ...]:
        """Images that cannot be decoded, as ``(name, reason)``."""
        return tuple((name, reason) for name, reason in zip(self.names, self.reasons, strict=True) if reason)

    @cached_property
    def readable(self) -> NDArray[np.int64]:
        """Places of the images that can be decoded, for ``image_set.subset(scan.readable)``."""
        return np.flatnonzero([not reason for reason in self.reasons]).astype(np.int64)

    @cached_property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """Readable images per label, ``""`` for those without one; labels sorted, also those without an image."""
        counts = Counter(dict.fromkeys(self.classes, 0))
        if self.labels is not None:
            counts.update(dict.fromkeys(self.labels, 0))
            counts.update(label for label, reason in zip(self.labels, self.reasons, strict=True) if not reason)
        return tuple(sorted(counts.items()))

    @cached_property
    def empty(self) -> tuple[str, ...]:
        """Classes without a single readable image."""
        return tuple(label for label, count in self.counts if label and count == 0)

    @cached_property
    def one_image(self) -> tuple[str, ...]:
        """Classes with a single readable image."""
        return tuple(label for label, count in self.counts if label and count == 1)

    @cached_property
    def copies(self) -> tuple[tuple[int, ...], ...]:
        """Places of images with the same content, one tuple per content that occurs more than once."""
        places: dict[str, list[int]] = defaultdict(list)
        for place in self.readable.tolist():
            places[self.hashes[place]].append(place)
        return tuple(tuple(group) for group in places.values() if len(group) > 1)

    @cached_property
    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Names of images with the same content, one tuple per content that occurs more than once."""
        return tuple(tuple(self.names[place] for place in group) for group in self.copies)

    @cached_property
    def conflicts(self) -> tuple[tuple[str, str], ...]:
        """Pairs of names: an image, and a copy of it that bears another label."""
        labels = self.labels
        if labels is None:
            return ()
        pairs = ((first, place) for first, *others in self.copies for place in others)
        return tuple((self.names[one], self.names[two]) for one, two in pairs if labels[one] != labels[two])

    @cached_property
    def lookalikes(self) -> tuple[tuple[str, ...], ...]:
        """Labels that differ only in capitals, in width or in joining characters."""
        alike: dict[str, list[str]] = defaultdict(list)
        for label, _ in self.counts:
            alike[_folded(label)].append(label)
        return tuple(tuple(labels) for labels in alike.values() if len(labels) > 1)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """A number per image, equal for copies: the ``groups`` of `stratified_split`."""
        group_n = np.arange(len(self), dtype=np.int64)
        for group in self.copies:
            group_n[list(group)] = group[0]
        return group_n

    def problems(self) -> tuple[str, ...]:
        """What a user should know, one sentence each, the gravest first; empty when all is well."""
        lines = []
        if self.corrupt:
            lines.append(f"{len(self.corrupt)} of {len(self)} images cannot be read: {_named_reasons(self.corrupt)}")
        if self.unmatched:
            lines.append(unmatched_message(self.unmatched))
        if self.conflicts:
            pairs = _named(f"{one} = {two}" for one, two in self.conflicts)
            lines.append(f"{len(self.conflicts)} images are copies of one that bears another label: {pairs}")
        elif self.copies:
            extra = sum(len(group) - 1 for group in self.copies)
            lines.append(f"{extra} images are copies of another: {_named(' = '.join(g) for g in self.duplicates)}")
        unlabelled = dict(self.counts).get("", 0)
        if unlabelled:
            lines.append(f"{unlabelled} images have no label: put them into class folders")
        if self.lookalikes:
            pairs = _named(" / ".join(map(repr, group)) for group in self.lookalikes)
            lines.append(f"these classes look alike, are they meant to differ? {pairs}")
        respelt = [pair for pair in self.twins if os.path.basename(pair[0]) != os.path.basename(pair[1])]
        if respelt:
            pairs = _named(" / ".join(map(repr, pair)) for pair in respelt)
            lines.append(f"these folders bear one name in two spellings and were taken as one class: {pairs}")
        for labels, words in (
            (self.empty, "classes have no readable image"),
            (self.one_image, "classes have one image only, too few to train and to calibrate"),
            (self.leaves_without_images, "leaves of the taxonomy have no image and will never be predicted well"),
        ):
            if labels:
                lines.append(f"{len(labels)} {words}: {_named(map(repr, labels))}")
        if self.refused:
            lines.append(f"{len(self.refused)} files were left out: {_named_reasons(self.refused)}")
        return tuple(lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold; the hashes by name are the manifest."""
        return {
            "images": len(self),
            "counts": dict(self.counts),
            "corrupt": [list(pair) for pair in self.corrupt],
            "duplicates": [list(group) for group in self.duplicates],
            "conflicts": [list(pair) for pair in self.conflicts],
            "lookalikes": [list(group) for group in self.lookalikes],
            "unmatched": [{"label": one.label, "images": one.images, "hint": one.hint} for one in self.unmatched],
            "empty": list(self.empty),
            "one_image": list(self.one_image),
            "leaves_without_images": list(self.leaves_without_images),
            "refused": [list(pair) for pair in self.refused],
            "ignored": self.ignored,
            "twins": [list(pair) for pair in self.twins],
            "hashes": dict(zip(self.names, self.hashes, strict=True)),
        }


def scan(
    image_set: ImageSet,
    taxonomy: Taxonomy | None = None,
    other: Collection[str] = (),
    *,
    workers: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Decode and hash every image, and compare the labels with the taxonomy.

    Args:
        image_set: the images.
        taxonomy: what may be recognised; None skips the comparison.
        other: labels that are known to be none of the classes.
        workers: threads that decode files; None takes one per processor, four at most.
        cache: a folder that keeps what was found out about files; None keeps nothing.
        progress: shows how far the scan has come.

    Returns:
        The same value for any number of workers.
    """
    findings = _findings(image_set, workers, cache, progress)
    reasons = tuple(finding.reason for finding in findings)
    unmatched: tuple[UnmatchedLabel, ...] = ()
    leaves: tuple[str, ...] = ()
    if taxonomy is not None and image_set.labels is not None:
        unmatched = unmatched_labels(image_set.labels, taxonomy, other)
        strange = {one.label for one in unmatched}
        seen = {
            label
            for label, reason in zip(image_set.labels, reasons, strict=True)
            if not reason and label not in strange
        }
        nodes = {taxonomy.nodes[place] for place in label_nodes(seen, taxonomy, other) if place >= 0}
        leaves = tuple(leaf for leaf in taxonomy.leaves if leaf not in nodes)
    return Scan(
        names=image_set.names,
        labels=image_set.labels,
        hashes=tuple(finding.content_hash for finding in findings),
        reasons=reasons,
        classes=image_set.classes,
        unmatched=unmatched,
        leaves_without_images=leaves,
        refused=image_set.refused,
        ignored=image_set.ignored,
        twins=image_set.twins,
    )


def require_readable(found: Scan, *, max_share: float = MAX_CORRUPT_SHARE) -> None:
    """Stop when too many images are broken.

    Raises:
        DataError: more than ``max_share`` of the images, or all of them, cannot be read; the first few are named.
    """
    broken = len(found.corrupt)
    if broken and (broken > max_share * len(found) or broken == len(found)):
        raise DataError(
            f"{broken} of {len(found)} images cannot be read, more than {max_share:.2g} of them: "
            f"{_named_reasons(found.corrupt)}; mend or remove them"
        )


def shared_images(one: Scan, two: Scan) -> tuple[tuple[str, str], ...]:
    """Copies across two sets, as pairs ``(name in one, name in two)``: training images that leak into a test."""
    names: dict[str, list[str]] = defaultdict(list)
    for place in one.readable.tolist():
        names[one.hashes[place]].append(one.names[place])
    return tuple(
        (name, two.names[place]) for place in two.readable.tolist() for name in names.get(two.hashes[place], ())
    )


def changed_images(found: Scan, hashes: Mapping[str, str]) -> tuple[str, ...]:
    """Names whose content differs from an earlier scan's.

    Args:
        found: the present scan.
        hashes: content hash by name, as ``Scan.to_dict()["hashes"]`` had it; names that it lacks are new, not changed.
    """
    return tuple(
        name for name, now in zip(found.names, found.hashes, strict=True) if name in hashes and hashes[name] != now
    )


def _findings(
    image_set: ImageSet, workers: int | None, cache: str | os.PathLike[str] | None, progress: Progress | None
) -> list[Finding]:
    watch = progress or (lambda items, count, words: items)
    images = image_set.images
    if not isinstance(images, tuple):
        places = watch(range(len(image_set)), len(image_set), "scanning images")
        return [_examine_item(image_set, place) for place in places]
    store = ScanCache(cache) if cache is not None else None
    known = store.load() if store else {}
    keys = [file_key(path) for path in images] if store else []
    found = {place: known[key] for place, key in enumerate(keys) if key in known}
    waiting = [place for place in range(len(images)) if place not in found]
    pool = ThreadPoolExecutor(max_workers=workers or min(4, os.cpu_count() or 1))
    try:
        results = pool.map(_examine_file, (images[place] for place in waiting))
        found.update(zip(waiting, watch(results, len(waiting), "scanning images"), strict=True))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted scan does not read on
    if store:
        store.store({keys[place]: found[place] for place in waiting})
    return [found[place] for place in range(len(images))]


def _examine_file(path: Path) -> Finding:
    name = source_name(path)
    digest = ""
    try:
        digest = file_hash(path)
        read_image(path)
    except ImageError as error:
        return Finding(digest, str(error).removeprefix(f"{name}: "))
    return Finding(digest, "")


def _examine_item(image_set: ImageSet, place: int) -> Finding:
    try:
        return Finding(content_hash(image_set, place), "")
    except ImageError as error:
        return Finding("", str(error).removeprefix(f"{image_set.names[place]}: "))


def _folded(label: str) -> str:
    text = unicodedata.normalize("NFKC", label).casefold()
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")


def _named(words: Iterable[str]) -> str:
    listed = list(words)
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more


def _named_reasons(pairs: Iterable[tuple[str, str]]) -> str:
    return _named(f"{name} ({reason})" for name, reason in pairs)
