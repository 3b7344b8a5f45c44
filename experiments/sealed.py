"""The test images behind a seal: who has not finished learning cannot look at them.

A number that was measured on the test is worth what was left to decide when somebody first looked. So the images to
learn from (`Lessons`) and those to judge on are parted before anything is learnt, training is handed the first alone,
and the second lie in a `SealedTest`. It opens for a finished classifier, once for each strategy and seed, and it writes
each opening to ``test_openings.csv`` *before* it hands out an image: when, for which strategy and seed, on which
division of the images, and the fingerprint of the model that was finished by then. A cell that is measured again (its
process was cut off, it failed, its settings were changed) opens the test again and is counted again.

On validation images no test is there to be opened: `ValidationImages` are a part of the images to learn from, and may
be looked at as often as one likes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from experiments.journal import times
from experiments.protocol import Division
from hierclf.backbones import fingerprint
from hierclf.classifier import HierarchicalClassifier
from hierclf.data import ImageSet, join_sets, label_nodes
from hierclf.errors import DataError
from hierclf.model import Model
from hierclf.report.numbers import plural
from hierclf.taxonomy import Taxonomy

LEARNT = ("train", "other")
"""The parts of a division that training may see."""

KNOWN = "test"
"""The part with known images to judge on; all further parts are kinds of other."""

OPENINGS = "test_openings.csv"
FIELDS = ("time", "strategy", "seed", "settings", "split", "model", "attempt")

# n images to judge on, known ones first


@dataclass(frozen=True, kw_only=True, eq=False)
class Lessons:
    """The images that training sees.

    Args:
        taxonomy: what may be recognised.
        train: known ones, with labels.
        other: of other, or None.
    """

    taxonomy: Taxonomy
    train: ImageSet
    other: ImageSet | None = None

    @classmethod
    def of(cls, division: Division) -> Lessons:
        """Those of a division."""
        return cls(taxonomy=division.taxonomy, train=division.train, other=division.other)


@dataclass(frozen=True, kw_only=True, eq=False)
class Exam:
    """Images to judge on, with their truth.

    Args:
        images: all n of them, known ones first, then one kind of other after the next.
        label_n: node ids, -1 for other, int64.
        place_n: node ids of where each image belongs, int64: the label, or for what is not known the closest known
            node above it, and the root where it is of another kind altogether.
        class_n: whole numbers that tell the true classes apart, int64.
        counts: how many are known (under `KNOWN`) and of each kind of other, in order.
    """

    images: ImageSet
    label_n: npt.NDArray[np.int64]
    place_n: npt.NDArray[np.int64]
    class_n: npt.NDArray[np.int64]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, division: Division) -> Exam:
        """That of a division.

        Raises:
            DataError: a label of a known image that the taxonomy does not hold.
        """
        parts = {name: images for name, images in division.parts.items() if name not in LEARNT}
        parts = {KNOWN: parts[KNOWN], **parts}
        known_n = label_nodes(parts[KNOWN].labels or (), division.taxonomy)
        counts = {name: len(images) for name, images in parts.items()}
        images = join_sets(list(parts.values()))
        strangers = (images.labels or ("",) * len(images))[len(known_n) :]
        taxonomy = division.taxonomy
        places = [taxonomy.index(division.below.get(kind, taxonomy.root)) for kind in strangers]
        kinds = [*(f"known {node}" for node in known_n.tolist()), *(f"unknown {kind}" for kind in strangers)]
        return cls(
            images=images,
            label_n=np.concatenate([known_n, np.full(len(places), -1, dtype=np.int64)]),
            place_n=np.concatenate([known_n, np.array(places, dtype=np.int64)]),
            class_n=np.unique(kinds, return_inverse=True)[1].astype(np.int64),
            counts=counts,
        )

    def places(self) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
        """Each kind of other with the places of its images, those of all known images before them."""
        known = np.arange(self.counts[KNOWN])
        start = len(known)
        for kind, count in self.counts.items():
            if kind != KNOWN:
                yield kind, np.concatenate([known, np.arange(start, start + count)])
                start += count


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One look at the test images.

    Args:
        time: when.
        strategy: its name in the config.
        seed: of the fit and of the division.
        settings: checksum of the strategy's settings.
        split: checksum of the division.
        model: fingerprint of the finished model, see `model_fingerprint`.
        attempt: which process of the run it was: 1 for the first, one more each time the run was resumed.
    """

    time: str
    strategy: str
    seed: int
    settings: str
    split: str
    model: str
    attempt: int

    @property
    def cell(self) -> tuple[str, int]:
        """What was measured."""
        return self.strategy, self.seed


@dataclass(frozen=True, kw_only=True)
class Openings:
    """The register of all openings of a run: a file to which lines are added, by several processes at once.

    Args:
        path: of the file.
        attempt: see `Opening`.
    """

    path: Path
    attempt: int = 1

    @classmethod
    def begin(cls, folder: Path) -> Openings:
        """Open the register of a run folder for one more process of the run."""
        found = cls(path=folder / OPENINGS)
        earlier = found.all()
        if not earlier:
            found.path.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
        elif not found.path.read_bytes().endswith(b"\n"):  # a process was cut off as it wrote; the next line is its own
            with found.path.open("a", encoding="utf-8") as file:
                file.write("\n")
        return cls(path=found.path, attempt=1 + max((one.attempt for one in earlier), default=0))

    def all(self) -> tuple[Opening, ...]:
        """Every opening so far; a line that was cut off, or ran into another one, is left out."""
        if not self.path.is_file():
            return ()
        with self.path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if _whole(row)]
        return tuple(
            Opening(**{**row, "seed": int(row["seed"]), "attempt": int(row["attempt"])})  # type: ignore[arg-type]
            for row in rows
        )

    def record(self, opening: Opening) -> None:
        """Add a line, in one piece and on disk when this returns.

        Raises:
            DataError: this cell has opened the test before in this attempt.
        """
        if any(one.cell == opening.cell and one.attempt == opening.attempt for one in self.all()):
            raise DataError(
                f"the test images were opened for {opening.strategy!r}, seed {opening.seed} before; a strategy is "
                f"tested once, when it is finished (see {self.path.name})"
            )
        line = io.StringIO()
        csv.DictWriter(line, FIELDS, lineterminator="\n").writerow(asdict(opening))
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.getvalue().encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def sentence(self) -> str:
        """How often the test was opened, for a reader; nothing where it never was."""
        found = self.all()
        if not found:
            return ""
        cells = len({one.cell for one in found})
        if cells == len(found):
            return (
                f"The test images were opened {times(len(found))}, each time for a finished classifier and once for "
                f"each strategy and seed ({OPENINGS})."
            )
        return (
            f"The test images were opened {times(len(found))} for {plural(cells, 'pair')} of strategy and seed, each "
            f"time for a finished classifier; more than once where a process was cut off, a strategy had failed, or "
            f"its settings were changed ({OPENINGS})."
        )


class Judging(Protocol):
    """Images to judge on that are handed out to a finished classifier."""

    @property
    def split(self) -> str:
        """The checksum of the division."""
        ...

    def open(self, classifier: HierarchicalClassifier, *, strategy: str, seed: int, settings: str) -> Exam:
        """The images, for a strategy that is finished."""
        ...


class SealedTest:
    """Test images that open for finished classifiers alone, once per strategy and seed.

    Args:
        division: of the images; its parts to learn from are let go.
        openings: where each opening is written.
    """

    __slots__ = ("__exam", "__openings", "__split")

    def __init__(self, division: Division, openings: Openings) -> None:
        self.__exam = Exam.of(division)
        self.__openings, self.__split = openings, division.checksum

    def __repr__(self) -> str:
        return f"<SealedTest {self.__split}>"

    @property
    def split(self) -> str:
        """The checksum of the division."""
        return self.__split

    def open(self, classifier: HierarchicalClassifier, *, strategy: str, seed: int, settings: str) -> Exam:
        """The test images, after the opening is on record.

        Args:
            classifier: finished: fitted, calibrated and all choices made.
            strategy: its name in the config.
            seed: of the fit.
            settings: checksum of the strategy's settings.

        Raises:
            DataError: the classifier is not finished, or the test was opened for this strategy and seed before.
        """
        model = finished_model(classifier, strategy)
        opening = Opening(
            time=time.strftime("%Y-%m-%d %H:%M:%S"),
            strategy=strategy,
            seed=seed,
            settings=settings,
            split=self.__split,
            model=model_fingerprint(model),
            attempt=self.__openings.attempt,
        )
        self.__openings.record(opening)
        return self.__exam


class ValidationImages:
    """Images of the part to learn from that were kept aside to judge on; no seal, no record.

    Args:
        division: of the images to learn from.
    """

    def __init__(self, division: Division) -> None:
        self._exam, self._split = Exam.of(division), division.checksum

    @property
    def split(self) -> str:
        """The checksum of the division."""
        return self._split

    def open(self, classifier: HierarchicalClassifier, *, strategy: str, seed: int, settings: str) -> Exam:
        """The images; the arguments are those of `SealedTest.open`.

        Raises:
            DataError: the classifier is not finished.
        """
        finished_model(classifier, strategy)
        return self._exam


def finished_model(classifier: HierarchicalClassifier, strategy: str) -> Model:
    """The model of a classifier that learns no more.

    Raises:
        DataError: it is not fitted, or a part of it is still in training.
    """
    model = getattr(classifier, "model_", None)
    if not isinstance(model, Model):
        raise DataError(f"the test images open for a finished classifier; that of {strategy!r} is not fitted yet")
    learning = [name for name, module in _modules(model).items() if module.training]
    if learning:
        raise DataError(
            f"the test images open for a finished classifier; the {learning[0]} of {strategy!r} is still in training "
            "mode"
        )
    return model


def model_fingerprint(model: Model) -> str:
    """The first 16 digits of the SHA-256 over all that a model decides by: weights, gate, thresholds and rule."""
    digest = hashlib.sha256()
    gate = model.gate
    facts = {
        "backbone": None if model.backbone is None else fingerprint(model.backbone),
        "nodes": model.plan.nodes,
        "operation": asdict(model.operation),
        "gate": None if gate is None else gate.settings(),
    }
    digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
    for part, tensors in _tensors(model).items():
        for name, values in sorted(tensors.items()):
            held = values.detach().cpu().contiguous()
            digest.update(f"{part} {name} {held.dtype} {tuple(held.shape)}\n".encode())
            digest.update(held.flatten().view(torch.uint8).numpy().tobytes() if held.numel() else b"")
    return digest.hexdigest()[:16]


def _modules(model: Model) -> dict[str, nn.Module]:
    found = {"backbone": model.backbone, "head": model.head}
    return {name: module for name, module in found.items() if isinstance(module, nn.Module)}


def _tensors(model: Model) -> dict[str, Mapping[str, Tensor]]:
    head = _modules(model)["head"].state_dict()
    return {"head": head, "gate": {} if model.gate is None else model.gate.tensors()}


def _whole(row: Mapping[str | None, Any]) -> bool:
    """Whether a line of the register holds all of its fields, and no more."""
    if set(row) != set(FIELDS) or not all(row.values()):
        return False
    return all(str(row[field]).isascii() and str(row[field]).isdecimal() for field in ("seed", "attempt"))
