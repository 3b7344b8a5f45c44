"""The taxonomies that are compared, all of the same known classes.

=====================  =================================================================================================
``declared``           as somebody wrote it down; the ruler for all
``discovered``         found in the embeddings of images to learn from, see `hierclf.discovery`
``random``             the shape of the declared one, the classes shuffled over its places
``random_discovered``  the shape of the discovered one, the classes shuffled likewise
``nbdt``               a binary tree over the weights of a flat classifier: Wan et al., *NBDT: Neural-Backed Decision
                       Trees*, ICLR 2021, arXiv:2004.00221
``flat``               no meta-class at all: the classes side by side
=====================  =================================================================================================

A random tree tells what depth and number of nodes do by themselves; only what a tree has beyond its random twin comes
from its groups. Discovery and the binary tree see the same images and the same flat classifier, and no image of the
test, of the calibration or of a held-out class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hierclf.discovery import (
    Discovery,
    discover,
    distances_from_embeddings,
    distances_from_weights,
)
from hierclf.discovery.agreement import compare
from hierclf.registry import Registry
from hierclf.taxonomy import Taxonomy
from hierclf.training.preparation import taxonomy_of_labels

# n images that discovery reads, K classes, D embedding

STREAM = 0x7EE5
FLAT = "flat"


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What the trees of one seed are made from.

    Args:
        declared: the taxonomy of the known classes.
        embedding_nD: embeddings of images that discovery may read, float64.
        label_n: their classes.
        weight_KD: weights of a flat classifier of these embeddings, float64, in the order of the declared leaves.
        options: of `hierclf.discovery.discover`.
        seed: of everything random.
    """

    declared: Taxonomy
    embedding_nD: npt.NDArray[np.float64]
    label_n: tuple[str, ...]
    weight_KD: npt.NDArray[np.float64]
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @cached_property
    def discovery(self) -> Discovery:
        """What is found in the embeddings."""
        return discover(
            distances_from_embeddings(self.embedding_nD, self.label_n), **{"seed": self.seed, **self.options}
        )


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A way to a taxonomy.

    Args:
        title: what to call it in a table.
        grow: makes it.
        twin: the name of the random tree of its shape, if there is one.
    """

    title: str
    grow: Callable[[Ground], Taxonomy]
    twin: str | None = None


trees: Registry[Tree] = Registry("taxonomy to compare")


def shuffled(taxonomy: Taxonomy, generator: np.random.Generator) -> Taxonomy:
    """The same shape with the classes shuffled over its places, its meta-classes called after nothing.

    >>> pets = Taxonomy.from_edges({"pet": ["cat", "dog"], "wild": ["wolf", "fox"]}, root="animal")
    >>> shuffled(pets, np.random.default_rng(0)).edges
    (('root', 'group 1'), ('root', 'group 2'), ('group 1', 'wolf'), ('group 1', 'cat'), ('group 2', 'dog'), ...)
    """
    leaves = taxonomy.leaves
    new = dict(zip(leaves, [leaves[place] for place in generator.permutation(len(leaves))], strict=True))
    inner = [node for node in taxonomy.internal_nodes if node != taxonomy.root]
    new |= {node: _free(f"group {number}", leaves) for number, node in enumerate(inner, start=1)}
    new[taxonomy.root] = _free("root", leaves)
    return Taxonomy(root=new[taxonomy.root], edges=tuple((new[parent], new[child]) for parent, child in taxonomy.edges))


def _free(name: str, taken: tuple[str, ...]) -> str:
    return name if name not in taken else _free(f"the {name}", taken)


def _shuffled_by(ground: Ground, taxonomy: Taxonomy, stream: int) -> Taxonomy:
    return shuffled(taxonomy, np.random.default_rng([ground.seed, STREAM, stream]))


def _binary(ground: Ground) -> Taxonomy:
    distances = distances_from_weights(ground.weight_KD, ground.declared.leaves)
    return discover(distances, method="nbdt", bootstraps=0, seed=ground.seed).taxonomy


def agreement(found: Taxonomy, declared: Taxonomy) -> dict[str, Any]:
    """How a taxonomy agrees with the declared one, as columns of a table."""
    judged = compare(found, declared)
    return {
        "clade_f1": judged.clade.f1,
        "triplets": judged.triplet.scores.f1,
        "meta_classes": len(found.internal_nodes) - 1,
        "depth": found.depth,
    }


trees.register("declared")(Tree(title="declared", grow=lambda ground: ground.declared, twin="random"))
trees.register("discovered")(
    Tree(title="discovered", grow=lambda ground: ground.discovery.taxonomy, twin="random_discovered")
)
trees.register("random")(
    Tree(title="random, declared shape", grow=lambda ground: _shuffled_by(ground, ground.declared, 1))
)
trees.register("random_discovered")(
    Tree(title="random, discovered shape", grow=lambda ground: _shuffled_by(ground, ground.discovery.taxonomy, 2))
)
trees.register("nbdt")(Tree(title="binary (NBDT)", grow=_binary))
trees.register(FLAT)(Tree(title="flat", grow=lambda ground: taxonomy_of_labels(ground.declared.leaves)))
