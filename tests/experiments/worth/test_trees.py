"""The taxonomies that are compared: same classes, same shapes, nothing peeked at."""

from collections import Counter

import numpy as np
import pytest

from experiments.worth.trees import Ground, agreement, shuffled, trees
from hierclf.errors import UnknownName
from hierclf.taxonomy import Taxonomy

DECLARED = Taxonomy.from_edges(
    {
        "thing": ["pet", "tool", "group 1"],
        "pet": ["cat", "dog"],
        "cat": ["manx", "lynx", "ocelot"],
        "dog": ["pug", "collie", "boxer"],
        "tool": ["saw", "axe", "file"],
    }
)


@pytest.fixture(scope="module")
def ground():
    """Classes lie as declared, groups far apart."""
    source = np.random.default_rng(0)
    places = {}
    for node in DECLARED.nodes:
        above = DECLARED.parents(node)
        spread = 8.0 / (1 + DECLARED.level(node)) ** 1.5
        places[node] = (places[above[0]] if above else 0) + spread * source.normal(size=12)
    labels = tuple(np.repeat(DECLARED.leaves, 30).tolist())
    embeddings = np.stack([places[label] for label in labels]) + 0.3 * source.normal(size=(len(labels), 12))
    weights = np.stack([places[leaf] for leaf in DECLARED.leaves])
    return Ground(declared=DECLARED, embedding_nD=embeddings, label_n=labels, weight_KD=weights, seed=3)


@pytest.mark.parametrize("name", list(trees))
def test_every_tree_has_the_known_classes_and_stays_the_same(ground, name):
    taxonomy = trees[name].grow(ground)
    assert set(taxonomy.leaves) == set(DECLARED.leaves)
    assert trees[name].grow(ground) == taxonomy


def unnamed(taxonomy):
    def shape(node):
        return tuple(sorted(shape(child) for child in taxonomy.children(node)))

    return shape(taxonomy.root)


@pytest.mark.parametrize("seed", range(5))
def test_a_random_tree_has_the_shape_and_other_places(seed):
    random = shuffled(DECLARED, np.random.default_rng(seed))
    assert unnamed(random) == unnamed(DECLARED)
    assert Counter(map(random.level, random.leaves)) == Counter(map(DECLARED.level, DECLARED.leaves))
    assert not {*random.internal_nodes} & {"thing", "pet", "cat", "dog", "tool", *DECLARED.leaves}


def test_random_trees_of_many_seeds_put_classes_everywhere():
    parents = Counter(shuffled(DECLARED, np.random.default_rng(seed)).parents("axe")[0] for seed in range(300))
    share = {node: count / 300 for node, count in parents.items()}
    assert len(share) == 4, "three groups of three and the root"
    assert max(abs(share[node] - (0.1 if node == "root" else 0.3)) for node in share) < 0.1


def test_what_is_plain_to_see_is_discovered(ground):
    found = agreement(trees["discovered"].grow(ground), DECLARED)
    random = agreement(trees["random"].grow(ground), DECLARED)
    assert found["clade_f1"] > 0.6 > 0.3 > random["clade_f1"]
    assert found["triplets"] > 0.7 > 0.5 > random["triplets"]
    assert agreement(DECLARED, DECLARED) == {"clade_f1": 1.0, "triplets": 1.0, "meta_classes": 4, "depth": 3}


def test_the_binary_tree_is_binary_and_the_flat_one_flat(ground):
    binary, flat = trees["nbdt"].grow(ground), trees["flat"].grow(ground)
    assert {len(binary.children(node)) for node in binary.internal_nodes} == {2}
    assert flat.depth == 1
    assert agreement(flat, DECLARED)["meta_classes"] == 0


def test_twins_are_trees():
    assert {tree.twin for tree in map(trees.__getitem__, trees)} - {None} == {"random", "random_discovered"}
    with pytest.raises(UnknownName, match="no taxonomy to compare named 'discoverd'; did you mean 'discovered'"):
        trees["discoverd"]
