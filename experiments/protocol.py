"""Which images are learnt from and which are tested on: the classes of the data divided into three roles.

* **known** classes are to be recognised;
* **other**: some of their images are given to learn what is none of the classes;
* **unseen**: nothing of them is there before the test.

A division is fixed before anything is learnt. It is stored with a checksum over what the images hold, so two runs with
equal checksums used the same images in the same parts.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from experiments.config import ClassesConfig, Config
from experiments.sources import Pool
from hierclf.data import ImageSet, content_hash, join_sets, stratified_split
from hierclf.errors import ConfigError, DataError, ImageError
from hierclf.registry import did_you_mean
from hierclf.taxonomy import Taxonomy
from hierclf.training.preparation import taxonomy_of_labels

PARTS = ("train", "other", "test", "seen", "unseen")


@dataclass(frozen=True, kw_only=True, eq=False)
class Division:
    """The images of one run by what they are for.

    Args:
        train: known images to learn from.
        other: images of other to learn from, or None.
        test: known images to test on.
        seen: test images of the kinds in ``other``, or None.
        unseen: test images of kinds that are nowhere else, or None.
        hashes: SHA-256 of each image's content by its name.
        copies: images to learn from that were left out because a test image holds the same.
    """

    train: ImageSet
    test: ImageSet
    other: ImageSet | None = None
    seen: ImageSet | None = None
    unseen: ImageSet | None = None
    hashes: dict[str, str]
    copies: int = 0

    @property
    def parts(self) -> dict[str, ImageSet]:
        """The parts that hold images, by name."""
        found = {name: getattr(self, name) for name in PARTS}
        return {name: images for name, images in found.items() if images is not None}

    def to_csv(self) -> str:
        """One line per image: its part, name, label and the checksum of its content."""
        return parts_as_csv(self.parts, self.hashes)

    @cached_property
    def checksum(self) -> str:
        """The first 16 digits of the SHA-256 of the images' parts, labels and contents; their names do not count."""
        return parts_checksum(self.parts, self.hashes)

    def sentences(self) -> list[str]:
        """What is known, given and never seen, for a reader."""
        told = [f"Known: {_counted(self.train)} to learn from and {_counted(self.test, named=False)} to test on."]
        if self.other is not None:
            more = f"; {_counted(self.seen, named=False)} of these kinds in the test" if self.seen else ""
            told.append(f"Given as other: {_counted(self.other)} to learn from{more}.")
        if self.unseen is not None:
            told.append(f"Other never seen before the test: {_counted(self.unseen)}.")
        if self.copies:
            told.append(f"{self.copies} images to learn from were left out: they equal an image of the test.")
        return told


def parts_as_csv(parts: Mapping[str, ImageSet], hashes: Mapping[str, str]) -> str:
    """One line per image: its part, name, label and the checksum of its content."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(["part", "image", "label", "sha256"])
    for part, images in parts.items():
        table.writerows([part, name, label, hashes[name]] for name, label in _labelled(images))
    return written.getvalue()


def parts_checksum(parts: Mapping[str, ImageSet], hashes: Mapping[str, str]) -> str:
    """The first 16 digits of the SHA-256 of the images' parts, labels and contents."""
    digest = hashlib.sha256()
    for part, images in parts.items():
        lines = sorted(f"{part}\t{label}\t{hashes[name]}\n" for name, label in _labelled(images))
        digest.update("".join(lines).encode())
    return digest.hexdigest()[:16]


def content_hashes(pool: Pool) -> dict[str, str]:
    """SHA-256 of each image's content by its name; of an image that cannot be read, its name."""
    return hashes_of([pool.train, pool.test, pool.other_train, pool.other_test])


def hashes_of(sets: Iterable[ImageSet | None]) -> dict[str, str]:
    """The same for any sets of images."""
    hashes: dict[str, str] = {}
    for images in filter(None, sets):
        for place, name in enumerate(images.names):
            try:
                hashes[name] = content_hash(images, place)
            except ImageError:  # noqa: PERF203 - fit and test say what is wrong with it
                hashes[name] = f"unreadable: {name}"
    return hashes


def protocol_taxonomy(config: Config, pool: Pool) -> Taxonomy:
    """The taxonomy that the config names, or the known classes side by side."""
    if config.taxonomy is not None:
        return Taxonomy.from_yaml(config.taxonomy)
    outside = {*config.classes.other, *config.classes.unseen}
    known = config.classes.known or [label for label in _labels(pool.train) if label and label not in outside]
    return taxonomy_of_labels(known)


def divide(pool: Pool, config: Config, taxonomy: Taxonomy, hashes: dict[str, str], *, seed: int) -> Division:
    """The images by what they are for.

    Data without a test part, or with ``resplit``, is divided by the seed, each class in proportion; of unseen classes
    all images are tested on. Images to learn from that equal a test image are left out.

    Args:
        pool: all images.
        config: whose classes, and which share to test on.
        taxonomy: says which classes are known where the config does not.
        hashes: from `content_hashes`.
        seed: of the division and of `limit`.

    Raises:
        ConfigError: a class that the data does not hold, or that the taxonomy does not know.
        DataError: a part that must not be empty is.
    """
    roles = _roles(config.classes, pool, taxonomy)
    generator = np.random.default_rng([seed, 0xD161])
    train, test = pool.train, pool.test
    if config.data.resplit and test is not None:
        train, test = join_sets([train, test]), None
    if test is None:
        labels = np.array(train.labels)
        learn, examine = stratified_split(
            labels, (1 - config.data.test_share, config.data.test_share), generator=generator
        )
        everything = np.isin(labels, roles.unseen)
        train, test = train.subset(learn), train.subset(np.union1d(examine, np.flatnonzero(everything)))
    known = {"to learn from": _of(train, roles.known), "to test on": _of(test, roles.known)}
    for purpose, images in known.items():
        if images is None:
            raise DataError(f"no known images {purpose}; known are {', '.join(roles.known)}")
    tested = [known["to test on"], _of(test, roles.other), _joined([_of(test, roles.unseen), pool.other_test])]
    taken = {hashes[name] for images in tested if images is not None for name in images.names}
    learnt: list[ImageSet | None] = []
    copies = 0
    for images in (known["to learn from"], _joined([_of(train, roles.other), pool.other_train])):
        if images is None:
            learnt.append(None)
            continue
        fresh = [place for place, name in enumerate(images.names) if hashes[name] not in taken]
        copies += len(images) - len(fresh)
        learnt.append(limited(images.subset(np.array(fresh, dtype=np.int64)), config.data.limit, generator))
    assert learnt[0] is not None
    assert tested[0] is not None
    return Division(
        train=learnt[0],
        other=learnt[1],
        test=tested[0],
        seen=tested[1],
        unseen=tested[2],
        hashes=hashes,
        copies=copies,
    )


def _roles(classes: ClassesConfig, pool: Pool, taxonomy: Taxonomy) -> ClassesConfig:
    """The classes of each role, all of them in the data, the known ones in the taxonomy too."""
    held = _labels(pool.train)
    known = classes.known or [label for label in held if label and taxonomy.node_of_label(label) is not None]
    if not known:
        raise ConfigError(f"classes: the data holds no class of the taxonomy (it holds {_listed(held)})")
    for role, names in (("known", known), ("other", classes.other), ("unseen", classes.unseen)):
        for name in names:
            if name not in held:
                raise ConfigError(
                    f"classes.{role}: the data holds no class {name!r}{did_you_mean(name, held)} "
                    f"(it holds {_listed(held)})"
                )
    strange = [name for name in known if taxonomy.node_of_label(name) is None]
    if strange:
        hint = did_you_mean(strange[0], taxonomy.nodes)
        raise ConfigError(f"classes.known: the taxonomy holds no class {strange[0]!r}{hint}")
    return ClassesConfig(known=known, other=classes.other, unseen=classes.unseen)


def _labels(images: ImageSet) -> list[str]:
    return sorted(set(images.labels or ()))


def _labelled(images: ImageSet) -> Iterable[tuple[str, str]]:
    return zip(images.names, images.labels or ("",) * len(images), strict=True)


def _of(images: ImageSet, labels: Sequence[str]) -> ImageSet | None:
    chosen = images.subset(np.flatnonzero(np.isin(np.array(images.labels or ("",) * len(images)), labels)))
    return chosen if len(chosen) else None


def _joined(parts: Sequence[ImageSet | None]) -> ImageSet | None:
    found = [part for part in parts if part is not None and len(part)]
    return join_sets(found) if found else None


def limited(images: ImageSet, most: int | None, generator: np.random.Generator) -> ImageSet:
    """At most so many images of each label, drawn at random."""
    if most is None:
        return images
    rank_n = np.empty(len(images), dtype=np.int64)
    shuffled = generator.permutation(len(images))
    seen: Counter[str] = Counter()
    labels = images.labels or ("",) * len(images)
    for place in shuffled.tolist():
        rank_n[place] = seen[labels[place]]
        seen[labels[place]] += 1
    return images.subset(np.flatnonzero(rank_n < most))


def _counted(images: ImageSet, *, named: bool = True) -> str:
    kinds = [label for label in _labels(images) if label]
    return f"{_listed(kinds)} ({len(images):,} images)" if named and kinds else f"{len(images):,} images"


def _listed(names: Sequence[str], most: int = 24) -> str:
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
