"""Ways to find a taxonomy, by name.

All of them but the last three read the same distances between classes: those of whitened, denoised class means, as
`hierclf.discovery` makes them. So a difference is one of the way to a tree, not of what it was made from. `nbdt_raw`
reads the plain means, as NBDT reads plain weights; `ours_plenty` tells what is lost for want of images; `random` is the
floor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import silhouette_score

from experiments.discovery.problem import Problem
from hierclf.discovery import Hierarchy, discover, distances_from_weights
from hierclf.discovery.dendrogram import dendrogram_of
from hierclf.discovery.induced import every_merge
from hierclf.errors import DataError
from hierclf.registry import Registry
from hierclf.taxonomy import Taxonomy

# K classes, D embedding, P pairs of classes

STREAM = 0xD15C

Find = Callable[[Problem, int], Taxonomy]
"""From a problem and a seed to a taxonomy of its classes."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to find a taxonomy.

    Args:
        title: what to call it in a table.
        find: finds it.
        words: one sentence on it.
        needs_plenty: whether it draws more images of the classes, which planted problems alone allow.
    """

    title: str
    find: Find
    words: str
    needs_plenty: bool = False


ways: Registry[Way] = Registry("way to find a taxonomy")


def by_discover(**settings: Any) -> Find:
    """Our discovery with some settings."""
    return lambda problem, seed: discover(problem.distances, seed=seed, **settings).taxonomy


def whole_dendrogram(problem: Problem, seed: int) -> Taxonomy:
    """Average linkage with every merge kept."""
    return named(every_merge(problem.distances.classes, dendrogram_of(problem.distances, "average")))


def global_cut(problem: Problem, seed: int) -> Taxonomy:
    """Average linkage, cut at the one height whose groups have the best silhouette."""
    classes, distance_P = problem.distances.classes, problem.distances.distance_P
    if len(classes) < 3:
        return named(Hierarchy.of(classes, []))
    merge_M4, square_KK = linkage(distance_P, "average"), squareform(distance_P, checks=False)
    labels = [fcluster(merge_M4, count, "maxclust") for count in range(2, len(classes))]
    divided = [label_K for label_K in labels if 1 < len(set(label_K.tolist())) < len(classes)]
    if not divided:
        return named(Hierarchy.of(classes, []))
    best_K = max(divided, key=lambda label_K: float(silhouette_score(square_KK, label_K, metric="precomputed")))
    groups = [np.flatnonzero(best_K == label).tolist() for label in np.unique(best_K)]
    return named(Hierarchy.of(classes, [group for group in groups if len(group) > 1]))


def nbdt_raw(problem: Problem, seed: int) -> Taxonomy:
    """The induced hierarchy of the plain class means."""
    classes, class_n = np.unique(np.array(problem.labels), return_inverse=True)
    mean_KD = np.zeros((len(classes), problem.embedding_nD.shape[1]))
    np.add.at(mean_KD, class_n, problem.embedding_nD)
    mean_KD /= np.bincount(class_n)[:, None]
    return discover(distances_from_weights(mean_KD, classes.tolist()), method="nbdt", largest=None).taxonomy


def with_plenty(problem: Problem, seed: int) -> Taxonomy:
    """Our discovery, given very many images of each class.

    Raises:
        DataError: there are no more images to be had.
    """
    if problem.plenty is None:
        raise DataError("more images can be drawn of planted classes alone; leave this way out")
    return discover(problem.plenty().distances, bootstraps=0, seed=seed).taxonomy


def shuffled(problem: Problem, seed: int) -> Taxonomy:
    """The reference's own shape with the classes shuffled over its places."""
    reference = problem.reference
    places = np.random.default_rng([seed, STREAM]).permutation(len(reference.leaves))
    new = dict(zip(reference.leaves, (reference.leaves[place] for place in places), strict=True))
    edges = tuple((parent, new.get(child, child)) for parent, child in reference.edges)
    return Taxonomy(root=reference.root, edges=edges)


def named(hierarchy: Hierarchy) -> Taxonomy:
    """A hierarchy with numbers for names."""
    name = dict(enumerate(hierarchy.classes)) | {node: f"group {node}" for node in hierarchy.groups}
    edges = [(name[node], name[child]) for node in hierarchy.groups for child in hierarchy.children(node)]
    return Taxonomy(root=name[hierarchy.root], edges=tuple(edges))


ways.register("ours")(
    Way(title="hierclf", find=by_discover(), words="`discover` as it is: groups without support are given up")
)
ways.register("ours_without_support")(
    Way(title="hierclf without bootstraps", find=by_discover(bootstraps=0), words="the same, no group given up")
)
ways.register("kmeans")(
    Way(
        title="recursive k-means",
        find=by_discover(method="kmeans", bootstraps=0, largest=None),
        words="k-means within k-means, the number of groups by silhouette",
    )
)
ways.register("hdbscan")(
    Way(
        title="HDBSCAN",
        find=by_discover(method="hdbscan", bootstraps=0, largest=None),
        words="its condensed cluster tree",
    )
)
ways.register("global_cut")(
    Way(title="global cut", find=global_cut, words="average linkage, cut once where the silhouette is best")
)
ways.register("dendrogram")(
    Way(
        title="whole dendrogram",
        find=whole_dendrogram,
        words="average linkage with every merge kept; its recall is the most that any cut of it can reach",
    )
)
ways.register("nbdt")(
    Way(
        title="NBDT",
        find=by_discover(method="nbdt", bootstraps=0, largest=None),
        words="the induced hierarchy, of the same whitened means",
    )
)
ways.register("nbdt_raw")(
    Way(title="NBDT, plain means", find=nbdt_raw, words="the induced hierarchy of class means as they are")
)
ways.register("ours_plenty")(
    Way(
        title="hierclf, very many images",
        find=with_plenty,
        words="without bootstraps; what this misses is not missed for want of images",
        needs_plenty=True,
    )
)
ways.register("random")(
    Way(title="random", find=shuffled, words="the reference's shape with the classes shuffled: the floor")
)
