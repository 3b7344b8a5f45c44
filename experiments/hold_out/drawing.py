"""Which classes a model will never have heard of: drawn by the seed, from the taxonomy alone.

Two kinds of novelty are drawn. A *held-out leaf* leaves siblings behind: its images belong at the parent, as "one of
these, but none that I know". A *held-out subtree* goes as a whole, the meta-class with every class below it: its images
belong higher up, often at the root. What remains is the known taxonomy, which is all that a model gets to see; the
target of an image of a held-out class is its closest known ancestor.

A parent keeps two known children wherever the taxonomy allows that, because a gate that knows a single child has
nothing to compare it with. Subtrees are drawn only where there are a few to draw from, and none that holds a large part
of the classes.

>>> animals = Taxonomy.from_edges({"cat": ["manx", "lynx", "ocelot"], "dog": ["pug", "collie"]}, root="animal")
>>> drawing = draw(animals, leaves=0.2, subtrees=0.2, seed=0)
>>> drawing.leaves, drawing.subtrees, drawing.target(drawing.leaves[0])
(('manx',), (), 'cat')
>>> drawing.known.leaves
('lynx', 'ocelot', 'pug', 'collie')
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.metrics import Ancestry, closest_known_ancestor
from hierclf.taxonomy import Taxonomy

FEWEST_SUBTREES = 4
"""With fewer meta-classes below the root than this, none is held out as a whole."""
LARGEST_SUBTREE, MOST_HELD_OUT = 0.3, 0.5
"""Shares of all classes: what a single held-out subtree may hold at most, and what all of them together may."""
SIBLINGS = 2
"""Known children that a parent keeps, wherever possible."""
STREAM = 0x401D


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A taxonomy and what of it is held out.

    Args:
        taxonomy: the whole.
        leaves: classes held out one by one.
        subtrees: meta-classes held out with everything below.
    """

    taxonomy: Taxonomy
    leaves: tuple[str, ...]
    subtrees: tuple[str, ...]

    @cached_property
    def below_subtrees(self) -> tuple[str, ...]:
        """The classes of the held-out subtrees, in the order of the taxonomy."""
        below = {leaf for node in self.subtrees for leaf in self.taxonomy.leaves_below(node)}
        return tuple(leaf for leaf in self.taxonomy.leaves if leaf in below)

    @cached_property
    def known(self) -> Taxonomy:
        """What a model gets to see."""
        gone = {*self.leaves, *self.below_subtrees}
        return pruned(self.taxonomy, [leaf for leaf in self.taxonomy.leaves if leaf not in gone])

    def target(self, name: str) -> str:
        """Where images of a class belong: at the class if it is known, else at its closest known ancestor."""
        return self._targets[name]

    @cached_property
    def _targets(self) -> dict[str, str]:
        whole, known = self.taxonomy, self.known
        leaf_L = np.array([whole.index(leaf) for leaf in whole.leaves])
        known_N = np.array([node in known for node in whole.nodes])
        closest_L = closest_known_ancestor(leaf_L, known_N, Ancestry.from_plan(compile_plan(whole)))
        return {leaf: whole.nodes[node] for leaf, node in zip(whole.leaves, closest_L.tolist(), strict=True)}

    def sentences(self) -> list[str]:
        """What is held out, for a reader."""
        told = [f"Held-out classes: {_listed(self.leaves)}." if self.leaves else "No class is held out by itself."]
        if self.subtrees:
            count = len(self.below_subtrees)
            told.append(f"Held out as a whole: {_listed(self.subtrees)} ({count} class{'es' if count > 1 else ''}).")
        return told


def draw(taxonomy: Taxonomy, *, leaves: float, subtrees: float, seed: int) -> Drawing:
    """Draw what is held out.

    Args:
        taxonomy: the whole.
        leaves: share of the classes outside held-out subtrees to hold out one by one, rounded, at least one unless 0.
        subtrees: share of the meta-classes below the root to hold out as a whole, rounded, at least one unless 0.
        seed: of the drawing.

    Raises:
        ConfigError: the taxonomy allows nothing to be held out.
    """
    chance = np.random.default_rng([seed, STREAM])
    chosen_subtrees = _subtrees(taxonomy, subtrees, chance)
    gone = {leaf for node in chosen_subtrees for leaf in taxonomy.leaves_below(node)}
    rest = [leaf for leaf in taxonomy.leaves if leaf not in gone]
    shuffled = [str(leaf) for leaf in chance.permutation(rest)]
    count = _count(leaves, len(rest))
    chosen_leaves: list[str] = []
    for siblings in (SIBLINGS, SIBLINGS - 1):  # fewer only where nothing could be drawn otherwise
        chosen_leaves = chosen_leaves or _leaves(taxonomy, shuffled, count, gone, siblings)
    if not chosen_leaves and not chosen_subtrees:
        raise ConfigError(
            f"hold_out: nothing can be held out of these {len(taxonomy.leaves)} classes; a class needs a sibling that "
            f"stays, and whole subtrees are drawn from {FEWEST_SUBTREES} meta-classes on"
        )
    return Drawing(
        taxonomy=taxonomy, leaves=_in_order(taxonomy, chosen_leaves), subtrees=_in_order(taxonomy, chosen_subtrees)
    )


def pruned(taxonomy: Taxonomy, leaves: Iterable[str]) -> Taxonomy:
    """The part of a taxonomy above these classes; its tables keep what they say about the nodes that stay."""
    kept = set(leaves)
    for leaf in tuple(kept):
        kept.update(taxonomy.ancestors(leaf))
    return replace(
        taxonomy,
        edges=tuple(edge for edge in taxonomy.edges if kept.issuperset(edge)),
        labels=tuple(pair for pair in taxonomy.labels if pair[1] in kept),
        class_weights=tuple(pair for pair in taxonomy.class_weights if pair[0] in kept),
    )


def _subtrees(taxonomy: Taxonomy, share: float, chance: np.random.Generator) -> list[str]:
    inner = [node for node in taxonomy.internal_nodes if node != taxonomy.root]
    if len(inner) < FEWEST_SUBTREES:
        return []
    chosen: list[str] = []
    gone: set[str] = set()
    classes = len(taxonomy.leaves)
    for node in map(str, chance.permutation(inner)):
        below = set(taxonomy.leaves_below(node))
        if len(chosen) == _count(share, len(inner)):
            break
        fits = len(below) <= LARGEST_SUBTREE * classes and len(gone | below) <= MOST_HELD_OUT * classes
        if fits and not gone & below:
            chosen.append(node)
            gone |= below
    return chosen


def _leaves(taxonomy: Taxonomy, shuffled: list[str], count: int, gone: set[str], siblings: int) -> list[str]:
    known = {
        node: {child for child in taxonomy.children(node) if not gone.issuperset(taxonomy.leaves_below(child))}
        for node in taxonomy.internal_nodes
    }
    chosen: list[str] = []
    for leaf in shuffled:
        if len(chosen) == count:
            break
        parents = taxonomy.parents(leaf)
        if all(len(known[parent]) > siblings for parent in parents):
            chosen.append(leaf)
            for parent in parents:
                known[parent].discard(leaf)
    return chosen


def _count(share: float, of: int) -> int:
    return max(1, round(share * of)) if share > 0 else 0


def _in_order(taxonomy: Taxonomy, names: list[str]) -> tuple[str, ...]:
    return tuple(node for node in taxonomy.nodes if node in set(names))


def _listed(names: tuple[str, ...], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
