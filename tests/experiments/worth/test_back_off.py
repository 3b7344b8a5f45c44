"""Climbing at many thresholds against loops over images, and against the library's own curve."""

import math

import numpy as np
import pytest
import torch

from experiments.worth import back_off as module
from experiments.worth.back_off import back_off, thresholds
from experiments.worth.translation import translate
from hierclf.dag import compile_plan
from hierclf.dag.probabilities import membership_of_leaves
from hierclf.metrics import Ancestry, operating_curve
from hierclf.taxonomy import Taxonomy

RULER = Taxonomy.from_edges({"r": ["x", "y", "f"], "x": ["a", "b"], "y": ["c", "z"], "z": ["d", "e"]})
ACROSS = Taxonomy.from_edges({"r": ["u", "v"], "u": ["a", "c", "w"], "w": ["d", "e"], "v": ["b", "f"]})
FLAT = Taxonomy.from_edges({"r": list("abcdef")})


def memberships(taxonomy, count, seed, sharp=2.0):
    """Random memberships; the classes' probabilities are the same for every taxonomy."""
    source = np.random.default_rng(seed)
    logits = {leaf: sharp * source.normal(size=count) for leaf in sorted(taxonomy.leaves)}
    plan = compile_plan(taxonomy)
    leaf_BL = torch.from_numpy(np.stack([logits[leaf] for leaf in taxonomy.leaves], axis=1)).log_softmax(1)
    names = [taxonomy.nodes[leaf] for leaf in plan.leaf_L.tolist()]
    leaf_BL = leaf_BL[:, [taxonomy.leaves.index(name) for name in names]]
    return plan, membership_of_leaves(leaf_BL, plan)


def above(taxonomy, node):
    return [node, *reversed([one for one in taxonomy.nodes if one in taxonomy.ancestors(node)])]


def bits(node):
    return math.log2(len(RULER.leaves) / sum(leaf == node or node in RULER.ancestors(leaf) for leaf in RULER.leaves))


def slow_answer(taxonomy, probs, threshold):
    best = max(taxonomy.leaves, key=lambda leaf: probs[leaf])
    for node in above(taxonomy, best):
        total = sum(probs[leaf] for leaf in taxonomy.leaves if leaf == node or node in taxonomy.ancestors(leaf))
        if total >= threshold or node == taxonomy.root:
            return node
    raise AssertionError


def slow_means(taxonomy, plan, log_probs, truth, threshold):
    words = dict(zip(taxonomy.nodes, translate(taxonomy, RULER), strict=True))
    told = []
    for row, true in zip(log_probs.exp().tolist(), truth, strict=True):
        probs = {leaf: row[taxonomy.index(leaf)] for leaf in taxonomy.leaves}
        answer = RULER.nodes[words[slow_answer(taxonomy, probs, threshold)]]
        name = RULER.nodes[true]
        meet = next(one for one in above(RULER, answer) if one in above(RULER, name))
        precision = bits(meet) / bits(answer) if bits(answer) else 1.0
        told.append((precision, bits(meet) / bits(name), meet in (answer, name)))
    return np.mean(told, axis=0)


@pytest.mark.parametrize("taxonomy", [RULER, ACROSS, FLAT], ids=["ruler", "across", "flat"])
def test_means_at_each_threshold_equal_loops(taxonomy):
    plan, log_probs = memberships(taxonomy, 12, seed=1)
    truth = np.random.default_rng(2).choice([RULER.index(leaf) for leaf in RULER.leaves], 12)
    curve = back_off(log_probs, plan, translate(taxonomy, RULER), truth, Ancestry.from_plan(compile_plan(RULER)))
    points = thresholds(log_probs.numpy(), Ancestry.from_plan(plan))
    assert len(points) == len(curve.recall_T)
    for place, threshold in enumerate(points):
        expected = slow_means(taxonomy, plan, log_probs, truth, threshold)
        found = curve.precision_T[place], curve.recall_T[place], curve.correct_T[place]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_in_its_own_words_it_is_the_exact_curve():
    plan, log_probs = memberships(RULER, 25, seed=3)
    truth = np.random.default_rng(4).choice([RULER.index(leaf) for leaf in RULER.leaves], 25)
    ancestry = Ancestry.from_plan(plan)
    curve, exact = (
        back_off(log_probs, plan, translate(RULER, RULER), truth, ancestry),
        operating_curve(log_probs.numpy(), truth, ancestry),
    )
    assert curve.average_precision == pytest.approx(exact.average_precision, abs=1e-12)
    assert curve.recall_at_correct(0.9) == pytest.approx(exact.recall_at_correct(0.9), abs=1e-12)


def test_quantiles_of_the_thresholds_come_close(monkeypatch):
    plan, log_probs = memberships(RULER, 400, seed=5)
    truth = np.random.default_rng(6).choice([RULER.index(leaf) for leaf in RULER.leaves], 400)
    ancestry = Ancestry.from_plan(plan)
    monkeypatch.setattr(module, "MOST_THRESHOLDS", 50)
    curve = back_off(log_probs, plan, translate(RULER, RULER), truth, ancestry)
    assert len(curve.recall_T) <= 53
    exact = operating_curve(log_probs.numpy(), truth, ancestry).average_precision
    assert curve.average_precision == pytest.approx(exact, abs=2e-3)


def test_a_sure_model_loses_nothing_by_groups_that_cut_across():
    truth = np.array([RULER.index(leaf) for leaf in RULER.leaves])
    for taxonomy in (RULER, ACROSS, FLAT):
        plan = compile_plan(taxonomy)
        leaf_BL = torch.full((6, 6), -torch.inf, dtype=torch.float64)
        for row, leaf in enumerate(RULER.leaves):
            leaf_BL[row, plan.leaf_slot_N[taxonomy.index(leaf)]] = 0.0
        log_probs = membership_of_leaves(leaf_BL, plan)
        ruler = Ancestry.from_plan(compile_plan(RULER))
        assert back_off(log_probs, plan, translate(taxonomy, RULER), truth, ruler).recall_at_correct() == 1.0


def test_groups_that_cut_across_cost_information():
    found = {}
    for name, taxonomy in (("ruler", RULER), ("across", ACROSS), ("flat", FLAT)):
        plan = compile_plan(taxonomy)
        truth_leaf = np.random.default_rng(8).choice(RULER.leaves, 300)
        logits = np.zeros((300, 6))
        source = np.random.default_rng(9)
        for row, leaf in enumerate(truth_leaf):  # images look like their class, and much like its siblings
            for column, other in enumerate(RULER.leaves):
                shared = len(set(RULER.ancestors(leaf)) & set(RULER.ancestors(other)))
                logits[row, column] = (other == leaf) * 0.5 + 3 * shared + 0.8 * source.normal()
        leaf_BL = torch.from_numpy(logits).log_softmax(1)
        names = [taxonomy.nodes[leaf] for leaf in plan.leaf_L.tolist()]
        log_probs = membership_of_leaves(leaf_BL[:, [RULER.leaves.index(one) for one in names]], plan)
        truth = np.array([RULER.index(leaf) for leaf in truth_leaf])
        ruler = Ancestry.from_plan(compile_plan(RULER))
        found[name] = back_off(log_probs, plan, translate(taxonomy, RULER), truth, ruler).recall_at_correct()
    assert found["ruler"] > found["across"] + 0.01
    assert found["ruler"] > found["flat"] + 0.01
