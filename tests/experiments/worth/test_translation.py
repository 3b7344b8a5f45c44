"""Translations against a search through sets of names that anybody can follow."""

import numpy as np
import pytest

from experiments.hold_out.answers import Answers
from experiments.worth.translation import classes_below, translate, translated
from hierclf.errors import TaxonomyError
from hierclf.taxonomy import Taxonomy

RULER = Taxonomy.from_edges(
    {
        "thing": ["clothing", "footwear", "bag"],
        "clothing": ["upper", "one-piece"],
        "upper": ["shirt", "coat", "pullover"],
        "one-piece": ["dress"],
        "footwear": ["boot", "sneaker"],
    }
)
CHAIN = Taxonomy.from_edges({"r": ["a", "x"], "a": ["b"], "b": ["c", "y"], "c": ["z"]})
SHARED = Taxonomy.from_edges({"r": ["pet", "wild"], "pet": ["cat", "dog", "fox"], "wild": ["dog", "fox", "wolf"]})


def random_tree(leaves, source):
    """A tree over these classes, of any shape, made by joining parts."""
    parts, edges, number = list(leaves), [], 0
    while len(parts) > 1:
        number += 1
        take = source.choice(len(parts), size=min(len(parts), int(source.integers(1, 4))), replace=False)
        if len(take) == 1 and source.integers(0, 3) != 0:
            continue
        edges += [(f"n{number}", parts[place]) for place in take]
        parts = [part for place, part in enumerate(parts) if place not in take] + [f"n{number}"]
    return Taxonomy.from_edges(edges)


def below(taxonomy, node):
    return {leaf for leaf in taxonomy.leaves if leaf == node or node in taxonomy.ancestors(leaf)}


def slow(answering, node, ruler):
    if node in answering.leaves:
        return node
    said = below(answering, node)
    if node in ruler.internal_nodes and below(ruler, node) == said:
        return node
    fits = [other for other in ruler.internal_nodes if said <= below(ruler, other)]
    fewest = min(len(below(ruler, other)) for other in fits)
    fits = [other for other in fits if len(below(ruler, other)) == fewest]
    deepest = max(ruler.level(other) for other in fits)
    return next(other for other in ruler.nodes if other in fits and ruler.level(other) == deepest)


@pytest.mark.parametrize("ruler", [RULER, CHAIN, SHARED], ids=lambda one: one.root)
@pytest.mark.parametrize("seed", range(10))
def test_every_node_becomes_the_smallest_that_covers_it(ruler, seed):
    answering = random_tree(ruler.leaves, np.random.default_rng(seed))
    found = [ruler.nodes[node] for node in translate(answering, ruler)]
    assert found == [slow(answering, node, ruler) for node in answering.nodes]


@pytest.mark.parametrize("ruler", [RULER, CHAIN, SHARED], ids=lambda one: one.root)
def test_a_taxonomy_in_its_own_words_is_itself(ruler):
    assert translate(ruler, ruler).tolist() == list(range(len(ruler.nodes)))


def test_flat_knows_classes_and_the_root():
    flat = Taxonomy.from_edges({"all": RULER.leaves})
    found = {name: RULER.nodes[node] for name, node in zip(flat.nodes, translate(flat, RULER), strict=True)}
    assert found == {"all": "thing", **{leaf: leaf for leaf in RULER.leaves}}


def test_a_group_of_one_class_stays_a_group():
    rest = [leaf for leaf in RULER.leaves if leaf != "dress"]
    other = Taxonomy.from_edges({"top": ["like a dress", "rest"], "like a dress": ["dress"], "rest": rest})
    names = dict(zip(other.nodes, translate(other, RULER), strict=True))
    assert RULER.nodes[names["like a dress"]] == "one-piece"


def test_other_classes_are_refused():
    with pytest.raises(TaxonomyError, match="'bag' is in one of them only"):
        translate(Taxonomy.from_edges({"r": [leaf for leaf in RULER.leaves if leaf != "bag"]}), RULER)


def test_classes_below_equals_a_walk():
    table = classes_below(RULER, RULER.leaves)
    for row, node in enumerate(RULER.nodes):
        assert {leaf for leaf, found in zip(RULER.leaves, table[row], strict=True) if found} == below(RULER, node)


def test_answers_are_translated_and_probabilities_summed():
    source = np.random.default_rng(0)
    answering = random_tree(RULER.leaves, source)
    node_S = translate(answering, RULER)
    count = len(answering.nodes)
    stops_BN = np.log(source.dirichlet(np.ones(count), size=7))
    stops_BN[0, 0] = -np.inf
    answers = Answers(
        promised_B=source.integers(0, count, 7),
        rejected_B=np.array([True, False] * 3 + [True]),
        natural_B=source.integers(0, count, 7),
        unknown_B=source.normal(size=7),
        stop_log_probs_BN=stops_BN,
    )
    said = translated(answers, node_S, len(RULER.nodes))
    expected = np.zeros((7, len(RULER.nodes)))
    for image in range(7):
        for node in range(count):
            expected[image, node_S[node]] += np.exp(stops_BN[image, node])
    np.testing.assert_allclose(np.exp(said.stop_log_probs_BN), expected, atol=1e-12)
    assert said.promised_B.tolist() == [node_S[node] for node in answers.promised_B]
    assert said.natural_B.tolist() == [node_S[node] for node in answers.natural_B]
    assert said.rejected_B is answers.rejected_B
    assert said.unknown_B is answers.unknown_B


def test_a_method_without_a_distribution_stays_without():
    nothing = np.zeros(2, dtype=np.int64)
    answers = Answers(
        promised_B=nothing, rejected_B=nothing == 1, natural_B=nothing, unknown_B=nothing * 1.0, stop_log_probs_BN=None
    )
    assert translated(answers, np.zeros(1, dtype=np.int64), 3).stop_log_probs_BN is None
