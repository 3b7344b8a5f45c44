"""Problems from images: who embeds what.

Discovery must not read images that the network was fitted on: there, classes stand apart whether they are akin or not.
So the images to learn from are divided by the seed. A network that is trained learns the classes side by side from
one part, with no taxonomy at all, and discovery reads the other. A frozen network has learnt from none of them; it too
reads a part alone, so that seeds differ in the images. The data's test part is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.discovery.config import DiscoveryConfig
from experiments.discovery.problem import Problem
from experiments.hold_out.drawing import pruned
from experiments.protocol import hashes_of, limited, parts_as_csv, parts_checksum
from experiments.sources import load_pool
from hierclf.backbones import build_backbone, choose_device, default_cache
from hierclf.classifier import HierarchicalClassifier
from hierclf.data import ImageSet, image_to_pil, stratified_split
from hierclf.embedding import Embedded, embed_images
from hierclf.errors import ConfigError, DataError
from hierclf.progress import bars
from hierclf.taxonomy import Taxonomy
from hierclf.training.preparation import taxonomy_of_labels

# n images, D embedding

STREAM = 0xD15D
FLAT: Mapping[str, Any] = {
    "head": "flat",
    "level_weights": "leaf",
    "gate": ["msp"],
    "node_gates": "none",
    "correct": "none",
}
"""Settings of a network that knows no taxonomy and has nothing to turn away."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """The images to learn from whose classes the reference holds.

    Args:
        images: all of them, labelled with leaves of the reference.
        reference: cut to the classes that there are images of.
        hashes: SHA-256 of each image's content by its name.
    """

    images: ImageSet
    reference: Taxonomy
    hashes: Mapping[str, str]


def load_material(config: DiscoveryConfig) -> Material:
    """Read the images to learn from.

    Raises:
        HierclfError: data or reference that cannot be read or do not fit together.
    """
    assert config.data is not None
    pool, whole = load_pool(config.data), config.reference()
    labels = [whole.node_of_label(label) for label in pool.train.labels or ()]
    leaves = [leaf for leaf in whole.leaves if leaf in labels]
    if len(leaves) < 2:
        held = ", ".join(sorted(set(pool.train.labels or ()))[:12])
        raise ConfigError(f"taxonomy: the data holds {len(leaves)} of its classes (it holds {held or 'no labels'})")
    kept = [place for place, label in enumerate(labels) if label in set(leaves)]
    images = pool.train.subset(kept)
    return Material(images=images, reference=pruned(whole, leaves), hashes=hashes_of([images]))


def problem_from(material: Material, config: DiscoveryConfig, seed: int) -> Problem:
    """The part of the images that discovery reads, by the seed.

    Raises:
        DataError: later, when the embeddings are asked for: an image cannot be read.
    """
    assert config.data is not None
    chance = np.random.default_rng([seed, STREAM])
    images = limited(material.images, config.data.limit, chance)
    share = config.embedding.read
    learn, look = stratified_split(np.array(images.labels), (1 - share, share), generator=chance)
    parts = {"learn": images.subset(learn), "look": images.subset(look)}
    if config.embedding.by != "trained":
        del parts["learn"]
    leaves = [material.reference.node_of_label(label) for label in parts["look"].labels or ()]
    return Problem(
        reference=material.reference,
        labels=tuple(leaf for leaf in leaves if leaf is not None),
        read=lambda: embedded(parts, config, seed),
        checksum=parts_checksum(parts, material.hashes),
        listed=parts_as_csv(parts, material.hashes),
    )


def embedded(parts: Mapping[str, ImageSet], config: DiscoveryConfig, seed: int) -> npt.NDArray[np.float32]:
    """Embeddings of the images that discovery reads, shape ``(n, D)``.

    Raises:
        DataError: an image cannot be read.
    """
    images, settings = parts["look"], dict(config.settings)
    if config.embedding.by == "pixels":
        grey = [np.asarray(image_to_pil(images, place).convert("L"), dtype=np.float32) for place in range(len(images))]
        return np.stack(grey).reshape(len(images), -1)
    if config.embedding.by == "trained":
        taxonomy = taxonomy_of_labels(parts["learn"].labels or ())
        classifier = HierarchicalClassifier(taxonomy, **{**FLAT, **settings, "seed": seed}).fit(parts["learn"])
        device = choose_device(str(settings.get("device", "auto")))
        return _whole(classifier.model_.embed(images, device=device, progress=bars))
    backbone = _frozen(tuple(sorted(settings.items())))
    device = choose_device("auto")
    return _whole(embed_images(backbone, images, device=device, cache=default_cache(), progress=bars))


@cache
def _frozen(settings: tuple[tuple[str, Any], ...]) -> Any:
    """A pretrained backbone; the same one for all seeds."""
    options = dict(settings)
    name = options.pop("backbone", "efficientnet_lite0")
    try:
        return build_backbone(name, **options)
    except TypeError as error:
        raise ConfigError(f"settings: a frozen backbone takes image_size, weights and grey: {error}") from None


def _whole(result: Embedded) -> npt.NDArray[np.float32]:
    if result.errors:
        raise DataError(f"images that cannot be read: {'; '.join(result.errors.values())}")
    embedding_nD: npt.NDArray[np.float32] = result.embedding_nD.numpy()
    return embedding_nD
