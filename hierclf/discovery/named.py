"""Names for the nodes of a hierarchy, and the taxonomy that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hierclf.discovery.candidates import Group
from hierclf.discovery.distances import ClassDistances
from hierclf.discovery.hierarchy import Hierarchy
from hierclf.discovery.medoids import medoids
from hierclf.discovery.naming import earlier_names, name_clades
from hierclf.errors import ConfigError
from hierclf.taxonomy import Taxonomy

ROOTS = ("root", "anything", "everything", "the root of all")
"""What the root is called: the first that no class is called."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedHierarchy:
    """A hierarchy whose groups have names.

    Args:
        hierarchy: of the classes.
        name: of each group, the root's among them, by node.
        medoid: the most typical class of each group but the root, by node.
    """

    hierarchy: Hierarchy
    name: dict[int, str]
    medoid: dict[int, int]

    @classmethod
    def of(
        cls, hierarchy: Hierarchy, distances: ClassDistances, *, root: str | None, before: Taxonomy | None
    ) -> NamedHierarchy:
        """Name the groups of a hierarchy.

        Args:
            hierarchy: of the classes.
            distances: between them, which say what is typical.
            root: what to call the root; None takes the earlier taxonomy's, else the first of `ROOTS` that is free.
            before: an earlier taxonomy, whose names are kept for groups that are about the same.

        Raises:
            ConfigError: a class is called like the root.
        """
        classes = hierarchy.classes
        nodes = [node for node in hierarchy.groups if node != hierarchy.root]
        groups = [hierarchy.members[node - len(classes)] for node in nodes]
        typical = medoids(distances, groups)
        if root is not None and (not isinstance(root, str) or root in classes):
            raise ConfigError(f"the root needs a name that no class has, got {root!r}")
        if root is None:
            own = [before.root] if before is not None and set(before.leaves) & set(classes) else []
            root = next(word for word in [*own, *ROOTS] if word not in classes)
        members = [tuple(classes[leaf] for leaf in group) for group in groups]
        names = name_clades(members, [classes[leaf] for leaf in typical], taken=(*classes, root))
        named = cls(
            hierarchy=hierarchy,
            name=dict(zip(nodes, names, strict=True)) | {hierarchy.root: root},
            medoid=dict(zip(nodes, typical, strict=True)),
        )
        return named if before is None else named._called_as_in(before)

    @property
    def groups(self) -> list[tuple[int, Group]]:
        """Each node that is neither a class nor the root, with its classes."""
        return [(node, self.hierarchy.members[node - len(self.hierarchy.classes)]) for node in self.medoid]

    def taxonomy(self, second: Sequence[tuple[int, int, float]] = (), *, name: str = "") -> Taxonomy:
        """Groups before single classes, both by name, so that another run makes a small difference.

        Args:
            second: second parents: class, group and anything else. Where they lie below the class's own parent, they
                stand in its place.
            name: what to call the taxonomy.
        """
        hierarchy, classes = self.hierarchy, self.hierarchy.classes
        k, edges = len(classes), list[tuple[str, str]]()
        held = {(int(hierarchy.parent_N[leaf]), leaf) for leaf, group, _ in second if self._below(leaf, group)}
        for node in hierarchy.groups:
            below = [child for child in hierarchy.children(node) if (node, child) not in held]
            groups = sorted(self.name[child] for child in below if child >= k)
            edges += [(self.name[node], child) for child in [*groups, *(classes[leaf] for leaf in below if leaf < k)]]
        edges += [(self.name[group], classes[leaf]) for leaf, group, _ in second]
        return Taxonomy(root=self.name[hierarchy.root], edges=tuple(edges), name=name)

    def _below(self, leaf: int, group: int) -> bool:
        """Whether a group lies below the parent of a class."""
        k, members = len(self.hierarchy.classes), self.hierarchy.members
        return set(members[group - k]) < set(members[int(self.hierarchy.parent_N[leaf]) - k])

    def _called_as_in(self, before: Taxonomy) -> NamedHierarchy:
        names = earlier_names(self.taxonomy(), before)
        name = {node: names.get(called, called) for node, called in self.name.items()}
        return NamedHierarchy(hierarchy=self.hierarchy, name=name, medoid=self.medoid)
