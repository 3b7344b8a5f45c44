"""From distances between classes to a taxonomy that a person likes to edit.

>>> import numpy as np
>>> source = np.random.default_rng(0)
>>> centre = {"cat": (9, 1, 0), "dog": (9, -1, 0), "car": (-9, 0, 1), "bus": (-9, 0, -1)}
>>> labels = np.repeat(list(centre), 20)
>>> embeddings = np.repeat(np.array(list(centre.values())), 20, axis=0) + source.normal(size=(80, 3))
>>> print(discover_taxonomy(embeddings, labels).children("root"))
('bus-car', 'cat-dog')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy.typing as npt

from hierclf.discovery.candidates import Candidates, Group
from hierclf.discovery.dendrogram import Dendrogram
from hierclf.discovery.distances import ClassDistances
from hierclf.discovery.embedded import distances_from_embeddings
from hierclf.discovery.hierarchy import Hierarchy, hierarchies
from hierclf.discovery.medoids import medoids
from hierclf.discovery.naming import earlier_names, name_clades
from hierclf.discovery.second_parents import second_parents
from hierclf.discovery.support import resamples
from hierclf.errors import ConfigError
from hierclf.progress import Progress, silent
from hierclf.taxonomy import Taxonomy
from hierclf.taxonomy.writing import format_taxonomy, write_text

BOOTSTRAPS = 100
SUPPORT = 0.7
LARGEST = 20


@dataclass(frozen=True, kw_only=True)
class Clade:
    """A group of classes that was found and given up.

    Args:
        members: names of its classes.
        support: the share of draws in which they stand together.
    """

    members: tuple[str, ...]
    support: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Discovery:
    """A taxonomy that was found, and how sure that is.

    Args:
        taxonomy: with names for its groups.
        hierarchy: the same before names and second parents.
        name: of each group of the hierarchy, by node; the root's among them.
        support: of each named group but the root, from 0 to 1; empty where there were no images to draw from.
        medoid: the most typical class of each of these groups: the one nearest to the others.
        dropped: groups that were merged into their parent for want of support.
        dendrogram: the whole binary tree, or None for ways that have none.
        distances: what it was found in.
        second: triples (class, group, share of the draws): second parents, if asked for.
        notes: what was assumed, in sentences.
        settings: how it was found.
    """

    taxonomy: Taxonomy
    hierarchy: Hierarchy
    name: dict[int, str]
    support: dict[str, float]
    medoid: dict[str, str]
    dropped: tuple[Clade, ...]
    dendrogram: Dendrogram | None
    distances: ClassDistances
    second: tuple[tuple[str, str, float], ...]
    notes: tuple[str, ...]
    settings: dict[str, Any]

    def format(self) -> str:
        """The text of a taxonomy file, with the support of each group as a comment."""
        remarks = {node: f"support {share:.2f}" for node, share in self.support.items()}
        return format_taxonomy(self.taxonomy, comments=remarks, header=self._header())

    def to_yaml(self, path: str | PathLike[str]) -> None:
        """Write that file; it is whole or untouched, whatever happens meanwhile.

        Raises:
            TaxonomyError: the file cannot be written.
        """
        write_text(self.format(), path)

    def _header(self) -> list[str]:
        how = [self.settings["method"], *(f"{name} {value}" for name, value in self.settings["options"].items())]
        lines = [f"Found by hierclf discover ({', '.join(how)}); edit it freely."]
        if self.support:
            draws = self.settings["bootstraps"]
            lines.append(f"Support: in which share of {draws} draws of the images these classes stand together.")
        lines += [f"{leaf} is as near to {group} in {share:.0%} of the draws." for leaf, group, share in self.second]
        return lines


def discover(
    distances: ClassDistances,
    *,
    method: str = "average",
    bootstraps: int = BOOTSTRAPS,
    support: float = SUPPORT,
    largest: int | None = LARGEST,
    smallest: int = 2,
    second: float | None = None,
    root: str | None = None,
    name: str = "",
    before: Taxonomy | None = None,
    seed: int = 0,
    progress: Progress = silent,
    **options: Any,
) -> Discovery:
    """Find a taxonomy.

    Args:
        distances: between the classes; see the functions ``distances_from_…``.
        method: one of `hierarchies`.
        bootstraps: draws of the images to estimate support with; 0 for none.
        support: groups with less are merged into their parent.
        largest: children that a node may have; where the cut leaves more, the node is divided further into groups that
            have the support. None for no limit. It takes a method with a dendrogram.
        smallest: classes that a group has at least.
        second: allow second parents that are up to this much farther away than a class's own group, 0.1 being a tenth
            (experimental; see `second_parents`). None keeps it a tree.
        root: what to call the root; None takes the earlier taxonomy's, or "root".
        name: what to call the taxonomy.
        before: an earlier taxonomy of these classes, whose names are kept for groups that are about the same.
        seed: of everything random.
        progress: how to show how far it is.
        options: of the method, such as ``ratio``.

    Raises:
        ConfigError: a setting out of its bounds.
        UnknownName: no such method.
        DataError: the method needs what these distances do not have.
    """
    _check(bootstraps, support, largest, smallest, second)
    try:
        finder = hierarchies[method](**options)
    except TypeError as error:
        raise ConfigError(f"the method {method!r} has no such option: {error}") from None
    notes = list(distances.notes)
    if bootstraps and not distances.can_resample:
        bootstraps = 0
        notes.append(
            "There are no images to draw anew, so no group has a support, and none is given up for want of it."
        )
    candidates = Candidates.of(finder, distances, bootstraps=bootstraps, seed=seed, progress=progress)
    kept, dropped = candidates.chosen(support=support, largest=largest, smallest=smallest)
    hierarchy = candidates.hierarchy(kept)
    pairs: tuple[tuple[int, int, float], ...] = ()
    if second is not None and bootstraps:
        samples = progress(resamples(distances, bootstraps, seed), bootstraps, "second parents")
        pairs = second_parents(hierarchy, samples, epsilon=second)
    inner = [node for node in hierarchy.groups if node != hierarchy.root]
    below = [hierarchy.members[node - len(distances)] for node in inner]
    typical = medoids(distances, below)
    root = _root(distances.classes, before) if root is None else root
    names = _names(distances.classes, below, typical, root)
    name_N = dict(zip(inner, names, strict=True)) | {hierarchy.root: root}
    if before is not None:
        kept = earlier_names(_taxonomy(hierarchy, name_N, (), name), before)
        name_N = {node: kept.get(called, called) for node, called in name_N.items()}
    return Discovery(
        taxonomy=_taxonomy(hierarchy, name_N, pairs, name),
        hierarchy=hierarchy,
        name=name_N,
        support={name_N[node]: candidates.support(group) for node, group in zip(inner, below, strict=True)}
        if bootstraps
        else {},
        medoid={name_N[node]: distances.classes[leaf] for node, leaf in zip(inner, typical, strict=True)},
        dropped=tuple(
            Clade(members=tuple(distances.classes[leaf] for leaf in group), support=candidates.support(group))
            for group in dropped
        ),
        dendrogram=candidates.dendrogram,
        distances=distances,
        second=tuple((distances.classes[leaf], name_N[group], share) for leaf, group, share in pairs),
        notes=tuple(notes),
        settings={
            "method": method,
            "options": dict(options),
            "bootstraps": bootstraps,
            "support": support,
            "largest": largest,
            "smallest": smallest,
            "second": second,
            "seed": seed,
        },
    )


def discover_taxonomy(embeddings: npt.ArrayLike, labels: npt.ArrayLike | None = None, **settings: Any) -> Taxonomy:
    """Find meta-classes in embeddings of images; see `discover` for the settings and for what else can be had.

    Args:
        embeddings: of images, any float dtype, finite, shape ``(n, D)``.
        labels: the class of each, shape ``(n,)``; None takes each row for a class of its own.
        settings: as for `discover`.

    Raises:
        HierclfError: embeddings or settings that cannot be used.
    """
    return discover(distances_from_embeddings(embeddings, labels), **settings).taxonomy


def _check(bootstraps: int, support: float, largest: int | None, smallest: int, second: float | None) -> None:
    if bootstraps < 0:
        raise ConfigError(f"bootstraps is a number of draws from 0 on, got {bootstraps!r}")
    if not 0 <= support <= 1:
        raise ConfigError(f"support is a share from 0 to 1, got {support!r}")
    if largest is not None and largest < 2:
        raise ConfigError(f"largest is how many children a node may have, at least 2 or None, got {largest!r}")
    if smallest < 2:
        raise ConfigError(f"smallest is how many classes a group has at least, from 2 on, got {smallest!r}")
    if second is not None and second < 0:
        raise ConfigError(f"second is how much farther a second parent may be, from 0 on or None, got {second!r}")


def _root(classes: Sequence[str], before: Taxonomy | None) -> str:
    words = [*([before.root] if before is not None else []), "root", "anything", "everything", "the root of all"]
    return next(word for word in words if word not in classes)


def _names(classes: Sequence[str], groups: Sequence[Group], typical: Sequence[int], root: str) -> tuple[str, ...]:
    members = [tuple(classes[leaf] for leaf in group) for group in groups]
    return name_clades(members, [classes[leaf] for leaf in typical], taken=(*classes, root))


def _taxonomy(
    hierarchy: Hierarchy, name_N: dict[int, str], pairs: Sequence[tuple[int, int, float]], name: str
) -> Taxonomy:
    """Groups before single classes, both by name, so that another run makes a small difference."""
    k, classes = len(hierarchy.classes), hierarchy.classes
    edges = []
    for node in hierarchy.groups:
        below = hierarchy.children(node)
        groups = sorted(name_N[child] for child in below if child >= k)
        edges += [(name_N[node], child) for child in [*groups, *(classes[leaf] for leaf in below if leaf < k)]]
    edges += [(name_N[group], classes[leaf]) for leaf, group, _ in pairs]
    return Taxonomy(root=name_N[hierarchy.root], edges=tuple(edges), name=name)
