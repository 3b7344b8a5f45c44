from __future__ import annotations

import random
from collections import defaultdict

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import CalibrationError
from hierclf.promises import pool_classes
from hierclf.promises.pooling import nodes_below
from hierclf.taxonomy import Taxonomy
from tests import reference

BIRDS = Taxonomy(
    root="animal",
    edges=(
        ("animal", "bird"),
        ("animal", "fish"),
        ("bird", "crow"),
        ("bird", "owl"),
        ("bird", "hen"),
        ("fish", "eel"),
        ("fish", "ray"),
    ),
)


def pools(taxonomy, least, **images):
    plan = compile_plan(taxonomy)
    label_n = torch.tensor([taxonomy.index(node) for node, count in images.items() for _ in range(count)], dtype=int)
    pool_N = pool_classes(label_n, plan.path_NK, least)
    return {leaf: taxonomy.nodes[pool_N[taxonomy.index(leaf)]] for leaf in taxonomy.leaves}


def test_classes_with_enough_images_stand_alone():
    found = pools(BIRDS, 5, crow=5, owl=6, hen=7, eel=8, ray=9)
    assert found == {leaf: leaf for leaf in BIRDS.leaves}


def test_small_siblings_are_pooled_under_their_parent_and_their_big_sibling_stands_alone():
    found = pools(BIRDS, 5, crow=3, owl=2, hen=7, eel=8, ray=9)
    assert found == {"crow": "bird", "owl": "bird", "hen": "hen", "eel": "eel", "ray": "ray"}


def test_a_small_class_without_small_siblings_joins_the_smallest_group_under_its_parent():
    found = pools(BIRDS, 5, crow=3, owl=9, hen=7, eel=8, ray=9)
    assert found == {"crow": "bird", "owl": "owl", "hen": "bird", "eel": "eel", "ray": "ray"}


def test_a_small_family_is_pooled_under_the_grandparent():
    found = pools(BIRDS, 5, crow=5, owl=5, hen=6, eel=1, ray=2)
    assert found == {"crow": "crow", "owl": "animal", "hen": "hen", "eel": "animal", "ray": "animal"} or found == {
        "crow": "animal",
        "owl": "owl",
        "hen": "hen",
        "eel": "animal",
        "ray": "animal",
    }


def test_with_few_images_in_all_everything_is_pooled_at_the_root(taxonomy):
    plan = compile_plan(taxonomy)
    pool_N = pool_classes(plan.leaf_L, plan.path_NK, 100)
    assert (pool_N[plan.leaf_L] == 0).all()


def test_a_class_without_images_is_pooled_too():
    assert pools(BIRDS, 2, crow=2, owl=2, hen=2, eel=4)["ray"] == "fish"


def test_images_labelled_at_an_internal_node_are_a_class_of_their_own():
    plan = compile_plan(BIRDS)
    bird, crow, owl, hen = (BIRDS.index(node) for node in ("bird", "crow", "owl", "hen"))
    families = [BIRDS.index("eel")] * 9 + [BIRDS.index("ray")] * 9
    label_n = torch.tensor([bird] * 3 + [crow] * 3 + [owl] * 9 + [hen] * 9 + families)
    pool_N = pool_classes(label_n, plan.path_NK, 5)
    assert pool_N[[bird, crow, owl, hen]].tolist() == [bird, bird, owl, hen]


def test_on_a_dag_a_class_goes_to_the_parent_that_says_most_and_has_enough():
    edges = (("r", "wide"), ("r", "slim"), ("r", "z"), ("wide", "x"), ("slim", "x"), ("wide", "a"), ("wide", "b"))
    dag = Taxonomy(root="r", edges=(*edges, ("slim", "c")))
    assert pools(dag, 5, x=2, c=3, a=9, b=9, z=9)["x"] == "slim"
    assert pools(dag, 5, x=2, c=2, a=3, b=9, z=4)["x"] == "wide"


def random_taxonomy(seed):
    draw = random.Random(seed)
    edges = [
        (f"n{parent:02}", f"n{child:02}")
        for child in range(1, 25)
        for parent in draw.sample(range(child), k=min(child, draw.choice([1, 1, 1, 2])))
    ]
    return Taxonomy(root="n00", edges=tuple(edges))


@pytest.mark.parametrize("seed", range(40))
def test_groups_are_whole_large_enough_and_below_their_name(seed):
    """The laws that the promise rests on, on random DAGs: nobody is in two groups, and no group is too small."""
    taxonomy = random_taxonomy(seed)
    plan, draw, least = compile_plan(taxonomy), random.Random(seed), 6
    label_n = torch.tensor([draw.choice(plan.leaf_L.tolist()) for _ in range(draw.choice([4, 40, 150]))])
    pool_N = pool_classes(label_n, plan.path_NK, least).tolist()
    images = defaultdict(int)
    for label in label_n.tolist():
        images[pool_N[label]] += 1
    for leaf in plan.leaf_L.tolist():
        name = pool_N[leaf]
        assert taxonomy.nodes[leaf] in reference.leaves_below(taxonomy, taxonomy.nodes[name])
        assert images[name] >= min(least, len(label_n))
        if label_n.tolist().count(leaf) < least:
            assert name != leaf
    for name in set(pool_N):
        big = [leaf for leaf in plan.leaf_L.tolist() if pool_N[leaf] == name and label_n.tolist().count(leaf) >= least]
        assert len(big) <= 1, "a class with enough images shares with small ones alone"


def test_nodes_below_equal_a_walk(taxonomy):
    plan = compile_plan(taxonomy)
    for node, below in zip(taxonomy.nodes, nodes_below(plan.path_NK), strict=True):
        expected = [place for place, one in enumerate(taxonomy.nodes) if one == node or node in taxonomy.ancestors(one)]
        assert below == expected


def test_what_is_no_node_is_refused():
    path_NK = compile_plan(BIRDS).path_NK
    with pytest.raises(CalibrationError, match="node ids from 0 to 7, got -1 to 3; leave out unknown images"):
        pool_classes(torch.tensor([-1, 3]), path_NK, 5)
    with pytest.raises(CalibrationError, match=r"got torch.float32 of shape \(2,\)"):
        pool_classes(torch.zeros(2), path_NK, 5)
    with pytest.raises(CalibrationError, match="at least 1 image, got least = 0"):
        pool_classes(torch.zeros(2, dtype=torch.int64), path_NK, 0)
