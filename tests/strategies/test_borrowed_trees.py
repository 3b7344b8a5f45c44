from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import fcluster, linkage

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.dag import compile_plan
from hierclf.heads import FlatHead
from hierclf.strategies import borrowed_trees
from hierclf.strategies.borrowed_trees import (
    discovered_tree,
    induced_head,
    induced_tree,
    on_discovered_tree,
    on_induced_tree,
)
from hierclf.strategies.network import Lessons, lessons, under_head
from tests.conftest import ONE_LEAF

PAIRS = Taxonomy.from_edges({"all": ["one", "two"], "one": ["a", "c"], "two": ["b", "d", "e"]})
"""The declared taxonomy; in the embeddings a is like b, and c like d, and e like none."""

CENTRE = {"a": (9, 1, 0), "b": (9, -1, 0), "c": (-9, 0, 1), "d": (-9, 0, -1), "e": (0, 12, 0)}
LIKE = {"hard": {"rule": "top_down"}, "soft": {"rule": "leaf"}}
GATE = {"gate": ["msp"], "node_gates": "none", "leave_one_out": False}


def points(count, seed=0):
    source = np.random.default_rng(seed)
    labels = np.repeat(list(CENTRE), count)
    return np.repeat(np.array(list(CENTRE.values()), float), count, axis=0) + 0.5 * source.normal(
        size=(len(labels), 3)
    ), labels


@pytest.fixture(scope="module")
def trained():
    return HierarchicalClassifier(PAIRS, head="flat", gate="none").fit(*points(50))


def groups(tree, plan):
    """The sets of leaf names below the groups of a tree."""
    names = [plan.nodes[node] for node in plan.leaf_L.tolist()]
    inner = tree.plan.taxonomy

    def below(node):
        return {names[int(node)]} if not inner.children(node) else set().union(*map(below, inner.children(node)))

    return {frozenset(below(node)) for node in inner.internal_nodes}


def test_the_discovered_tree_joins_what_is_alike(trained):
    plan = compile_plan(PAIRS)
    embeddings, labels = points(40)
    images = Lessons(
        embedding_nD=torch.from_numpy(embeddings),
        slot_n=plan.leaf_slot_N[torch.tensor([PAIRS.index(label) for label in labels])],
    )
    assert {frozenset("ab"), frozenset("cd")} <= groups(discovered_tree(images, plan, seed=0), plan)
    one = Lessons(embedding_nD=images.embedding_nD[:3], slot_n=images.slot_n[:3])
    assert groups(discovered_tree(one, plan, seed=0), plan) == {frozenset("abcde")}, "one class has no tree"


@pytest.mark.parametrize("finish", [on_discovered_tree, on_induced_tree])
@pytest.mark.parametrize("how", LIKE)
def test_answers_are_in_the_declared_taxonomy(finish, how, trained):
    finished = finish(trained, {**GATE, **LIKE[how]})
    embeddings, labels = points(30, seed=1)
    assert finished.taxonomy_ == PAIRS
    assert np.mean(finished.predict(embeddings).leaf == labels) > 0.9
    proba = finished.predict_node_proba(embeddings)
    for group in ("one", "two"):
        below = [PAIRS.index(leaf) for leaf in PAIRS.children(group)]
        np.testing.assert_allclose(proba[:, PAIRS.index(group)], proba[:, below].sum(1), atol=1e-9)
    np.testing.assert_allclose(proba[:, [PAIRS.index(leaf) for leaf in PAIRS.leaves]].sum(1), 1)


def test_the_induced_tree_is_wards_linkage_on_directions_of_weights(generator):
    taxonomy = Taxonomy.from_edges({"all": [f"c{number}" for number in range(9)]})
    plan = compile_plan(taxonomy)
    head = FlatHead(4, plan, generator=generator).double()
    weight = head.linear.weight.detach().numpy()
    merges = linkage(weight / np.linalg.norm(weight, axis=1, keepdims=True), "ward")
    names = [plan.nodes[node] for node in plan.leaf_L.tolist()]
    expected = set()
    for count in range(1, 9):
        assigned = fcluster(merges, count, "maxclust")
        expected |= {frozenset(np.array(names)[assigned == one]) for one in set(assigned)}
    assert groups(induced_tree(head), plan) == {group for group in expected if len(group) > 1}


def test_node_logits_are_means_of_the_flat_logits_below(generator):
    plan = compile_plan(PAIRS)
    head = FlatHead(4, plan, generator=generator).double()
    head.linear.bias.data.normal_(generator=generator)
    tree = induced_tree(head)
    soft = induced_head(tree, head.linear, plan)
    embedding_BD = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    flat_BL, probs_BN = head(embedding_BD).detach(), soft.node_log_probs(soft(embedding_BD)).exp()
    inner = tree.plan.taxonomy
    chance = {inner.root: torch.ones(6, dtype=torch.float64)}

    def below(node):
        return (
            [int(node)] if not inner.children(node) else [one for child in inner.children(node) for one in below(child)]
        )

    for node in inner.nodes:
        children = inner.children(node)
        if children:
            logits = torch.stack([flat_BL[:, below(child)].mean(1) for child in children], dim=1)
            for child, share_B in zip(children, logits.softmax(1).T, strict=True):
                chance[child] = chance[node] * share_B
    for slot, node in enumerate(plan.leaf_L.tolist()):
        torch.testing.assert_close(probs_BN[:, node], chance[str(slot)])


def test_weights_are_fitted_for_the_tree_and_its_nodes_stay_means_of_them(trained):
    head = on_induced_tree(trained, {**GATE, "rule": "leaf"}).model_.head
    learnt, chosen = lessons(trained)
    embedding_nD = torch.cat([learnt.embedding_nD, chosen.embedding_nD])
    slot_n = torch.cat([learnt.slot_n, chosen.slot_n])
    plan, tree = trained.model_.plan, head.tree
    untaught = induced_head(tree, trained.model_.baseline.head.linear, plan)
    leaf_nL, beside_nL = (
        one.node_log_probs(one(embedding_nD.to(one.linear.weight.dtype)))[:, plan.leaf_L] for one in (head, untaught)
    )
    loss = torch.nn.functional.nll_loss
    assert (leaf_nL.argmax(1) == slot_n).double().mean() > 0.9
    assert loss(leaf_nL, slot_n) < 0.5 * loss(beside_nL, slot_n), "weights that were fitted side by side, as a mean"


def test_a_single_class_has_a_tree_of_its_own(generator):
    plan = compile_plan(ONE_LEAF)
    head = FlatHead(3, plan, generator=generator)
    soft = induced_head(induced_tree(head), head.linear, plan)
    assert soft.node_log_probs(soft(torch.zeros(2, 3))).exp().tolist() == [[1.0, 1.0]] * 2


def test_hard_routing_goes_along_the_borrowed_tree_and_not_the_declared_one(trained):
    finished = on_induced_tree(trained, {**GATE, "rule": "top_down"})
    tree = finished.model_.head.tree
    between = (np.array([CENTRE["a"]]) + np.array([CENTRE["d"]])) / 2 + np.array([[0.3, 0.0, -0.4]])
    rows = between + np.random.default_rng(0).normal(size=(300, 3)) * 3
    proba = finished.predict_node_proba(rows)
    names = list(finished.taxonomy_.nodes)
    leaves = list(PAIRS.leaves)
    inner = tree.plan.taxonomy

    def mass(node, row):
        below = [node] if not inner.children(node) else None
        if below is None:
            return sum(mass(child, row) for child in inner.children(node))
        return row[names.index(leaves[int(node)])]

    for row, leaf in zip(proba, finished.predict(rows).leaf, strict=True):
        node = inner.root
        while inner.children(node):
            node = max(inner.children(node), key=lambda child: mass(child, row))
        assert leaf == leaves[int(node)]
    soft = on_induced_tree(trained, {**GATE, "rule": "leaf"})
    np.testing.assert_array_equal(soft.predict_node_proba(rows), proba)


def test_a_trained_network_finds_its_tree_in_images_that_it_has_not_learnt_from(trained, monkeypatch):
    asked = []

    def remembered(images, plan, *, seed):
        asked.append(len(images))
        return discovered_tree(images, plan, seed=seed)

    monkeypatch.setattr(borrowed_trees, "discovered_tree", remembered)
    learnt, chosen = lessons(trained)
    for was_trained, count in ((False, len(learnt)), (True, len(chosen))):
        network = under_head(trained, trained.model_.head, None)
        network.fitted_ = replace(network.fitted_, trained=was_trained)
        network.model_ = network.fitted_.model
        on_discovered_tree(network, {**GATE, "rule": "leaf"})
        assert asked.pop() == count
