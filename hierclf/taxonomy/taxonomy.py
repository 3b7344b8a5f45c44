"""What may be recognised: a rooted directed acyclic graph of class names.

Leaves are classes, internal nodes are meta-classes, a node may have several parents. A node's *level* is the length of
the longest path from the root, which is level 0. A taxonomy is a value: frozen, hashable, checked once, free of
tensors. Beside names and edges it carries the small side tables that a taxonomy file may hold: how names in the data
map to classes, weights, and what is known to be none of the classes.

>>> signs = Taxonomy(root="sign", edges=(("sign", "digit"), ("sign", "letter"), ("digit", "7")))
>>> signs.nodes
('sign', 'digit', 'letter', '7')
>>> signs.leaves
('letter', '7')
>>> signs.level("7"), signs.ancestors("7")
(2, ('sign', 'digit'))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, TypeAlias, Union

from hierclf.errors import TaxonomyError, UnknownName
from hierclf.registry import did_you_mean
from hierclf.taxonomy.order import Order, order_nodes

if TYPE_CHECKING:
    import networkx as nx

Edge: TypeAlias = tuple[str, str]
LevelWeights: TypeAlias = Union[str, tuple[str, float], tuple[float, ...]]
"""``"leaf"``, ``"uniform"``, ``("decay", 0.5)``, or one weight per level with the gate first; the last repeats."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Taxonomy:
    """A rooted DAG of classes: names and edges, never tensors.

    Args:
        root: the name that stands above all others.
        edges: pairs ``(parent, child)``; nodes of one level are listed in the order in which edges name them.
        name: what to call the taxonomy itself.
        labels: pairs ``(name in the data, node)``; every other name in the data means the node of the same name.
        level_weights: see `LevelWeights`; None leaves the choice to the training.
        class_weights: pairs ``(node, weight)`` that multiply the loss at a node.
        other: names of folders or labels in the data that are known to be none of the classes.
        keep: share of known images that must not be turned away, between 0 and 1, or None.

    Raises:
        TaxonomyError: no edges, an empty name, an edge listed twice, a loop, a node out of the root's reach, or a
            side table that names an unknown node or holds a bad weight.
    """

    root: str
    edges: tuple[Edge, ...]
    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    level_weights: LevelWeights | None = None
    class_weights: tuple[tuple[str, float], ...] = ()
    other: tuple[str, ...] = ()
    keep: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple((parent, child) for parent, child in self.edges))
        for parts in ("labels", "class_weights"):
            object.__setattr__(self, parts, tuple(tuple(pair) for pair in getattr(self, parts)))
        object.__setattr__(self, "other", tuple(self.other))
        if isinstance(self.level_weights, list):
            object.__setattr__(self, "level_weights", tuple(self.level_weights))
        _ = self._order  # checks the graph
        for _, node in self.labels:
            self._require(node, "labels")
        for node, weight in self.class_weights:
            self._require(node, "class_weights")
            if not (math.isfinite(weight) and weight >= 0):
                raise TaxonomyError(f"the weight of {node!r} must be a number of at least 0, got {weight!r}")
        if self.keep is not None and not 0 < self.keep < 1:
            raise TaxonomyError(f"keep is a share between 0 and 1, got {self.keep!r}")
        for word in self.other:
            if word in self._order.level and word not in dict(self.labels):
                raise TaxonomyError(f"{word!r} is a class and also listed as other; it cannot be both")

    # ------------------------------------------------------------------------------------------------ other ways in

    @classmethod
    def from_yaml(cls, path: str | PathLike[str]) -> Taxonomy:
        """Read a taxonomy file, or one of the shipped taxonomies by name (``"digits"``).

        Raises:
            TaxonomyError: the file has faults; the message lists every one with its place.
        """
        from hierclf.taxonomy.document import read_taxonomy

        return read_taxonomy(path)

    @classmethod
    def from_edges(cls, edges: Iterable[Edge] | Mapping[str, Iterable[str]], *, root: str | None = None) -> Taxonomy:
        """Build from pairs ``(parent, child)`` or from a mapping of parents to their children.

        Args:
            edges: the pairs or the mapping.
            root: the root's name. None takes the one node without a parent. When several nodes have no parent, the
                named root is put above them all.

        Raises:
            TaxonomyError: the edges do not span a rooted DAG, or no root is named where several would do.

        >>> Taxonomy.from_edges({"digit": ["0", "1"], "letter": ["a"]}, root="sign").leaves
        ('0', '1', 'a')
        """
        from hierclf.taxonomy.convert import taxonomy_from_edges

        return taxonomy_from_edges(edges, root=root)

    @classmethod
    def from_folder(cls, path: str | PathLike[str], *, root: str | None = None) -> Taxonomy:
        """Build from nested folders: a folder that holds folders is a meta-class, any other is a class."""
        from hierclf.taxonomy.convert import taxonomy_from_folder

        return taxonomy_from_folder(path, root=root)

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph, *, root: str | None = None, names: str | None = None) -> Taxonomy:
        """Build from a directed graph whose edges lead from parent to child.

        Args:
            graph: any `networkx.DiGraph`; nodes become text.
            root: as in `from_edges`.
            names: the node attribute that holds the class's name; None uses the node itself.
        """
        from hierclf.taxonomy.convert import taxonomy_from_networkx

        return taxonomy_from_networkx(graph, root=root, names=names)

    def to_networkx(self) -> nx.DiGraph:
        """The same graph as a `networkx.DiGraph`, nodes in order."""
        from hierclf.taxonomy.convert import taxonomy_to_networkx

        return taxonomy_to_networkx(self)

    def to_yaml(self, path: str | PathLike[str]) -> None:
        """Write the taxonomy file that `from_yaml` reads back as an equal value."""
        from hierclf.taxonomy.document import write_taxonomy

        write_taxonomy(self, path)

    # ------------------------------------------------------------------------------------------------ what it holds

    @property
    def nodes(self) -> tuple[str, ...]:
        """All names, the root first, parents before children, level by level."""
        return self._order.nodes

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The classes: nodes without children, in the order of `nodes`."""
        return tuple(node for node in self.nodes if not self._order.children[node])

    @cached_property
    def internal_nodes(self) -> tuple[str, ...]:
        """The meta-classes and the root: nodes with children, in the order of `nodes`."""
        return tuple(node for node in self.nodes if self._order.children[node])

    @cached_property
    def is_tree(self) -> bool:
        """Whether no node has a second parent."""
        return len(self.edges) == len(self.nodes) - 1

    @cached_property
    def depth(self) -> int:
        """The largest level."""
        return max(self._order.level.values())

    @cached_property
    def _order(self) -> Order:
        return order_nodes(self.root, self.edges)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {node: place for place, node in enumerate(self.nodes)}

    def index(self, node: str) -> int:
        """The node's place in `nodes`."""
        self._find(node)
        return self._index[node]

    def level(self, node: str) -> int:
        """Length of the longest path from the root."""
        return self._order.level[self._find(node)]

    def parents(self, node: str) -> tuple[str, ...]:
        """The nodes right above, in the order of the edges."""
        return tuple(self._order.parents[self._find(node)])

    def children(self, node: str) -> tuple[str, ...]:
        """The nodes right below, in the order of the edges."""
        return tuple(self._order.children[self._find(node)])

    def ancestors(self, node: str) -> tuple[str, ...]:
        """Every node above, the root among them and the node itself not, in the order of `nodes`."""
        return self._reach(self._find(node), self._order.parents)

    def descendants(self, node: str) -> tuple[str, ...]:
        """Every node below, the node itself not, in the order of `nodes`."""
        return self._reach(self._find(node), self._order.children)

    def leaves_below(self, node: str) -> tuple[str, ...]:
        """The distinct leaves below a node; a leaf is its own."""
        return tuple(below for below in (node, *self.descendants(node)) if not self._order.children[below])

    def node_of_label(self, label: str) -> str | None:
        """The node that a name in the data means, or None when it means none."""
        mapped = self._node_of_label.get(label, label)
        return mapped if mapped in self._index else None

    @cached_property
    def _node_of_label(self) -> dict[str, str]:
        return dict(self.labels)

    def __contains__(self, node: object) -> bool:
        return node in self._index

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        given = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != f.default)
        return f"Taxonomy({', '.join(given)})"

    # ------------------------------------------------------------------------------------------------------ helpers

    def _reach(self, start: str, step: dict[str, list[str]]) -> tuple[str, ...]:
        seen = {start}
        frontier = [start]
        while frontier:
            for node in step[frontier.pop()]:
                if node not in seen:
                    seen.add(node)
                    frontier.append(node)
        return tuple(sorted(seen - {start}, key=self._index.__getitem__))

    def _find(self, node: str) -> str:
        if node not in self._order.level:
            raise UnknownName(f"no node named {node!r} in the taxonomy{did_you_mean(node, self.nodes)}")
        return node

    def _require(self, node: str, table: str) -> None:
        if node not in self._order.level:
            raise TaxonomyError(f"unknown class {node!r} in {table}{did_you_mean(node, self.nodes)}")
