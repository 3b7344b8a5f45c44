"""Classifiers that decide along a tree that nobody declared, and answer in the taxonomy all the same.

*Discovered*: the tree is found in the embeddings of the images to learn from (`hierclf.discovery`), and a classifier is
fitted for each of its nodes. *Induced*: the tree joins like weight vectors of a flat classifier, and its nodes take the
means of the weights below them; these weights are then fitted anew for the tree.

Either way the leaves are the taxonomy's own. Their probabilities are summed upwards in the taxonomy, so all metrics
mean what they mean for every other strategy (see `hierclf.dag.borrowed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hierclf.classifier import HierarchicalClassifier
from hierclf.dag import BorrowedTree, DagPlan, node_log_probs
from hierclf.dag.borrowed import slots
from hierclf.discovery import discover_taxonomy, distances_from_weights, hierarchies
from hierclf.heads import BorrowedTreeHead, FlatHead, NodeMajorLinear, PerNodeHead
from hierclf.losses import label_weights
from hierclf.strategies.network import Lessons, lessons, under_head
from hierclf.training import LabelledEmbeddings, fit_head

# n images, D embedding, L leaves, S slots, E edges and T nodes of the borrowed tree

FEWEST = 5
"""Images of every class that a network has not learnt from, from which on the tree is found in those alone: it drives
the images that it learns from apart until all classes look equally far from each other."""


def on_discovered_tree(trained: HierarchicalClassifier, gate: Mapping[str, Any]) -> HierarchicalClassifier:
    """The network of a fitted classifier under a classifier per node of a tree found in its embeddings.

    Args:
        trained: fitted in this process.
        gate: settings of the gate and the rule.
    """
    plan = trained.model_.plan
    learnt, chosen = lessons(trained)
    telling = chosen if trained.fitted_.trained and _fewest(chosen, learnt) >= FEWEST else learnt
    tree = discovered_tree(telling, plan, seed=trained.seed)
    head, earlier = (
        PerNodeHead(learnt.embedding_nD.shape[1], tree.plan, generator=torch.Generator().manual_seed(trained.seed))
        for _ in range(2)
    )
    train, held_out = _in_tree(learnt, tree), _in_tree(chosen, tree)
    fit_head(head, train, held_out, label_weights(tree.plan, "leaf").float(), earlier=earlier)
    ready, before = (
        BorrowedTreeHead.holding(tree, one.linear.weight, one.linear.bias, plan) for one in (head, earlier)
    )
    return under_head(trained, ready, before).refit_gate(**gate)


def on_induced_tree(trained: HierarchicalClassifier, gate: Mapping[str, Any]) -> HierarchicalClassifier:
    """The network of a fitted classifier under the tree that its flat head's weights induce.

    Wan et al., *NBDT: Neural-Backed Decision Trees*, ICLR 2021, arXiv:2004.00221. Their tree supervision, the cross
    entropy of the leaf probabilities along the tree, fits the last layer here; the network below it stays as it was.

    Args:
        trained: fitted in this process; where its head is not flat, the flat baseline's is taken.
        gate: settings of the gate and the rule.
    """
    model = trained.model_
    flat = model.head if isinstance(model.head, FlatHead) else model.baseline.head
    assert isinstance(flat, FlatHead)
    tree = induced_tree(flat)
    learnt, chosen = lessons(trained)
    head, earlier = (_TreeSupervised(learnt.embedding_nD.shape[1], tree) for _ in range(2))
    train, held_out = _in_tree(learnt, tree), _in_tree(chosen, tree)
    fit_head(head, train, held_out, label_weights(tree.plan, "leaf").float(), earlier=earlier)
    ready, before = (induced_head(tree, one.linear, model.plan) for one in (head, earlier))
    return under_head(trained, ready, before).refit_gate(**gate)


def discovered_tree(images: Lessons, plan: DagPlan, *, seed: int) -> BorrowedTree:
    """The tree that `hierclf.discovery` finds at its defaults; classes without images go right under the root."""
    if len(torch.unique(images.slot_n)) < 2:
        return BorrowedTree.star(plan.num_leaves)
    found = discover_taxonomy(images.embedding_nD, images.names(plan), seed=seed, root=_unused(plan))
    return BorrowedTree.between(plan.taxonomy, found)


def induced_tree(head: FlatHead) -> BorrowedTree:
    """NBDT's induced hierarchy: Ward's linkage on the directions of the leaves' weights."""
    plan = head.plan
    leaves = plan.num_leaves
    if leaves == 1:
        return BorrowedTree.star(1)
    names = [plan.nodes[node] for node in plan.leaf_L.tolist()]
    distances = distances_from_weights(head.linear.weight.detach().double(), names)
    hierarchy = hierarchies["nbdt"]()(distances, np.random.default_rng(0))
    groups = [node for node in hierarchy.groups if node != hierarchy.root]
    slot = dict(zip((*range(leaves), hierarchy.root, *groups), range(slots(leaves)), strict=True))
    parent_S = torch.full((slots(leaves),), -1, dtype=torch.int64)
    for node, above in enumerate(hierarchy.parent_N.tolist()):
        if above >= 0:
            parent_S[slot[node]] = slot[above]
    return BorrowedTree.of(parent_S, leaves=leaves)


def induced_head(tree: BorrowedTree, leaves: NodeMajorLinear, plan: DagPlan) -> BorrowedTreeHead:
    """Each node's logit is the mean of the flat logits of the leaves below it, and siblings compete by softmax.

    Args:
        tree: to decide along.
        leaves: one output per leaf of the taxonomy.
        plan: the compiled taxonomy.
    """
    share_EL = _shares(tree)
    weight, bias = leaves.weight.detach(), leaves.bias.detach()
    weight_ED, bias_E = ((share_EL @ part.double()).to(part.dtype) for part in (weight, bias))
    return BorrowedTreeHead.holding(tree, weight_ED, bias_E, plan)


class _TreeSupervised(nn.Module):
    """A layer with one output per leaf whose probabilities come from going down an induced tree.

    Args:
        in_features: width D of the embedding.
        tree: whose nodes take the means of the outputs below them.
    """

    def __init__(self, in_features: int, tree: BorrowedTree) -> None:
        super().__init__()
        self.plan = tree.plan
        self.linear = NodeMajorLinear(in_features, tree.plan.num_leaves)
        self._share_EL = _shares(tree)

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """Leaf logits, shape ``(B, L)``."""
        logits_BL: Tensor = self.linear(embedding_BD)
        return logits_BL

    def node_log_probs(self, logits_BL: Tensor) -> Tensor:
        """Log M of every node of the tree, shape ``(B, T)``."""
        return node_log_probs(logits_BL @ self._share_EL.to(logits_BL.dtype).mT, self.plan)

    def leaf_scores(self, logits_BL: Tensor) -> Tensor:
        """The logits themselves, shape ``(B, L)``."""
        return logits_BL


def _shares(tree: BorrowedTree) -> Tensor:
    """What each leaf counts in the mean of the node that an edge leads to, float64, shape ``(E, L)``."""
    plan = tree.plan
    share_TL = torch.zeros(plan.num_nodes, plan.num_leaves, dtype=torch.float64)
    share_TL[plan.closure_node_P, tree.slot_T[plan.leaf_L[plan.closure_leaf_P]]] = 1.0
    return (share_TL / share_TL.sum(1, keepdim=True))[plan.child_E]


def _fewest(images: Lessons, classes: Lessons) -> int:
    """Images of the class with the fewest of them, among classes that others have images of."""
    count_L = torch.bincount(images.slot_n, minlength=int(classes.slot_n.max()) + 1)
    return int(count_L[torch.unique(classes.slot_n)].min())


def _in_tree(images: Lessons, tree: BorrowedTree) -> LabelledEmbeddings:
    """The images labelled with the leaves of a tree."""
    node_S = torch.empty(len(tree.parent_S), dtype=torch.int64)
    node_S[tree.slot_T] = torch.arange(len(tree.slot_T))
    return LabelledEmbeddings(embedding_BD=images.embedding_nD, label_B=node_S[images.slot_n])


def _unused(plan: DagPlan) -> str:
    """A name for the root that no leaf has."""
    return next(name for name in ("all classes", "the root", "\\") if name not in plan.taxonomy.leaves)
