from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.heads import heads
from hierclf.taxonomy import Taxonomy
from hierclf.training.favour import FACTORS, answers, check_favour, choose_factor, leaves_below, raised
from tests.conftest import CHAIN, DEEP_DAG, DIAMOND

WARDROBE = Taxonomy.from_edges({"upper": ["shirt", "coat"], "lower": ["skirt", "shorts"]}, root="clothing")
PLAN = compile_plan(WARDROBE)
IDS = {name: WARDROBE.index(name) for name in WARDROBE.nodes}
SLOT = {leaf: place for place, leaf in enumerate(WARDROBE.leaves)}


def head_of(name, taxonomy=WARDROBE, seed=0):
    head = heads[name](6, compile_plan(taxonomy), generator=torch.Generator().manual_seed(seed))
    return head.requires_grad_(False)


def memberships(head, embedding_BD):
    names = head.plan.nodes
    rows = head.node_log_probs(head(embedding_BD)).exp().double().numpy()
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("name", ["flat", "shared"])
@pytest.mark.parametrize("node", ["shirt", "upper"])
def test_the_odds_of_the_node_are_multiplied(name, node):
    embedding_BD = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    head = head_of(name)
    rows = memberships(head, embedding_BD), memberships(raised(head, node, 4.0), embedding_BD)
    for before, after in zip(*rows, strict=True):
        odds = before[node] / (1 - before[node])
        assert after[node] / (1 - after[node]) == pytest.approx(4 * odds, rel=1e-4)
        below = WARDROBE.leaves_below(node)
        for leaf in set(WARDROBE.leaves) - set(below):
            assert after[leaf] / after["skirt"] == pytest.approx(before[leaf] / before["skirt"], rel=1e-4)
        for leaf in below:
            assert after[leaf] / after[node] == pytest.approx(before[leaf] / before[node], rel=1e-4)


def test_a_classifier_per_node_raises_the_odds_among_the_siblings():
    embedding_BD = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    head = head_of("per_node")
    rows = memberships(head, embedding_BD), memberships(raised(head, "shirt", 4.0), embedding_BD)
    for before, after in zip(*rows, strict=True):
        assert after["shirt"] / after["coat"] == pytest.approx(4 * before["shirt"] / before["coat"], rel=1e-4)
        assert after["upper"] == pytest.approx(before["upper"], rel=1e-5)


def test_the_head_itself_stays_as_it_is():
    head = head_of("shared")
    before = head.linear.bias.clone()
    assert not torch.equal(raised(head, "coat", 2.0).linear.bias, before)
    assert torch.equal(head.linear.bias, before)


@pytest.mark.parametrize("name", ["flat", "shared", "per_node"])
@pytest.mark.parametrize("taxonomy", [WARDROBE, DIAMOND], ids=lambda one: one.root)
def test_answers_are_those_of_the_raised_head(name, taxonomy):
    head = head_of(name, taxonomy)
    embedding_BD = torch.randn(40, 6, generator=torch.Generator().manual_seed(2))
    for node in taxonomy.nodes[1:]:
        leaf_FB = answers(head, embedding_BD, node, (0.5, 1.0, 8.0))
        for factor, leaf_B in zip((0.5, 1.0, 8.0), leaf_FB, strict=True):
            rows = memberships(raised(head, node, factor), embedding_BD)
            assert [max(taxonomy.leaves, key=row.get) for row in rows] == [taxonomy.leaves[leaf] for leaf in leaf_B]


def test_many_images_are_answered_in_pieces(monkeypatch):
    head, embedding_BD = head_of("flat"), torch.randn(11, 6, generator=torch.Generator().manual_seed(3))
    whole = answers(head, embedding_BD, "coat")
    monkeypatch.setattr("hierclf.training.favour.AT_ONCE", 4)
    assert np.array_equal(answers(head, embedding_BD, "coat"), whole)


def test_leaves_below_in_a_diamond_are_those_that_the_taxonomy_names():
    plan = compile_plan(DIAMOND)
    for place, node in enumerate(DIAMOND.nodes):
        if place:
            below = DIAMOND.leaves_below(node) if node not in DIAMOND.leaves else (node,)
            assert leaves_below(plan, place).tolist() == [leaf in below for leaf in DIAMOND.leaves]


def simulated(counts, shift=0.0, seed=0, noise=1.0):
    """Answers to images of each label under all factors, when scores are right but for noise; and the labels."""
    source = np.random.default_rng(seed)
    labels = [label for label, count in counts.items() for _ in range(count)]
    scores_BL = source.normal(size=(len(labels), 4)) * noise
    scores_BL[np.arange(len(labels)), [SLOT[label] for label in labels]] += 2.0
    scores_BL[:, SLOT["shirt"]] += shift
    shifted = [scores_BL + math.log(factor) * np.array([leaf == "shirt" for leaf in SLOT]) for factor in FACTORS]
    return np.stack([scores.argmax(1) for scores in shifted]), np.array([IDS[label] for label in labels])


def counted(leaf_B, labels, node="shirt"):
    """Recall and precision by going through the images one by one."""
    below = {SLOT[leaf] for leaf in (WARDROBE.leaves_below(node) if node not in SLOT else (node,))}
    of_node = [
        WARDROBE.nodes[label] == node or node in WARDROBE.ancestors(WARDROBE.nodes[label]) for label in labels.tolist()
    ]
    said = [leaf in below for leaf in leaf_B.tolist()]
    both = sum(a and b for a, b in zip(of_node, said, strict=True))
    return both / sum(of_node), both / sum(said) if any(said) else None


@pytest.mark.parametrize("shift", [-2.0, 0.0, 2.0])
@pytest.mark.parametrize("wanted", [0.3, 0.6, 0.8])
def test_the_choice_is_the_best_that_the_precision_allows_but_for_noise(shift, wanted):
    leaf_FB, labels = simulated({"shirt": 200, "coat": 200, "skirt": 200, "shorts": 200}, shift)
    found = choose_factor(leaf_FB, labels, PLAN, "shirt", precision=wanted)
    table = {factor: counted(leaf_B, labels) for factor, leaf_B in zip(FACTORS, leaf_FB, strict=True)}
    assert (found.recall_after, found.precision_after) == pytest.approx(table[found.factor])
    assert (found.recall_before, found.precision_before) == pytest.approx(table[1.0])
    allowed = [factor for factor in FACTORS if table[factor][1] >= wanted]
    assert found.reached == bool(allowed)
    if allowed:
        best = max(table[factor][0] for factor in allowed)
        assert found.precision_after >= wanted
        lost = best - found.recall_after
        assert lost <= math.sqrt(lost * (1 - lost) / 199) + 1e-9  # a larger factor only adds hits
        nearer = [factor for factor in allowed if abs(math.log(factor)) < abs(math.log(found.factor)) - 1e-9]
        assert all(table[factor][0] < best for factor in nearer)


def test_a_class_that_is_said_too_rarely_is_raised_and_the_others_pay():
    leaf_FB, labels = simulated({"shirt": 300, "coat": 300, "skirt": 300, "shorts": 300}, shift=-2.0)
    found = choose_factor(leaf_FB, labels, PLAN, "shirt", precision=0.6)
    assert found.factor > 1
    assert found.recall_after > found.recall_before + 0.1
    assert found.others_after < found.others_before
    assert {payer.name for payer in found.payers} <= {"coat", "skirt", "shorts"}
    losses = [payer.recall_after - payer.recall_before for payer in found.payers]
    assert losses == sorted(losses)
    assert losses[-1] < 0
    coat = next(payer for payer in found.payers if payer.name == "coat")
    chosen = FACTORS.index(found.factor)
    assert coat.recall_after == pytest.approx(np.mean(leaf_FB[chosen, labels == IDS["coat"]] == SLOT["coat"]))
    assert coat.images == 300


def test_a_precision_out_of_reach_changes_nothing_and_is_told():
    leaf_FB, labels = simulated({"shirt": 100, "coat": 400}, shift=3.0, noise=3.0)
    found = choose_factor(leaf_FB, labels, PLAN, "shirt", precision=0.999)
    assert max(counted(leaf_B, labels)[1] for leaf_B in leaf_FB) < 0.999
    assert not found.reached
    assert (found.factor, found.recall_after) == (1.0, found.recall_before)
    assert "no weight reaches a precision of 99.9 %" in found.sentence


def test_without_a_gain_beyond_chance_nothing_changes():
    leaf_B, labels = simulated({"shirt": 20, "coat": 20}, noise=1.0)
    same = np.repeat(leaf_B[[FACTORS.index(1.0)]], len(FACTORS), axis=0)
    same[-1, np.flatnonzero((labels == IDS["shirt"]) & (same[-1] != SLOT["shirt"]))[:1]] = SLOT["shirt"]  # one more
    found = choose_factor(same, labels, PLAN, "shirt", precision=0.1)
    assert found.factor == 1.0
    assert (found.recall_before, found.recall_error, found.payers) == (found.recall_after, 0.0, ())


def test_the_error_is_that_of_differences_image_by_image():
    leaf_FB, labels = simulated({"shirt": 150, "coat": 150}, shift=-2.0)
    found = choose_factor(leaf_FB, labels, PLAN, "shirt", precision=0.5)
    chosen, plain = FACTORS.index(found.factor), FACTORS.index(1.0)
    hits = [(leaf_FB[row] == SLOT["shirt"])[labels == IDS["shirt"]].astype(float) for row in (chosen, plain)]
    assert found.recall_error == pytest.approx((hits[0] - hits[1]).std(ddof=1) / math.sqrt(150))


def test_few_images_of_the_node_change_nothing():
    leaf_FB, labels = simulated({"shirt": 9, "coat": 200}, shift=-3.0)
    found = choose_factor(leaf_FB, labels, PLAN, "shirt", precision=0.01)
    assert found.too_few
    assert (found.factor, found.images_of_node) == (1.0, 9)


def test_labels_above_the_node_are_left_out_and_other_inner_labels_count_as_others():
    leaf_FB, labels = simulated({"shirt": 50, "coat": 50})
    extra = np.array([IDS["upper"]] * 7 + [IDS["lower"]] * 5 + [0] * 3)
    answers_FB = np.concatenate([leaf_FB, np.full((len(FACTORS), len(extra)), SLOT["skirt"])], axis=1)
    found = choose_factor(answers_FB, np.concatenate([labels, extra]), PLAN, "shirt", precision=0.5)
    assert found.images == 105
    right = (leaf_FB[FACTORS.index(1.0), labels == IDS["coat"]] == SLOT["coat"]).sum()
    assert found.others_before == pytest.approx((right + 5) / 55)


@pytest.mark.parametrize("taxonomy", [WARDROBE, DIAMOND, DEEP_DAG, CHAIN], ids=lambda one: one.root)
def test_a_label_says_that_an_image_is_of_the_node_or_not_or_neither(taxonomy):
    """A label whose leaves all lie below the node says yes, one without any of them says no."""
    plan = compile_plan(taxonomy)

    def leaves(node):
        return {node} if node in taxonomy.leaves else set(taxonomy.leaves_below(node))

    for node in taxonomy.nodes[1:]:
        for label in taxonomy.nodes:
            label_B = np.full(12, taxonomy.index(label))
            found = choose_factor(np.zeros((len(FACTORS), 12), dtype=int), label_B, plan, node, precision=0.5)
            yes, no = leaves(label) <= leaves(node), not leaves(label) & leaves(node)
            assert (found.images, found.images_of_node) == (12 * (yes or no), 12 * yes)


def test_a_meta_class_counts_every_image_below_it():
    leaf_FB, labels = simulated({"shirt": 60, "coat": 60, "skirt": 60, "shorts": 60})
    found = choose_factor(leaf_FB, labels, PLAN, "upper", precision=0.5)
    assert found.images_of_node == 120
    assert found.recall_before == pytest.approx(counted(leaf_FB[FACTORS.index(1.0)], labels, "upper")[0])


def test_a_node_that_nobody_says_keeps_its_odds():
    labels = np.repeat([IDS["shirt"], IDS["coat"]], 20)
    never = np.full((len(FACTORS), 40), SLOT["coat"])
    found = choose_factor(never, labels, PLAN, "shirt", precision=0.9)
    assert (found.factor, found.precision_before, found.reached) == (1.0, None, False)
    assert "undefined" in found.sentence


def test_the_root_and_unknown_heads_are_refused():
    with pytest.raises(ConfigError, match="favour='clothing' is the root"):
        check_favour("clothing", PLAN, "flat")
    with pytest.raises(ConfigError, match="the heads flat, shared, per_node, got head='borrowed_tree'"):
        check_favour("shirt", PLAN, "borrowed_tree")

    class Strange:
        plan = PLAN

    with pytest.raises(TypeError, match="flat, shared, per_node, got a Strange"):
        raised(Strange(), "shirt", 2.0)
