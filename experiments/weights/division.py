"""Which images teach and which are tested on, by the seed.

Data with a test part keeps it; where ``validation`` is asked for, that part is left unread and a part of the images to
learn from is tested on instead. No image to learn from equals one to test on. Equal checksums mean equal images for
equal purposes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from experiments.hold_out.drawing import pruned
from experiments.protocol import hashes_of, limited, parts_as_csv, parts_checksum
from experiments.sources import Pool, load_pool
from experiments.weights.config import WeightsConfig
from hierclf.data import ImageSet, join_sets, stratified_split
from hierclf.errors import DataError
from hierclf.taxonomy import Taxonomy

STREAM = 0x3E16


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Everything that is drawn from: read once, the same for all seeds.

    Args:
        taxonomy: of the classes that the data holds.
        pool: the images.
        hashes: SHA-256 of each image's content by its name.
    """

    taxonomy: Taxonomy
    pool: Pool
    hashes: dict[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Divided:
    """The images of one seed.

    Args:
        taxonomy: of their classes.
        train: to learn from.
        test: to test on.
        hashes: SHA-256 of each image's content by its name.
    """

    taxonomy: Taxonomy
    train: ImageSet
    test: ImageSet
    hashes: Mapping[str, str]

    @property
    def parts(self) -> dict[str, ImageSet]:
        """The images by what they are for."""
        return {"train": self.train, "test": self.test}

    def to_csv(self) -> str:
        """One line per image: its part, name, label and the checksum of its content."""
        return parts_as_csv(self.parts, self.hashes)

    @cached_property
    def checksum(self) -> str:
        """The first 16 digits of the SHA-256 of the images' parts, labels and contents."""
        return parts_checksum(self.parts, self.hashes)

    def truth(self) -> np.ndarray:
        """Node ids of the tested images, int64."""
        return np.array(
            [self.taxonomy.index(str(self.taxonomy.node_of_label(name))) for name in self.test.labels or ()]
        )

    def sentence(self) -> str:
        """What there is, for a reader."""
        return (
            f"{len(self.taxonomy.leaves)} classes, {len(self.train):,} images to learn from and {len(self.test):,} to "
            "test on."
        )


def load_material(config: WeightsConfig) -> Material:
    """Read all images, and cut the taxonomy to the classes that they show.

    Raises:
        HierclfError: data or taxonomy that cannot be read or do not fit together.
    """
    unread = {"without_test": True, "resplit": False} if config.validation else {}
    data = config.data.model_copy(update=unread)
    pool, whole = load_pool(data), config.whole_taxonomy()
    found = {whole.node_of_label(label) for label in pool.train.labels or ()}
    leaves = [leaf for leaf in whole.leaves if leaf in found]
    if not leaves:
        held = ", ".join(sorted(set(pool.train.labels or ()))[:12])
        raise DataError(f"taxonomy: the data holds no class of it (the data holds {held or 'no labels'})")
    return Material(taxonomy=pruned(whole, leaves), pool=pool, hashes=hashes_of([pool.train, pool.test]))


def divide(material: Material, config: WeightsConfig, *, seed: int) -> Divided:
    """Say of each image what it is for.

    Raises:
        DataError: nothing to learn from or to test on.
    """
    chance = np.random.default_rng([seed, STREAM])
    pool, taxonomy = material.pool, material.taxonomy
    train, test = _of(pool.train, taxonomy), None if pool.test is None else _of(pool.test, taxonomy)
    if test is None or config.data.resplit:
        train = train if test is None else join_sets([train, test])
        shares = (1 - config.data.test_share, config.data.test_share)
        learn, examine = stratified_split(np.array(train.labels), shares, generator=chance)
        train, test = train.subset(learn), train.subset(examine)
    taken = {material.hashes[name] for name in test.names}
    train = train.subset([place for place, name in enumerate(train.names) if material.hashes[name] not in taken])
    train = limited(train, config.data.limit, chance)
    if not len(train) or not len(test):
        raise DataError(f"no images to {'test on' if len(train) else 'learn from'} of {len(taxonomy.leaves)} classes")
    used = {name: material.hashes[name] for images in (train, test) for name in images.names}
    return Divided(taxonomy=taxonomy, train=train, test=test, hashes=used)


def _of(images: ImageSet, taxonomy: Taxonomy) -> ImageSet:
    """The images whose label is a class of the taxonomy."""
    leaves = set(taxonomy.leaves)
    labels = images.labels or ()
    return images.subset([place for place, label in enumerate(labels) if taxonomy.node_of_label(label) in leaves])
