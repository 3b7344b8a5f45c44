"""How well will a gate notice what it has never seen? Ask it about classes that it is made to forget.

Leave one child out: of a node with three or more children, forget one: its images are left out of all that the gate
learns. They then play the unknown, the siblings' images the known, and the AUROC between the two says how well the
siblings' gate notices a newcomer. Every child has its turn. No image of other is needed, nothing is trained on a frozen
backbone, and one number per node comes out: the user's expected detection power. It also says which scores to read.

Forgetting is cheap because many children can be forgotten at once: one of each node of a level, in the same *round*.
What a round learns (covariance, means, banks, the head) it learns from scratch, on embeddings, from the images that are
left; some of these images are held out as well, so that known and unknown ones are both new to it. Where a node has
more children than rounds, several of them are forgotten together.

Images that are labelled at an internal node stay out: they may well show the forgotten child.

The estimate is honest where the backbone has not been trained on the images. Where it has, its features have seen the
forgotten class, and the figure is too high; it then serves to compare scores, and the reader is told.

K known images, M novel images, S scores, B images, N nodes
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from hierclf.dag import DagPlan
from hierclf.gates import Evidence, NodeGaussians, belongs, build_score, raw_scores
from hierclf.gates.tables import ClassStatistics

ROUNDS = 10
"""Of one level, at most; a node with more children forgets several of them at once."""
FEWEST_CHILDREN = 3
"""Of a node that can be asked: with one of two children forgotten there is nothing left to tell apart."""
FEWEST_IMAGES = 2
MOST_IMAGES = 5000
"""To learn from in a round."""
MOST_ASKED = 200
"""Known images, and novel ones, in one episode."""

ScoreChoice = tuple[str, Mapping[str, Any]]
Refit = Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """One forgotten child of a node.

    Args:
        node: the node's id.
        child: the forgotten child's id.
        known: raw scores of images of the node's other children, float64, shape ``(S, K)``.
        novel: of images of the forgotten child, float64, shape ``(S, M)``.
    """

    node: int
    child: int
    known: Tensor
    novel: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownImages:
    """Known images for the rounds.

    Args:
        embedding_nD: their embeddings.
        label_n: node ids, int64.
        learn_n: which of them gates are fitted on; the others were held out from the start.
        frozen: whether the backbone has not been trained on them, so that any of them may play the unseen.
    """

    embedding_nD: Tensor
    label_n: Tensor
    learn_n: Tensor
    frozen: bool


def node_episodes(
    images: KnownImages, plan: DagPlan, names: Sequence[str], refit: Refit, generator: Generator
) -> list[Episode]:
    """Episodes of all nodes below the root with three or more children.

    Args:
        images: known images.
        plan: the compiled taxonomy.
        names: node scores to read.
        refit: learns a head from embeddings and leaf slots, and gives a function from embeddings to leaf scores.
        generator: the source of randomness.
    """
    episodes = []
    for turn in _turns(images, plan, generator, levels=range(1, len(plan.level_sizes))):
        logits = refit(images.embedding_nD[turn.learn], plan.leaf_slot_N[images.label_n[turn.learn]])
        statistics = ClassStatistics.fit(_evidence(images, turn.learn, plan, logits), generator)
        gaussians = NodeGaussians.of(statistics, plan)
        nodes = torch.tensor([node for node, *_ in turn.asked])
        asked = turn.rows
        raw_SBG = raw_scores(_evidence(images, asked, plan, logits), names, statistics, gaussians, plan, nodes)
        for place, (node, child, known, novel) in enumerate(turn.asked):
            found = [raw_SBG[:, torch.searchsorted(asked, rows), place] for rows in (known, novel)]
            if all(scores.isfinite().all() for scores in found):
                episodes.append(Episode(node=node, child=child, known=found[0], novel=found[1]))
    return episodes


def root_episodes(
    images: KnownImages,
    plan: DagPlan,
    choices: Sequence[ScoreChoice],
    refit: Refit,
    generator: Generator,
    *,
    other: Evidence | None = None,
) -> list[Episode]:
    """Episodes of the root: whole branches are forgotten, or single classes where there are too few branches.

    Args:
        images: known images.
        plan: the compiled taxonomy.
        choices: scores to read, each a name and options.
        refit: as in `node_episodes`.
        generator: the source of randomness.
        other: images of other for scores that learn from them.
    """
    episodes = []
    for turn in _turns(images, plan, generator, levels=range(1)):
        logits = refit(images.embedding_nD[turn.learn], plan.leaf_slot_N[images.label_n[turn.learn]])
        present = torch.unique(plan.leaf_slot_N[images.label_n[turn.learn]])
        fit = _evidence(images, turn.learn, plan, logits)
        assert fit.label_B is not None
        fit = Evidence(fit.embedding_BD, fit.logits_BC[:, present], torch.searchsorted(present, fit.label_B))
        strange = None
        if other is not None:
            strange = Evidence(other.embedding_BD, logits(other.embedding_BD)[:, present], other.label_B)
        fitted = [build_score(name, **options).fit(fit, generator, strange) for name, options in choices]
        asked = turn.rows
        evidence = Evidence(images.embedding_nD[asked], logits(images.embedding_nD[asked])[:, present])
        scores_SB = torch.stack([score(evidence) for score in fitted])
        for node, child, known, novel in turn.asked:
            found = [scores_SB[:, torch.searchsorted(asked, rows)] for rows in (known, novel)]
            episodes.append(Episode(node=node, child=child, known=found[0], novel=found[1]))
    return episodes


@dataclass(frozen=True, kw_only=True, eq=False)
class _Turn:
    """One round: rows to learn from, and for each node that is asked its forgotten child, known and novel rows."""

    learn: Tensor
    asked: list[tuple[int, int, Tensor, Tensor]]

    @property
    def rows(self) -> Tensor:
        """Every row that is asked about, once, ascending."""
        rows_X: Tensor = torch.unique(torch.cat([torch.cat(rows) for _, _, *rows in self.asked]))
        return rows_X


def _turns(images: KnownImages, plan: DagPlan, generator: Generator, *, levels: range) -> Iterator[_Turn]:
    """The rounds of each level."""
    belongs_nN = belongs(images.label_n, plan)
    slot_n = plan.leaf_slot_N[images.label_n]
    present = torch.unique(slot_n[images.learn_n & (slot_n >= 0)])
    forgettable = _forgettable(plan, present)
    if 0 not in forgettable and len(present) >= FEWEST_CHILDREN:
        forgettable[0] = {int(plan.leaf_L[slot]): slot[None] for slot in present}
    fold_n = torch.randint(ROUNDS, (len(slot_n),), generator=generator)
    for level in levels:
        nodes = [node for node in forgettable if plan.level_N[node] == level]
        rounds = min(ROUNDS, max((len(forgettable[node]) for node in nodes), default=0))
        for number in range(rounds):
            chosen = [
                (node, child, slots)
                for node in nodes
                for place, (child, slots) in enumerate(forgettable[node].items())
                if place % rounds == number
            ]
            gone = torch.unique(torch.cat([slots for *_, slots in chosen]))
            forgotten_n = torch.isin(slot_n, gone)
            held_n = ~images.learn_n
            if images.frozen:
                held_n = held_n | (fold_n % rounds == number)
            learn = (images.learn_n & ~forgotten_n & ~held_n & (slot_n >= 0)).nonzero()[:, 0]
            asked = []
            for node, child, slots in chosen:
                known = (held_n & ~forgotten_n & belongs_nN[:, node] & (slot_n >= 0)).nonzero()[:, 0]
                novel = torch.isin(slot_n, slots).nonzero()[:, 0]
                known, novel = _some(known, MOST_ASKED, generator), _some(novel, MOST_ASKED, generator)
                if min(len(known), len(novel)) >= FEWEST_IMAGES:
                    asked.append((node, child, known, novel))
            learn = _some(learn, MOST_IMAGES, generator)
            if asked and len(torch.unique(slot_n[learn])) >= 2:
                yield _Turn(learn=learn, asked=asked)


def _forgettable(plan: DagPlan, present: Tensor) -> dict[int, dict[int, Tensor]]:
    """Of each node with enough children that have images: each child, and the leaf slots that go with it.

    On a DAG a leaf that another child of the node leads to as well stays known through that one.
    """
    sizes = torch.bincount(plan.closure_node_P, minlength=plan.num_nodes).tolist()
    below = torch.split(plan.closure_leaf_P, sizes)
    found: dict[int, dict[int, Tensor]] = {}
    for node in torch.unique(plan.parent_E).tolist():
        children = plan.child_E[plan.parent_E == node].tolist()
        leaves = {child: below[child][torch.isin(below[child], present)] for child in children}
        leaves = {child: slots for child, slots in leaves.items() if len(slots)}
        if len(leaves) < FEWEST_CHILDREN:
            continue
        times = torch.bincount(torch.cat(list(leaves.values())), minlength=plan.num_leaves)
        own = {child: slots[times[slots] == 1] for child, slots in leaves.items()}
        found[node] = {child: slots for child, slots in own.items() if len(slots)}
    return found


def about_branches(episodes: Sequence[Episode], plan: DagPlan) -> bool:
    """Whether children of the root were forgotten: single classes in their place are not as far from the rest."""
    children = set(plan.child_E[plan.parent_E == 0].tolist())
    return bool(episodes) and all(episode.child in children for episode in episodes)


def _evidence(images: KnownImages, rows: Tensor, plan: DagPlan, logits: Callable[[Tensor], Tensor]) -> Evidence:
    embedding_BD = images.embedding_nD[rows]
    return Evidence(embedding_BD, logits(embedding_BD), plan.leaf_slot_N[images.label_n[rows]])


def _some(rows: Tensor, most: int, generator: Generator) -> Tensor:
    """At most so many of the rows, drawn at random, in their order."""
    if len(rows) <= most:
        return rows
    return rows[torch.randperm(len(rows), generator=generator)[:most].sort().values]
