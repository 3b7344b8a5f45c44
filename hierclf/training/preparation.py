"""Before anything is learnt: which images there are, what each of them is, and what each is kept for.

Known images are divided into three parts that share none, copies of an image staying together:

* **fit**: what backbone, head and gate learn from;
* **tune**: choices (when to stop, how much to penalise, how rare a score is);
* **calibration**: the promise, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from hierclf.data import (
    ImageSet,
    Scan,
    join_sets,
    label_nodes,
    label_text,
    load_images,
    require_readable,
    scan,
    stratified_split,
)
from hierclf.errors import DataError
from hierclf.gates import minimum_calibration_size
from hierclf.progress import Progress, silent
from hierclf.taxonomy import Taxonomy

# n known images, m images of other, D embedding

TUNE_SHARE = 0.1
SMALLEST_TUNE = 40
LARGEST_CALIBRATION = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Places of the known images kept for each purpose, int64."""

    fit: np.ndarray
    tune: np.ndarray
    calibration: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What there is to learn from.

    Args:
        taxonomy: given, or made from the labels.
        images: the known images, n of them, or their embeddings, float64 ``(n, D)``.
        label_n: node ids, int64.
        parts: what each known image is kept for.
        other: images of other, m of them, or their embeddings, or None.
        kind_m: the number of each one's kind, int64.
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
        cache: folder for what the scan found out, or None.
        progress: how to show how far the scan is.

    Raises:
        DataError: no known images, no labels, labels that match no class, or too many broken files.
    """
    notes: list[str] = []
    given = load_images(images, labels)
    if given.labels is None:
        raise DataError("images without labels: give a folder with one folder per class, or labels=")
    if taxonomy is None:
        taxonomy = taxonomy_of_labels(given.labels)
        notes.append(
            f"No taxonomy was given: the {len(taxonomy.leaves)} classes stand side by side right under "
            f"{taxonomy.root!r}. Write one with `hierclf taxonomy init` to group them."
        )
    found = scan(given, taxonomy, cache=cache, progress=progress)
    require_readable(found)
    if found.unmatched:
        label_nodes(given.labels, taxonomy)  # raises, with the list of all of them
    notes.extend(sentence for sentence in found.problems())
    scans = {"data": found}
    given = given.subset(found.readable)
    assert given.labels is not None
    node_n = label_nodes(given.labels, taxonomy)
    known = np.flatnonzero(node_n >= 0)
    if len(known) == 0:
        raise DataError("no known images: every image is labelled as other, or none was found")
    strangers = [given.subset(np.flatnonzero(node_n < 0))]
    if other is not None:
        more = load_images(other)
        seen = scan(more, cache=cache, progress=progress)
        require_readable(seen)
        scans["other"] = seen
        notes.extend(f"Other: {sentence}" for sentence in seen.problems() if "have no label" not in sentence)
        strangers.append(more.subset(seen.readable))
    joined = join_sets(strangers)
    kinds, kind_m = kinds_of_other(joined)
    return Prepared(
        taxonomy=taxonomy,
        images=given.subset(known),
        label_n=node_n[known],
        parts=divide(
            node_n[known],
            keep=keep,
            calibration_share=calibration_share,
            seed=seed,
            groups=found.groups[found.readable][known],
        ),
        other=joined if len(joined) else None,
        kind_m=kind_m if len(joined) else None,
        kinds=kinds,
        notes=tuple(notes),
        scans=scans,
    )


def prepare_embeddings(
    embeddings: Any,
    labels: Any,
    other: Any,
    taxonomy: Taxonomy | None,
    *,
    keep: float,
    calibration_share: float,
    seed: int,
) -> Prepared:
    """The same for embeddings ``(n, d)`` with labels, and ``(m, d)`` of other.

    Raises:
        DataError: no two-dimensional finite numbers, labels missing or not as many, labels that match no class.
    """
    values_nD = embedding_matrix(embeddings)
    if labels is None:
        raise DataError("embeddings need labels; requires y to be passed, but the target y is None")
    texts = [label_text(label) for label in np.asarray(labels, dtype=object).ravel()]
    if len(texts) != len(values_nD):
        raise DataError(f"expected one label per embedding, got {len(values_nD)} embeddings and {len(texts)} labels")
    notes: list[str] = []
    if taxonomy is None:
        taxonomy = taxonomy_of_labels(texts)
        notes.append("No taxonomy was given: all classes stand side by side.")
    node_n = label_nodes(texts, taxonomy)
    known = np.flatnonzero(node_n >= 0)
    if len(known) == 0:
        raise DataError("no known embeddings: every one is labelled as other")
    strangers_mD = values_nD[node_n < 0]
    kind_names = [texts[place] for place in np.flatnonzero(node_n < 0)]
    if other is not None:
        more_mD = embedding_matrix(other, width=values_nD.shape[1])
        strangers_mD = torch.cat([strangers_mD, more_mD])
        kind_names += [""] * len(more_mD)
    kinds, kind_m = np.unique(np.array(kind_names, dtype=str), return_inverse=True)
    return Prepared(
        taxonomy=taxonomy,
        images=values_nD[known],
        label_n=node_n[known],
        parts=divide(node_n[known], keep=keep, calibration_share=calibration_share, seed=seed),
        other=strangers_mD if len(strangers_mD) else None,
        kind_m=kind_m.astype(np.int64) if len(strangers_mD) else None,
        kinds=tuple(kinds.tolist()),
        notes=tuple(notes),
    )


def embedding_matrix(values: Any, *, width: int | None = None) -> torch.Tensor:
    """Embeddings as float64 ``(n, d)``.

    Raises:
        DataError: another shape, width or type, or NaN or infinity; the message names the first rows.
    """
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
        if array.dtype.kind in "OUSV":
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"with backbone=None, hierclf reads embeddings (n, d) of numbers ({error}); for images choose a backbone, "
            "for instance backbone='small_cnn'"
        ) from error
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: embeddings are real numbers")
    if array.ndim != 2:
        raise DataError(
            f"with backbone=None, hierclf reads embeddings of shape (n, d), got shape {array.shape}. "
            "Reshape your data, or choose a backbone for images, for instance backbone='small_cnn'"
        )
    if 0 in array.shape:
        raise DataError(
            f"expected at least one embedding of at least one number: found array with {array.shape[0]} sample(s) and "
            f"{array.shape[1]} feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    if width is not None and array.shape[1] != width:
        raise DataError(f"expected embeddings of width {width}, got {array.shape[1]}")
    array = array.astype(np.float64)
    holes = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(holes):
        shown = ", ".join(f"#{row}" for row in holes[:5]) + (", …" if len(holes) > 5 else "")
        raise DataError(f"embeddings hold NaN or infinity (inf) in {len(holes)} of {len(array)} rows: {shown}")
    return torch.from_numpy(array)


def taxonomy_of_labels(labels: Sequence[str]) -> Taxonomy:
    """All classes side by side under one root, in the order of their names (numbers by value)."""
    names = sorted(
        set(labels) - {""}, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)
    )
    if not names:
        raise DataError("no labels at all: give a folder with one folder per class, or labels=")
    root = next(word for word in ("root", "anything", "everything", "the root of all") if word not in names)
    return Taxonomy(root=root, edges=tuple((root, name) for name in names))


def kinds_of_other(images: ImageSet) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the kinds of other, and the number of each image's kind, int64."""
    kinds, kind_m = np.unique(np.array(images.labels or ("",) * len(images), dtype=str), return_inverse=True)
    return tuple(kinds.tolist()), kind_m.astype(np.int64)


def divide(
    label_n: np.ndarray, *, keep: float, calibration_share: float, seed: int, groups: np.ndarray | None = None
) -> Parts:
    """Divide known images: calibration gets its share, and up to twice as much as the promise needs if there is room.

    Args:
        label_n: node ids, which each part holds in proportion.
        keep: share of known images to keep.
        calibration_share: share to calibrate on.
        seed: of the split.
        groups: equal numbers for copies of one image, which stay together.
    """
    count = len(label_n)
    needed = 2 * minimum_calibration_size(1 - keep)
    calibration = min(max(calibration_share, min(needed / count, 0.3)), LARGEST_CALIBRATION / count)
    tune = max(TUNE_SHARE, min(SMALLEST_TUNE / count, 0.2))
    fit, tuned, calibrated = stratified_split(
        label_n,
        (1 - tune - calibration, tune, calibration),
        generator=np.random.default_rng([seed, 0x5EED]),
        groups=groups,
    )
    return Parts(fit=fit, tune=tuned, calibration=calibrated)
