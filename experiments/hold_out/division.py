"""The images of a hold-out experiment by what they are for, in one draw of the seed.

=============  =======================================================================================================
``train``      known images to learn from; the promise is calibrated on a part of them
``test``       known images to test on
``leaf``       test images of held-out classes
``subtree``    test images of classes of held-out subtrees
``far``        images that are out of scope altogether
=============  =======================================================================================================

Held-out classes have no image in ``train``, and no image to learn from equals one to test on. A draw is stored with a
checksum over what the images hold: equal checksums mean that the same images were used for the same purpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from experiments.hold_out.config import DrawnConfig
from experiments.hold_out.drawing import Drawing, draw, pruned
from experiments.hold_out.far import drawn_far, load_far
from experiments.protocol import hashes_of, limited, parts_as_csv, parts_checksum
from experiments.sources import Pool, load_pool
from hierclf.data import ImageSet, join_sets, stratified_split
from hierclf.errors import ConfigError, DataError
from hierclf.taxonomy import Taxonomy

NOVEL = ("leaf", "subtree", "far")
TESTED = ("test", *NOVEL)
STREAM = 0xD161

# n images


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Everything that is drawn from: read once, the same for all seeds.

    Args:
        taxonomy: of the classes that the data holds.
        pool: the images.
        far: images out of scope, by name.
        hashes: SHA-256 of each image's content by its name.
    """

    taxonomy: Taxonomy
    pool: Pool
    far: Mapping[str, ImageSet]
    hashes: dict[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """The images of one seed.

    Args:
        drawing: which classes are held out.
        parts: images by the names above; parts without images are absent.
        hashes: SHA-256 of each image's content by its name.
        copies: images to learn from that were left out because a test image holds the same.
    """

    drawing: Drawing
    parts: Mapping[str, ImageSet]
    hashes: Mapping[str, str]
    copies: int = 0

    def to_csv(self) -> str:
        """One line per image: its part, name, label and the checksum of its content."""
        return parts_as_csv(self.parts, self.hashes)

    @cached_property
    def checksum(self) -> str:
        """The first 16 digits of the SHA-256 of the images' parts, labels and contents; their names do not count."""
        return parts_checksum(self.parts, self.hashes)

    @property
    def tested(self) -> tuple[str, ...]:
        """The parts to test on that hold images."""
        return tuple(name for name in TESTED if name in self.parts)

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each tested image belongs, and which true class it is of, part after part.

        Returns:
            Node ids of the known taxonomy, int64 ``(n,)``; and one number per true class or kind of far image.
        """
        known = self.drawing.known
        targets: list[int] = []
        names: list[str] = []
        for part in self.tested:
            labels = self.parts[part].labels or ()
            if part == "far":
                targets.extend([0] * len(labels))
            else:
                leaves = [self._leaf(label) for label in labels]
                targets.extend(known.index(self.drawing.target(leaf)) for leaf in leaves)
                labels = tuple(leaves)
            names.extend(f"{part}:{label}" for label in labels)
        return np.array(targets, dtype=np.int64), np.unique(names, return_inverse=True)[1].astype(np.int64)

    def places(self) -> dict[str, slice]:
        """Where each tested part lies when they stand one after the other."""
        ends = np.cumsum([0, *(len(self.parts[part]) for part in self.tested)]).tolist()
        return {part: slice(*ends[place : place + 2]) for place, part in enumerate(self.tested)}

    def sentences(self) -> list[str]:
        """What is known and what is held out, for a reader."""
        known, sizes = self.drawing.known, {name: f"{len(images):,}" for name, images in self.parts.items()}
        told = [
            f"Known: {len(known.leaves)} of {len(self.drawing.taxonomy.leaves)} classes, {sizes['train']} images to "
            f"learn from and {sizes['test']} to test on.",
            *self.drawing.sentences(),
        ]
        words = {"leaf": "of held-out classes", "subtree": "of held-out subtrees", "far": "out of scope altogether"}
        told.append("Novel in the test: " + ", ".join(f"{sizes[p]} {words[p]}" for p in NOVEL if p in sizes) + ".")
        if self.copies:
            told.append(f"{self.copies} images to learn from were left out: they equal an image of the test.")
        return told

    def _leaf(self, label: str) -> str:
        leaf = self.drawing.taxonomy.node_of_label(label)
        assert leaf is not None, "only images with a leaf are drawn"
        return leaf


def load_material(config: DrawnConfig) -> Material:
    """Read all images, and cut the taxonomy to the classes that they show.

    Raises:
        HierclfError: data or taxonomy that cannot be read or do not fit together.
    """
    pool, whole, far = load_pool(config.data), config.whole_taxonomy(), load_far(config)
    found = {whole.node_of_label(label) for label in pool.train.labels or ()}
    leaves = [leaf for leaf in whole.leaves if leaf in found]
    if not leaves:
        held = ", ".join(sorted(set(pool.train.labels or ()))[:12])
        raise ConfigError(f"taxonomy: the data holds no class of it (the data holds {held or 'no labels'})")
    sets = [pool.train, pool.test, pool.other_test, *far.values()]
    return Material(taxonomy=pruned(whole, leaves), pool=pool, far=far, hashes=hashes_of(sets))


def hold_out(material: Material, config: DrawnConfig, *, seed: int) -> HeldOut:
    """Draw what is held out, and say of each image what it is for.

    Data without a test part, or with ``resplit``, is divided by the seed, each class in proportion.

    Raises:
        ConfigError: the taxonomy allows nothing to be held out.
        DataError: no known image to learn from or to test on.
    """
    drawing = draw(material.taxonomy, leaves=config.hold_out.leaves, subtrees=config.hold_out.subtrees, seed=seed)
    chance = np.random.default_rng([seed, STREAM])
    train, test = _halves(material.pool, config, chance)
    wanted = {"test": drawing.known.leaves, "leaf": drawing.leaves, "subtree": drawing.below_subtrees}
    parts = {name: _of(test, leaves, drawing) for name, leaves in wanted.items()}
    far = drawn_far(material.far, config, seed=seed)
    parts["far"] = _joined([far, material.pool.other_test])
    hashes = material.hashes | hashes_of([far])  # far images were brought into another form
    taken = {hashes[name] for images in parts.values() if images is not None for name in images.names}
    known = _of(train, drawing.known.leaves, drawing)
    if known is None or parts["test"] is None:
        raise DataError(f"no known images to {'learn from' if known is None else 'test on'}")
    fresh = [place for place, name in enumerate(known.names) if hashes[name] not in taken]
    if not fresh:
        raise DataError(f"all {len(known)} known images to learn from equal an image of the test; give other images")
    learnt = limited(known.subset(fresh), config.data.limit, chance)
    held = {"train": learnt, **{name: images for name, images in parts.items() if images is not None}}
    used = {name: hashes[name] for images in held.values() for name in images.names}
    return HeldOut(drawing=drawing, parts=held, hashes=used, copies=len(known) - len(fresh))


def _halves(pool: Pool, config: DrawnConfig, chance: np.random.Generator) -> tuple[ImageSet, ImageSet]:
    """What may be learnt from and what may be tested on."""
    train, test = pool.train, pool.test
    if config.data.resplit and test is not None:
        train, test = join_sets([train, test]), None
    if test is not None:
        return train, test
    shares = (1 - config.data.test_share, config.data.test_share)
    learn, examine = stratified_split(np.array(train.labels), shares, generator=chance)
    return train.subset(learn), train.subset(examine)


def _of(images: ImageSet, leaves: Sequence[str], drawing: Drawing) -> ImageSet | None:
    """The images of these classes, or None when there is none."""
    wanted = set(leaves)
    labels = images.labels or ("",) * len(images)
    chosen = [place for place, label in enumerate(labels) if drawing.taxonomy.node_of_label(label) in wanted]
    return images.subset(chosen) if chosen else None


def _joined(sets: Sequence[ImageSet | None]) -> ImageSet | None:
    found = [images for images in sets if images is not None and len(images)]
    return join_sets(found) if found else None
