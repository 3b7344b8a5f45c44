"""What a model is worth, against loops over images and the walks of the declared graph."""

import networkx as nx
import numpy as np
import pytest
import torch

from experiments.hold_out.answers import read_answers
from experiments.hold_out.judgement import judge_answers
from experiments.worth.measures import Ruler, declared_log_probs, known_measures, measure
from experiments.worth.translation import translate, translated
from hierclf import HierarchicalClassifier
from hierclf.dag import compile_plan
from hierclf.dag.probabilities import membership_of_leaves
from hierclf.taxonomy import Taxonomy

DECLARED = Taxonomy.from_edges({"r": ["x", "y"], "x": ["a", "b", "c"], "y": ["d", "e", "f"]})
ACROSS = Taxonomy.from_edges({"r": ["u", "v"], "u": ["a", "d", "b"], "v": ["f", "e", "c"]})
FLAT = Taxonomy.from_edges({"r": list("fedcba")})
LEVELS = Taxonomy.from_edges({"r": ["x", "f"], "x": ["y", "a", "b"], "y": ["c", "d", "e"]})


def ruler_of(taxonomy, truth, novel=0):
    target = np.concatenate([truth, np.zeros(novel, dtype=np.int64)])
    places = {"test": slice(0, len(truth))} | ({"far": slice(len(truth), len(target))} if novel else {})
    return Ruler.of(taxonomy, target_B=target, class_B=target, places=places, alpha=0.05, count=100)


def memberships(taxonomy, probs_BL, order):
    """Log memberships of a taxonomy, of class probabilities whose columns are named."""
    plan = compile_plan(taxonomy)
    names = [taxonomy.nodes[leaf] for leaf in plan.leaf_L.tolist()]
    return plan, membership_of_leaves(torch.from_numpy(np.log(probs_BL[:, [order.index(one) for one in names]])), plan)


@pytest.mark.parametrize("declared", [DECLARED, LEVELS], ids=["two", "three"])
@pytest.mark.parametrize("taxonomy", [DECLARED, ACROSS, FLAT], ids=["declared", "across", "flat"])
def test_accuracies_and_hops_equal_loops_over_names(taxonomy, declared):
    source = np.random.default_rng(0)
    order = list("abcdef")
    probs = source.dirichlet(np.ones(6), size=40)
    names = [order[place] for place in source.integers(0, 6, 40)]
    plan, log_probs = memberships(taxonomy, probs, order)
    ruler = ruler_of(declared, np.array([declared.index(name) for name in names]))
    told = known_measures(log_probs, plan, translate(taxonomy, declared), ruler)
    graph = nx.Graph(declared.edges)
    best = [order[place] for place in probs.argmax(1)]
    hops = [nx.shortest_path_length(graph, one, two) for one, two in zip(best, names, strict=True)]
    assert told["leaf_accuracy"] == pytest.approx(np.mean([one == two for one, two in zip(best, names, strict=True)]))
    assert told["hops"] == pytest.approx(np.mean(hops))
    assert told["severity"] == pytest.approx(np.mean([hop for hop in hops if hop]))
    for level in range(1, declared.depth):
        classes = [
            n
            for n in declared.nodes
            if declared.level(n) == level or (n in declared.leaves and declared.level(n) < level)
        ]
        right = []
        for row, name in zip(probs, names, strict=True):
            sums = {
                node: sum(
                    p for leaf, p in zip(order, row, strict=True) if leaf == node or node in declared.ancestors(leaf)
                )
                for node in classes
            }
            winner = max(sums, key=sums.get)
            right.append(winner == name or winner in declared.ancestors(name))
        assert told[f"accuracy_level_{level}"] == pytest.approx(np.mean(right))
    assert f"accuracy_level_{declared.depth}" not in told, "the last level is that of the classes"


def test_declared_memberships_do_not_depend_on_the_taxonomy_that_was_taught():
    source = np.random.default_rng(1)
    probs, order = source.dirichlet(np.ones(6), size=9), list("abcdef")
    ruler = compile_plan(DECLARED)
    expected = memberships(DECLARED, probs, order)[1].exp()
    for taxonomy in (DECLARED, ACROSS, FLAT):
        plan, log_probs = memberships(taxonomy, probs, order)
        torch.testing.assert_close(declared_log_probs(log_probs, plan, ruler).exp(), expected)


def test_without_a_mistake_there_is_no_severity():
    plan, log_probs = memberships(FLAT, np.full((6, 6), 0.01) + 0.94 * np.eye(6), list("abcdef"))
    ruler = ruler_of(DECLARED, np.array([DECLARED.index(name) for name in "abcdef"]))
    told = known_measures(log_probs, plan, translate(FLAT, DECLARED), ruler)
    assert told["severity"] is None
    assert told["leaf_accuracy"] == told["ap_info"] == told["accuracy_level_1"] == 1.0


@pytest.fixture(scope="module")
def images():
    """Embeddings of the six classes, in two groups as declared, and some far away."""
    source = np.random.default_rng(2)
    centres = {name: np.eye(8)[place] * 3 + np.eye(8)[6 + place // 3] * 6 for place, name in enumerate("abcdef")}
    labels = np.repeat(list("abcdef"), 60)
    embeddings = np.stack([centres[name] for name in labels]) + source.normal(size=(360, 8))
    tests = np.repeat(list("abcdef"), 20)
    tested = np.stack([centres[name] for name in tests]) + source.normal(size=(120, 8))
    return embeddings, labels, np.concatenate([tested, source.normal(size=(30, 8)) - 12]), tests


@pytest.mark.parametrize("taxonomy", [DECLARED, ACROSS, FLAT], ids=["declared", "across", "flat"])
def test_a_model_is_measured_by_its_translated_answers(images, taxonomy):
    embeddings, labels, tested, tests = images
    model = HierarchicalClassifier(taxonomy, rule="leaf", seed=0).fit(embeddings, labels).model_
    ruler = ruler_of(DECLARED, np.array([DECLARED.index(name) for name in tests]), novel=30)
    told = measure(model, torch.from_numpy(tested), ruler)
    node_S = translate(taxonomy, DECLARED)
    reading = model.read(torch.from_numpy(tested))
    expected = judge_answers(translated(read_answers(model, reading), node_S, len(DECLARED.nodes)), ruler.truth)
    assert {name: told[name] for name in expected} == expected
    assert told["leaf_accuracy"] > 0.8
    assert told["bmhd_far_promise"] < 0.2
    assert told["known_rejected"] < 0.15
    decided = [DECLARED.index("r") if node == "r" else None for node in model.decide(reading).node]
    if taxonomy is FLAT:
        assert all(place is not None for place in decided[120:]), "what a flat taxonomy turns away is at the root"
