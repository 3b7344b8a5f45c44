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

from dataclasses import asdict
from os import PathLike
from typing import Any

import numpy.typing as npt

from hierclf.discovery.candidates import Candidates
from hierclf.discovery.discovery import Clade, Discovery
from hierclf.discovery.distances import ClassDistances
from hierclf.discovery.embedded import distances_from_embeddings
from hierclf.discovery.named import NamedHierarchy
from hierclf.discovery.search import BOOTSTRAPS, LARGEST, SUPPORT, Search
from hierclf.discovery.second_parents import second_parents
from hierclf.discovery.side_tables import with_tables
from hierclf.discovery.support import resamples
from hierclf.progress import Progress, silent
from hierclf.taxonomy import Taxonomy
from hierclf.taxonomy.convert import load_taxonomy

NOT_DRAWN = "There are no images to draw anew, so no group has a support, and none is given up for want of it."


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
    before: Taxonomy | str | PathLike[str] | None = None,
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
        before: an earlier taxonomy of these classes, or its file: its names are kept for groups that are about the
            same, and so are its name and its tables (labels, weights, other) as far as they still make sense.
        seed: of everything random.
        progress: how to show how far it is.
        options: of the method, such as ``ratio``.

    Raises:
        ConfigError: a setting out of its bounds.
        UnknownName: no such method.
        DataError: the method needs what these distances do not have.
    """
    search = Search(
        method=method,
        bootstraps=bootstraps,
        support=support,
        largest=largest,
        smallest=smallest,
        second=second,
        seed=seed,
        options=options,
    )
    earlier = load_taxonomy(before) if isinstance(before, str | PathLike) else before
    drawn = bootstraps if distances.can_resample else 0
    candidates = Candidates.of(search.finder, distances, bootstraps=drawn, seed=seed, progress=progress)
    chosen = candidates.chosen(support=support, largest=largest, smallest=smallest)
    hierarchy = candidates.hierarchy(chosen.kept)
    pairs: tuple[tuple[int, int, float], ...] = ()
    if second is not None and drawn:
        samples = progress(resamples(distances, drawn, seed), drawn, "second parents")
        pairs = second_parents(hierarchy, samples, epsilon=second)
    named = NamedHierarchy.of(hierarchy, distances, root=root, before=earlier)
    classes = distances.classes
    taxonomy = named.taxonomy(pairs, name=name)
    notes = [*distances.notes, *chosen.notes]
    if bootstraps and not drawn:
        notes.append(NOT_DRAWN)
    if earlier is not None:
        taxonomy, lost = with_tables(taxonomy, earlier)
        notes += lost
    return Discovery(
        taxonomy=taxonomy,
        hierarchy=hierarchy,
        name=named.name,
        support={named.name[node]: candidates.support(group) for node, group in named.groups} if drawn else {},
        medoid={named.name[node]: classes[leaf] for node, leaf in named.medoid.items()},
        dropped=tuple(
            Clade(members=tuple(classes[leaf] for leaf in group), support=candidates.support(group))
            for group in chosen.dropped
        ),
        dendrogram=candidates.dendrogram,
        distances=distances,
        second=tuple((classes[leaf], named.name[group], share) for leaf, group, share in pairs),
        notes=tuple(notes),
        settings=asdict(search) | {"bootstraps": drawn},
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
