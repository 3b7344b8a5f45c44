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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, TypeAlias

from hierclf.errors import TaxonomyError, UnknownName
from hierclf.registry import did_you_mean
from hierclf.taxonomy.gate_words import Correct, NodeGates, check_gate_words
from hierclf.taxonomy.names import all_plain, complaint_about, normalise_name
from hierclf.taxonomy.order import Order, order_nodes

if TYPE_CHECKING:
    import networkx as nx

Edge: TypeAlias = tuple[str, str]
LevelWeights: TypeAlias = str | tuple[str, float] | tuple[float, ...]
"""``"leaf"``, ``"uniform"``, ``("decay", 0.5)``, or one weight per level with the gate first; the last repeats."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Taxonomy:
    """A rooted DAG of classes: names and edges, never tensors.

    Args:
        root: the name that stands above all others.
        edges: pairs ``(parent, child)``; each node's children keep their order, and the whole is sorted by parent, in
            the order of `nodes`, so that two taxonomies with the same nodes and edges are equal values.
        name: what to call the taxonomy itself.
        labels: pairs ``(name in the data, node)``; every other name in the data means the node of the same name.
        level_weights: see `LevelWeights`; None leaves the choice to the training.
        class_weights: pairs ``(node, weight)`` that multiply the loss at a node.
        other: names of folders or labels in the data that are known to be none of the classes.
        keep: share of known images that must not be turned away, between 0 and 1, or None.
        promise: what is promised about that share, one of `hierclf.taxonomy.gate_words.PROMISES`, or None.
        confidence: of the promise ``"confident"``, between 0 and 1, or None.
        other_accepted: of the promise ``"two_sided"``: share of images of other that may be called known, or None.
        node_gates: gates below the root: ``"auto"``, ``"none"``, names of scores, or None.
        correct: share of known images whose answer must be right or an ancestor of the truth, between 0 and 1;
            ``"none"`` promises nothing, None says nothing.
        false_discovery: share of the images turned away that may be known, a batch at a time, or None. Like the six
            before it, it counts where a classifier leaves the setting of that name at its default.

    Raises:
        TaxonomyError: no edges, an empty name, an edge listed twice, a loop, a node out of the root's reach, or a
            side table that names an unknown node or holds a bad weight, share or word.
    """

    root: str
    edges: tuple[Edge, ...]
    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    level_weights: LevelWeights | None = None
    class_weights: tuple[tuple[str, float], ...] = ()
    other: tuple[str, ...] = ()
    keep: float | None = None
    promise: str | None = None
    confidence: float | None = None
    other_accepted: float | None = None
    node_gates: NodeGates | None = None
    correct: Correct | None = None
    false_discovery: float | None = None

    def __post_init__(self) -> None:
        self._normalise()
        _ = self._order  # checks the graph
        self._sort()
        self._check_names()
        self._check_tables()

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
        from hierclf.taxonomy.graph import taxonomy_from_edges

        return taxonomy_from_edges(edges, root=root)

    @classmethod
    def from_folder(cls, path: str | PathLike[str], *, root: str | None = None) -> Taxonomy:
        """Build from nested folders: a folder that holds folders is a meta-class, any other is a class."""
        from hierclf.taxonomy.folder import taxonomy_from_folder

        return taxonomy_from_folder(path, root=root)

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph, *, root: str | None = None, names: str | None = None) -> Taxonomy:
        """Build from a directed graph whose edges lead from parent to child.

        Args:
            graph: any `networkx.DiGraph`; nodes become text.
            root: as in `from_edges`.
            names: the node attribute that holds the class's name; None uses the node itself.
        """
        from hierclf.taxonomy.graph import taxonomy_from_networkx

        return taxonomy_from_networkx(graph, root=root, names=names)

    def to_networkx(self) -> nx.DiGraph:
        """The same graph as a `networkx.DiGraph`, nodes in order."""
        from hierclf.taxonomy.graph import taxonomy_to_networkx

        return taxonomy_to_networkx(self)

    def to_yaml(self, path: str | PathLike[str]) -> None:
        """Write the taxonomy file that `from_yaml` reads back as an equal value."""
        from hierclf.taxonomy.writing import write_taxonomy

        write_taxonomy(self, path)

    # ------------------------------------------------------------------------------------------------ what it holds

    @property
    def nodes(self) -> tuple[str, ...]:
        """All names, the root first, parents before children, level by level."""
        return self._order.nodes

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The classes: nodes without children, in the order of `nodes`."""
        return tuple(node for node in self.nodes if node not in self._order.children)

    @cached_property
    def internal_nodes(self) -> tuple[str, ...]:
        """The meta-classes and the root: nodes with children, in the order of `nodes`."""
        return tuple(node for node in self.nodes if node in self._order.children)

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
    def _parents(self) -> dict[str, list[str]]:
        parents: dict[str, list[str]] = {}
        for parent, child in self.edges:
            parents.setdefault(child, []).append(parent)
        return parents

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
        return tuple(self._parents.get(self._find(node), ()))

    def children(self, node: str) -> tuple[str, ...]:
        """The nodes right below, in the order of the edges."""
        return tuple(self._order.children.get(self._find(node), ()))

    def ancestors(self, node: str) -> tuple[str, ...]:
        """Every node above, the root among them and the node itself not, in the order of `nodes`."""
        return self._reach(self._find(node), self._parents)

    def descendants(self, node: str) -> tuple[str, ...]:
        """Every node below, the node itself not, in the order of `nodes`."""
        return self._reach(self._find(node), self._order.children)

    def leaves_below(self, node: str) -> tuple[str, ...]:
        """The distinct leaves below a node; a leaf is its own."""
        return tuple(below for below in (node, *self.descendants(node)) if below not in self._order.children)

    def node_of_label(self, label: str) -> str | None:
        """The node that a name in the data means, or None when it means none."""
        label = normalise_name(label)
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

    def _normalise(self) -> None:
        """Bring every name to Unicode normal form C, and every table to tuples."""
        edges = tuple((parent, child) for parent, child in self.edges)
        written = {self.root: None} | dict.fromkeys(word for edge in edges for word in edge)
        if not all(isinstance(word, str) and word.isascii() for word in written):
            spelling = _spelling(written)
            edges = tuple((spelling[parent], spelling[child]) for parent, child in edges)
            object.__setattr__(self, "root", spelling[self.root])
        object.__setattr__(self, "edges", edges)
        labels = ((normalise_name(word), normalise_name(node)) for word, node in self.labels)
        object.__setattr__(self, "labels", tuple(dict.fromkeys(labels)))
        weights = ((normalise_name(node), float(weight)) for node, weight in self.class_weights)
        object.__setattr__(self, "class_weights", tuple(weights))
        object.__setattr__(self, "other", tuple(dict.fromkeys(map(normalise_name, self.other))))
        if isinstance(self.level_weights, (list, tuple)):
            object.__setattr__(self, "level_weights", tuple(self.level_weights))
        if isinstance(self.node_gates, list):
            object.__setattr__(self, "node_gates", tuple(self.node_gates))

    def _sort(self) -> None:
        """Put edges and labels in the order of the nodes, so that equal taxonomies are equal values."""
        children = self._order.children
        edges = tuple((node, child) for node in self._order.nodes for child in children.get(node, ()))
        object.__setattr__(self, "edges", edges)
        if all(node in self._index for _, node in self.labels):
            object.__setattr__(self, "labels", tuple(sorted(self.labels, key=lambda pair: self._index[pair[1]])))

    def _check_names(self) -> None:
        if all_plain(self.nodes):
            return
        for name in self.nodes:
            if (complaint := complaint_about(name)) is not None:
                raise TaxonomyError(f"the class name {name[:60]!r} {complaint}; rename the class")

    def _check_tables(self) -> None:
        meaning: dict[str, str] = {}
        for word, node in self.labels:
            self._require(node, "labels")
            if meaning.setdefault(word, node) != node or (word != node and word in self._index):
                both = (
                    f"{meaning[word]!r} and {node!r}" if meaning[word] != node else f"{node!r} and the class {word!r}"
                )
                raise TaxonomyError(f"the label {word!r} would mean both {both}; a label means one class")
        for node, weight in self.class_weights:
            self._require(node, "class_weights")
            if not (math.isfinite(weight) and weight >= 0):
                raise TaxonomyError(f"the weight of {node!r} must be a number of at least 0, got {weight!r}")
        if len({node for node, _ in self.class_weights}) < len(self.class_weights):
            raise TaxonomyError("class_weights names a class twice; keep one weight for each")
        _check_level_weights(self.level_weights)
        if self.keep is not None and not 0 < self.keep < 1:
            raise TaxonomyError(f"keep is a share between 0 and 1, got {self.keep!r}")
        check_gate_words(
            self.promise,
            self.confidence,
            self.other_accepted,
            self.node_gates,
            self.correct,
            self.false_discovery,
        )
        for word in self.other:
            if word in self._index or word in meaning:
                raise TaxonomyError(f"{word!r} is a class and also listed as other; it cannot be both")

    def _reach(self, start: str, step: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        seen = {start}
        frontier = [start]
        while frontier:
            for node in step.get(frontier.pop(), ()):
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


def _spelling(names: Iterable[str]) -> dict[str, str]:
    """Each name with its normal form; two spellings of one name are refused."""
    spelling: dict[str, str] = {}
    first: dict[str, str] = {}
    for name in names:
        spelling[name] = normalise_name(name) if isinstance(name, str) else name
        if first.setdefault(spelling[name], name) != name:
            both = f"{first[spelling[name]]!a} and {name!a}"
            raise TaxonomyError(f"the class {name!r} is spelt in two ways that look alike, {both}; use one of them")
    return spelling


def _check_level_weights(weights: LevelWeights | None) -> None:
    if weights is None or weights in ("leaf", "uniform"):
        return
    expected = "expected 'leaf', 'uniform', ('decay', 0.5) or one number per level"
    numbers = weights[1:] if isinstance(weights, tuple) and weights[:1] == ("decay",) else weights
    if not isinstance(numbers, tuple) or not numbers or (numbers is not weights and len(numbers) != 1):
        raise TaxonomyError(f"level_weights: {expected}, got {weights!r}")
    for number in numbers:
        if isinstance(number, str) or not (math.isfinite(number) and number >= 0):
            raise TaxonomyError(f"level_weights: {expected}, each at least 0, got {weights!r}")
