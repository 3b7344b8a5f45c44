"""What every way of finding a taxonomy is given, and what it is to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hierclf.discovery import ClassDistances, distances_from_embeddings
from hierclf.taxonomy import Taxonomy

# n images, D embedding


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Embeddings of images whose classes are known, and a taxonomy of these classes.

    Args:
        reference: the taxonomy to find; ways do not look at it, but for the floor.
        labels: the class of each image, a leaf of the reference.
        read: gives the embeddings, shape ``(n, D)``; it is called once, when they are first needed.
        checksum: of images and labels.
        listed: one line per image as CSV, or nothing.
        cell: which kind of planted data this is, or nothing.
        plenty: the same problem with very many images of each class, where these can be had.
    """

    reference: Taxonomy
    labels: tuple[str, ...]
    read: Callable[[], npt.NDArray[np.float32]]
    checksum: str
    listed: str = ""
    cell: str = ""
    plenty: Callable[[], Problem] | None = None

    @cached_property
    def embedding_nD(self) -> npt.NDArray[np.float32]:
        """The embeddings."""
        return self.read()

    @cached_property
    def distances(self) -> ClassDistances:
        """How far apart the classes are, as `hierclf.discovery` sees it by default."""
        return distances_from_embeddings(self.embedding_nD, np.array(self.labels))

    def sentence(self) -> str:
        """What there is, for a reader."""
        reference = self.reference
        groups = {
            frozenset(reference.leaves_below(node)) for node in reference.internal_nodes if node != reference.root
        }
        clades = sum(1 < len(group) < len(reference.leaves) for group in groups)
        return (
            f"{len(self.labels):,} images of {len(reference.leaves)} classes; the reference has {clades} groups of "
            f"two or more of them"
        )
