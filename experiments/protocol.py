"""Which images are learnt from and which are tested on: the classes of the data divided by their role.

* **known** classes are to be recognised;
* **other**: some of their images are given to learn what is none of the classes, and those of the test are **seen**;
* **unseen**: nothing of them is there before the test;
* **far**: the same, where it is told apart because it is of another kind altogether.

A division is fixed before anything is learnt. It is stored with a checksum over what the images hold, so two runs with
equal checksums used the same images in the same parts. The taxonomy is cut to the known classes. `experiments.roles`
finds the classes of a seed; `experiments.validation` plays a rehearsal in which no test image takes part.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from experiments.config import Config
from experiments.hold_out.drawing import pruned
from experiments.roles import Roles, assigned, listed
from experiments.sources import Pool
from experiments.validation import rehearsed
from hierclf.dag import compile_plan
from hierclf.data import ImageSet, content_hash, join_sets, stratified_split
from hierclf.errors import DataError, ImageError
from hierclf.metrics import Ancestry, closest_known_ancestor
from hierclf.taxonomy import Taxonomy, load_taxonomy
from hierclf.training.preparation import taxonomy_of_labels

PARTS = ("train", "other", "test", "seen", "unseen", "far")
REHEARSAL = "VALIDATION: the images to learn from were divided anew, and no test image took part."


@dataclass(frozen=True, kw_only=True, eq=False)
class Division:
    """The images of one run by what they are for.

    Args:
        train: known images to learn from.
        other: images of other to learn from, or None.
        test: known images to test on.
        seen: test images of the kinds in ``other``, or None.
        unseen: test images of kinds that are nowhere else, or None.
        far: the same of kinds that are far from what is known, where these are told apart, or None.
        taxonomy: what may be recognised: that of the experiment, cut to the known classes of this seed.
        hashes: SHA-256 of each image's content by its name.
        copies: images to learn from that were left out because a test image holds the same.
        below: for classes of the test that are not known and have a place in the whole taxonomy: the closest node above
            them that is left of it.
        validation: whether the test is made of images to learn from.
        note: what else a reader should know.
    """

    taxonomy: Taxonomy
    train: ImageSet
    test: ImageSet
    other: ImageSet | None = None
    seen: ImageSet | None = None
    unseen: ImageSet | None = None
    far: ImageSet | None = None
    hashes: dict[str, str]
    copies: int = 0
    below: Mapping[str, str] = field(default_factory=dict)
    validation: bool = False
    note: str = ""

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
        told = [REHEARSAL] if self.validation else []
        told.append(f"Known: {_counted(self.train)} to learn from and {_counted(self.test, named=False)} to test on.")
        if self.other is not None:
            more = f"; {_counted(self.seen, named=False)} of these kinds in the test" if self.seen else ""
            told.append(f"Given as other: {_counted(self.other)} to learn from{more}.")
        if self.unseen is not None:
            told.append(f"Other never seen before the test: {_counted(self.unseen)}.")
        if self.far is not None:
            told.append(f"Far other never seen before the test: {_counted(self.far)}.")
        if self.copies:
            told.append(f"{self.copies} images to learn from were left out: they equal an image of the test.")
        return [*told, self.note] if self.note else told


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
    """The taxonomy that the config names, or all classes that some seed knows side by side.

    Raises:
        ConfigError: a class that the data does not hold, or one with two roles.
        TaxonomyError: a file that cannot be read, or has faults.
    """
    if config.taxonomy is not None:
        beside = Path(config.data.root or "") / config.taxonomy
        return load_taxonomy(beside if beside.is_file() else config.taxonomy)
    held = _labels(pool.train)
    known = {name for seed in config.seeds for name in assigned(config.classes, held, None, seed=seed).known}
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
        seed: of the division and of `limit`, and of the classes where the config has ``splits``.

    Raises:
        ConfigError: a class that the data does not hold, or that the taxonomy does not know.
        DataError: a part that must not be empty is.
    """
    roles, generator = _roles(pool, config, taxonomy, seed=seed), np.random.default_rng([seed, 0xD161])
    train, test = _halves(pool, roles, config, generator)
    given, strange = pool.other_train, pool.other_test
    if config.validation:
        roles = _rehearsed(roles, pool, config, seed=seed)
        train, test = _halves(Pool(train=_together(train, given)), roles, config, generator)
        given = strange = None
    known = {"to learn from": _of(train, roles.known), "to test on": _of(test, roles.known)}
    for purpose, images in known.items():
        if images is None:
            raise DataError(f"no known images {purpose}; known are {', '.join(roles.known)}")
    unseen, far = _of(test, roles.unseen), _joined([_of(test, roles.far), strange])
    if unseen is None:
        unseen, far = far, None
    tested = [known["to test on"], _of(test, roles.other), unseen, far]
    taken = {hashes[name] for images in tested if images is not None for name in images.names}
    learnt: list[ImageSet | None] = []
    copies = 0
    for images in (known["to learn from"], _joined([_of(train, roles.other), given])):
        if images is None:
            learnt.append(None)
            continue
        fresh = [place for place, name in enumerate(images.names) if hashes[name] not in taken]
        copies += len(images) - len(fresh)
        learnt.append(limited(images.subset(np.array(fresh, dtype=np.int64)), config.data.limit, generator))
    assert learnt[0] is not None
    assert tested[0] is not None
    differ = len(config.seeds) > 1 and (len(config.classes.splits) > 1 or config.validation)
    used = {name for images in (*learnt, *tested) if images is not None for name in images.names}
    cut = _cut(taxonomy, roles.known)
    return Division(
        taxonomy=cut,
        train=learnt[0],
        other=learnt[1],
        test=tested[0],
        seen=tested[1],
        unseen=tested[2],
        far=tested[3],
        hashes={name: hashes[name] for name in hashes if name in used},
        copies=copies,
        below=_below(taxonomy, cut, [label for images in filter(None, tested[1:]) for label in _labels(images)]),
        validation=config.validation,
        note=f"These are the classes of seed {seed}; other seeds have others." if differ else "",
    )


def known_taxonomy(pool: Pool, config: Config, taxonomy: Taxonomy, *, seed: int) -> Taxonomy:
    """The part of a taxonomy that a seed's known classes lie in, as in `Division.taxonomy`; no image is looked at.

    Raises:
        ConfigError: a class that the data does not hold, or that the taxonomy does not know.
    """
    roles = _roles(pool, config, taxonomy, seed=seed)
    return _cut(taxonomy, (_rehearsed(roles, pool, config, seed=seed) if config.validation else roles).known)


def _roles(pool: Pool, config: Config, taxonomy: Taxonomy, *, seed: int) -> Roles:
    """Those of the real run."""
    return assigned(config.classes, _labels(pool.train), taxonomy, seed=seed)


def _rehearsed(roles: Roles, pool: Pool, config: Config, *, seed: int) -> Roles:
    given = [] if pool.other_train is None else _labels(pool.other_train)
    return rehearsed(roles, (*roles.other, *given), config, seed=seed)


def _halves(pool: Pool, roles: Roles, config: Config, generator: np.random.Generator) -> tuple[ImageSet, ImageSet]:
    """What may be learnt from and what may be tested on, all classes in both."""
    train, test = pool.train, pool.test
    if config.data.resplit and test is not None:
        train, test = join_sets([train, test]), None
    elif pool.parted:
        return train, train.subset(np.empty(0, dtype=np.int64)) if test is None else test
    labels = np.array(train.labels)
    share = config.data.test_share
    learn, examine = stratified_split(labels, (1 - share, share), generator=generator)
    everything = np.flatnonzero(np.isin(labels, (*roles.unseen, *roles.far)))
    return train.subset(learn), train.subset(np.union1d(examine, everything))


def _together(images: ImageSet, given: ImageSet | None) -> ImageSet:
    """Images of the data's own classes, and of kinds of other that come from elsewhere."""
    both = sorted(set(_labels(images)) & set(_labels(given))) if given is not None else []
    if both:
        raise DataError(f"{both[0]!r} is a class of the data and a kind of other that is given beside it; rename one")
    return images if given is None else join_sets([images, given])


def _cut(taxonomy: Taxonomy, known: Sequence[str]) -> Taxonomy:
    """The part of a taxonomy that holds the known classes; the same where that is all of it."""
    nodes = [taxonomy.node_of_label(name) for name in known]
    below = {leaf for node in nodes if node is not None for leaf in taxonomy.leaves_below(node)}
    return taxonomy if below.issuperset(taxonomy.leaves) else pruned(taxonomy, below)


def _below(whole: Taxonomy, cut: Taxonomy, labels: Sequence[str]) -> dict[str, str]:
    """The closest ancestor in the cut taxonomy of each class that only the whole one holds."""
    known_N = np.array([node in cut for node in whole.nodes])
    places = {label: whole.index(node) for label in labels if (node := whole.node_of_label(label)) is not None}
    node_K = np.array(list(places.values()), dtype=np.int64)
    closest_K = closest_known_ancestor(node_K, known_N, Ancestry.from_plan(compile_plan(whole))) if places else node_K
    return {label: whole.nodes[node] for label, node in zip(places, closest_K.tolist(), strict=True)}


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
    return f"{listed(kinds)} ({len(images):,} images)" if named and kinds else f"{len(images):,} images"
