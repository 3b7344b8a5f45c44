"""Before anything is learnt: which images there are, and what each of them is.

What the user gave is found, scanned, labelled with nodes and divided (see `hierclf.training.parts`); what was assumed
or left out on the way becomes a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hierclf.data import ImageSet, Scan, join_sets, label_nodes, load_images, require_readable, scan
from hierclf.data.decoding import source_name
from hierclf.errors import DataError
from hierclf.progress import Progress, silent
from hierclf.taxonomy import Taxonomy
from hierclf.training.embeddings import embedding_matrix, target_column, target_texts
from hierclf.training.parts import Parts, divide

# n known images, m images of other, D embedding

MOST_NAMED = 5
LIKE_OTHER = ("background", "negative", "negatives", "none", "other", "others", "unknown")
"""Names that people give to what is none of their classes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What there is to learn from.

    Args:
        taxonomy: given, or made from the labels.
        images: the known images, n of them, or their embeddings, float64 ``(n, D)``.
        label_n: node ids, int64.
        parts: what each known image is kept for.
        other: images of other, m of them, or their embeddings, or None.
        kind_m: the number of each one's kind, int64, or None.
        kinds: names of the kinds.
        notes: what was assumed or left out, in sentences.
        scans: what the scan found, by the name of the set.
    """

    taxonomy: Taxonomy
    images: ImageSet | torch.Tensor
    label_n: np.ndarray
    parts: Parts
    other: ImageSet | torch.Tensor | None = None
    kind_m: np.ndarray | None = None
    kinds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scans: dict[str, Scan] = field(default_factory=dict)


def prepare_images(
    images: Any,
    labels: Any,
    other: Any,
    taxonomy: Taxonomy | None,
    *,
    keep: float,
    calibration_share: float,
    seed: int,
    needed: int | None = None,
    cache: str | None = None,
    progress: Progress = silent,
) -> Prepared:
    """Find, scan, label and divide images.

    Args:
        images: anything that `hierclf.data.load_images` reads.
        labels: one per image, or None to take those that the images come with.
        other: images that are none of the classes, in the same forms; their labels name their kinds.
        taxonomy: what may be recognised; None makes one from the folders or labels.
        keep: share of known images to keep, which says how many calibration images are needed at least.
        calibration_share: share of the known images to calibrate on.
        seed: of the split.
        needed: calibration images that the promise takes at least; None for the usual promise.
        cache: folder for what the scan found out, or None.
        progress: how to show how far the scan is.

    Raises:
        DataError: no known images, images without a label, labels that match no class, a class folder in two places
            without a taxonomy, too many broken files, or images of other that are the known images over again.
    """
    given = load_images(images, labels)
    if len(given) == 0:
        raise DataError("no images to learn from: the list, array or data set is empty")
    if given.labels is None:
        raise DataError("images without labels: give a folder with one folder per class, or labels=")
    if taxonomy is None:
        check_places(given)
    found = scan(given, taxonomy, cache=cache, progress=progress)
    require_readable(found)
    readable = given.subset(found.readable)
    assert readable.labels is not None
    if taxonomy is not None or any(readable.labels):
        check_labelled(readable)
    taxonomy, notes = _taxonomy(taxonomy, readable.labels, found.empty, word="folder" if given.classes else "label")
    node_n = label_nodes(readable.labels, taxonomy)
    notes.extend(found.problems())
    scans = {"data": found}
    known = np.flatnonzero(node_n >= 0)
    if len(known) == 0:
        raise DataError("no known images: every image is labelled as other, or none was found")
    strangers = [readable.subset(np.flatnonzero(node_n < 0))]
    if other is not None:
        more = load_images(other)
        seen = scan(more, cache=cache, progress=progress)
        require_readable(seen)
        scans["other"] = seen
        notes.extend(f"Other: {sentence}" for sentence in seen.problems() if "have no label" not in sentence)
        hashes = {found.hashes[place] for place in found.readable[known]}
        new = [place for place in seen.readable.tolist() if seen.hashes[place] not in hashes]
        notes.extend(_without_copies(len(seen.readable), len(new)))
        strangers.append(more.subset(new))
    joined = join_sets(strangers)
    parts = divide(
        node_n[known],
        keep=keep,
        calibration_share=calibration_share,
        seed=seed,
        needed=needed,
        groups=found.groups[found.readable][known],
    )
    notes.extend(_set_aside(node_n[known], parts, taxonomy))
    kinds, kind_m = _kinds(joined.labels or ("",) * len(joined))
    return Prepared(
        taxonomy=taxonomy,
        images=readable.subset(known),
        label_n=node_n[known],
        parts=parts,
        other=joined if len(joined) else None,
        kind_m=kind_m if len(joined) else None,
        kinds=kinds,
        notes=tuple(notes),
        scans=scans,
    )


def check_places(images: ImageSet) -> None:
    """Refuse a class folder that stands in two places: far more often it is a ``train`` beside a ``val``.

    Raises:
        DataError: two folders of one class, neither inside the other; the message names both.
    """
    apart = [(Path(one), Path(two)) for one, two in images.twins]
    apart = [(one, two) for one, two in apart if one.parent != two.parent and not two.is_relative_to(one)]
    if not apart:
        return
    parts = sorted(
        {_part(*pair, side) for pair in apart for side in (0, 1)}, key=lambda path: (not _is_train(path), path)
    )
    one, two = map(source_name, apart[0])
    raise DataError(
        f"the same class in two places, {one!r} and {two!r}: both would be learnt, and nothing would be left to test "
        f"on. If these are parts of the data, give one of them, such as {source_name(parts[0])!r}; if they are "
        "different classes, rename one; if they are one class, put its images together or give a taxonomy"
    )


def check_labelled(images: ImageSet) -> None:
    """Refuse images without a label among images that have one.

    Raises:
        DataError: some have none; the message names the first few.
    """
    bare = [name for name, label in zip(images.names, images.labels or (), strict=True) if not label]
    if bare and images.kind == "paths" and images.classes:
        lie = "1 image lies" if len(bare) == 1 else f"{len(bare)} images lie"
        raise DataError(f"{lie} outside class folders: {_named(bare)}; put them into class folders, or move them away")
    if bare:
        have = "1 image has" if len(bare) == 1 else f"{len(bare)} images have"
        raise DataError(f"{have} no label: {_named(bare)}; give each a label, or leave them out")


def _part(one: Path, two: Path, side: int) -> Path:
    """The folder that holds one of two folders, but not the other, as high up as can be."""
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one.parts, two.parts, strict=False)))
    return Path(*(one, two)[side].parts[: shared + 1])


def _is_train(path: Path) -> bool:
    return path.name.casefold().startswith("train")


def prepare_embeddings(
    embeddings: Any,
    labels: Any,
    other: Any,
    taxonomy: Taxonomy | None,
    *,
    keep: float,
    calibration_share: float,
    seed: int,
    needed: int | None = None,
) -> Prepared:
    """The same for embeddings ``(n, D)`` with labels, and ``(m, D)`` of other.

    Raises:
        DataError: no two-dimensional finite numbers, labels missing or not as many, labels that match no class, or
            embeddings of other that are the known ones over again.
    """
    values_nD = embedding_matrix(embeddings)
    texts = target_texts(target_column(labels, len(values_nD)))
    taxonomy, notes = _taxonomy(taxonomy, texts)
    node_n = label_nodes(texts, taxonomy)
    known = np.flatnonzero(node_n >= 0)
    if len(known) == 0:
        raise DataError("no known embeddings: every one is labelled as other")
    strangers_mD = values_nD[node_n < 0]
    kind_names = [texts[place] for place in np.flatnonzero(node_n < 0)]
    if other is not None:
        more_mD = embedding_matrix(other, width=values_nD.shape[1])
        rows = {row.tobytes() for row in values_nD[known].numpy()}
        new = [place for place, row in enumerate(more_mD.numpy()) if row.tobytes() not in rows]
        notes.extend(_without_copies(len(more_mD), len(new)))
        strangers_mD = torch.cat([strangers_mD, more_mD[new]])
        kind_names += [""] * len(new)
    label_n = node_n[known]
    seen = set(label_n.tolist())
    missing = [leaf for leaf in taxonomy.leaves if taxonomy.index(leaf) not in seen]
    if missing:
        notes.append(f"{len(missing)} leaves of the taxonomy have no example: {_named(missing)}.")
    parts = divide(label_n, keep=keep, calibration_share=calibration_share, seed=seed, needed=needed)
    notes.extend(_set_aside(label_n, parts, taxonomy))
    kinds, kind_m = _kinds(kind_names)
    return Prepared(
        taxonomy=taxonomy,
        images=values_nD[known],
        label_n=label_n,
        parts=parts,
        other=strangers_mD if len(strangers_mD) else None,
        kind_m=kind_m if len(strangers_mD) else None,
        kinds=kinds,
        notes=tuple(notes),
    )


def taxonomy_of_labels(labels: Iterable[str]) -> Taxonomy:
    """All classes side by side under one root, in the order of their names (numbers by value).

    Raises:
        DataError: no label at all.

    >>> taxonomy_of_labels(["10", "9", "a"]).leaves
    ('9', '10', 'a')
    """
    names = sorted(
        set(labels) - {""}, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)
    )
    if not names:
        raise DataError("no labels at all: give a folder with one folder per class, or labels=")
    root = next(word for word in ("root", "anything", "everything", "the root of all") if word not in names)
    return Taxonomy(root=root, edges=tuple((root, name) for name in names))


def _taxonomy(
    given: Taxonomy | None, labels: Sequence[str], empty: Sequence[str] = (), *, word: str = "label"
) -> tuple[Taxonomy, list[str]]:
    """The taxonomy to learn, made from labels of readable images where none was given, and notes on how."""
    if given is not None:
        return given, []
    flat = taxonomy_of_labels(labels)
    notes = [f"No taxonomy was given: {_classes(len(flat.leaves))} right under {flat.root!r}."]
    if len(flat.leaves) > 1:
        notes[0] += " Write one with `hierclf taxonomy init` to group them."
    if empty:
        notes.append(f"Left out of the classes, for want of an image that can be read: {_named(empty)}.")
    notes.extend(
        f"The {word} {name!r} was learnt as a class like any other. If its pictures are none of your classes, move it "
        "out and give it as --other FOLDER (other= in Python)."
        for name in flat.leaves
        if name.casefold() in LIKE_OTHER
    )
    return flat, notes


def _without_copies(count: int, new: int) -> list[str]:
    """A note on images of other that are known images too; such an image cannot teach what other looks like."""
    if count == 0:
        raise DataError("other was given, but there is nothing in it; leave it out, or give images of other")
    if new == 0:
        raise DataError(
            f"other is among the known images already, all {count} of it; give images of none of the classes"
        )
    return [f"{count - new} of other are copies of known images and were left out."] if new < count else []


def _classes(count: int) -> str:
    return "the one class stands" if count == 1 else f"the {count} classes stand side by side"


def _set_aside(label_n: np.ndarray, parts: Parts, taxonomy: Taxonomy) -> list[str]:
    """A note on classes whose only image was set aside."""
    aside = [taxonomy.nodes[node] for node in np.setdiff1d(label_n, label_n[parts.fit])]
    if not aside:
        return []
    return [
        f"{'1 class has its' if len(aside) == 1 else f'{len(aside)} classes have their'} only image set aside for "
        f"choices or for the promise and can hardly be recognised: {_named(aside)}. Add images."
    ]


def _kinds(names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the kinds of other, and the number of each one's kind, int64."""
    kinds, kind_m = np.unique(np.array(names, dtype=str), return_inverse=True)
    return tuple(kinds.tolist()), kind_m.astype(np.int64)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(repr, names[:MOST_NAMED])) + more
