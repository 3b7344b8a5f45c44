from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan, membership_of_leaves, stop_log_probs
from hierclf.errors import DataError
from hierclf.metrics import (
    Ancestry,
    NoveltyScores,
    closest_known_ancestor,
    known_novel_area,
    novel_accuracy_at_known,
    novelty_scores,
    stop_curve,
)
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.metrics import reference


def slow_scores(taxonomy, decided, target, novel, group):
    """By dictionaries, one image at a time."""
    values = []
    for measure in (
        lambda one, two: reference.hops_between(taxonomy, taxonomy.nodes[one], taxonomy.nodes[two]),
        lambda one, two: one == two,
    ):
        for kind in (False, True):
            by_class = {}
            for one, two, is_novel, name in zip(decided, target, novel, group, strict=True):
                if is_novel == kind:
                    by_class.setdefault(name, []).append(measure(one, two))
            values.append(np.mean([np.mean(row) for row in by_class.values()]))
        values.append((values[-2] + values[-1]) / 2)
    return values


@pytest.mark.parametrize("balance", ["targets", "classes"])
def test_scores_equal_a_walk(taxonomy, ancestry, random, balance):
    decided, target = random.integers(0, len(taxonomy), size=(2, 90))
    novel = random.random(90) < 0.4
    classes = random.integers(100, 112, size=90) if balance == "classes" else None
    slow = slow_scores(taxonomy, decided, target, novel, target if classes is None else classes)
    np.testing.assert_allclose(novelty_scores(decided, target, novel, ancestry, classes), slow)


def test_held_out_classes_belong_at_their_closest_known_ancestor():
    """Breeds of dog and the only cat are unseen, and so *cat* itself, which has no class left."""
    ancestry = Ancestry.from_plan(compile_plan(DEEP_DAG))
    thing, animal, pet, dog, beagle, basset, tabby, wolf = map(
        DEEP_DAG.index, ("thing", "animal", "pet", "dog", "beagle", "basset", "tabby", "wolf")
    )
    unseen = {"basset", "tabby", "cat"}
    known_N = np.array([node not in unseen for node in DEEP_DAG.nodes])
    truth = np.array([beagle, wolf, basset, basset, tabby])
    target = closest_known_ancestor(truth, known_N, ancestry)
    assert target.tolist() == [beagle, wolf, dog, dog, animal]  # animal and pet are as close and as informative
    decided = [beagle, thing, dog, beagle, pet]
    scores = novelty_scores(decided, target, ~known_N[truth], ancestry, truth)
    assert scores == NoveltyScores(
        bmhd_known=(0 + 2) / 2,
        bmhd_novel=((0 + 1) / 2 + 2) / 2,
        bmhd_mix=1.125,
        balanced_accuracy_known=1 / 2,
        balanced_accuracy_novel=(1 / 2 + 0) / 2,
        balanced_accuracy_mix=0.375,
    )


def test_unseen_classes_of_one_target_share_its_weight_unless_classes_are_given():
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    digit, letter = TWO_LEVEL.index("digit"), TWO_LEVEL.index("letter")
    target, decided, novel = [digit, digit, letter], [digit, 0, letter], np.ones(3, dtype=bool)
    assert novelty_scores(decided, target, novel, ancestry).bmhd_novel == (1 / 2 + 0) / 2
    assert novelty_scores(decided, target, novel, ancestry, [7, 8, 9]).bmhd_novel == pytest.approx(1 / 3)


def test_refusing_all_and_refusing_none_both_cost():
    """All at the root is perfect for far images and far from every leaf; never stopping the other way round."""
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    zero, a = TWO_LEVEL.index("0"), TWO_LEVEL.index("a")
    target, novel = [zero, a, 0, 0], [False, False, True, True]
    assert novelty_scores([0, 0, 0, 0], target, novel, ancestry).bmhd_mix == (2 + 0) / 2
    assert novelty_scores([zero, a, zero, a], target, novel, ancestry).bmhd_mix == (0 + 2) / 2
    assert novelty_scores(target, target, novel, ancestry) == (0, 0, 0, 1, 1, 1)


def test_without_a_kind_of_images_its_numbers_are_nan(ancestry):
    scores = novelty_scores([0], [0], [True], ancestry)
    assert math.isnan(scores.bmhd_known)
    assert math.isnan(scores.bmhd_mix)
    assert (scores.bmhd_novel, scores.balanced_accuracy_novel) == (0, 1)
    assert all(map(math.isnan, novelty_scores([], [], [], ancestry)))


def test_what_does_not_fit_is_refused(ancestry):
    with pytest.raises(DataError, match="each of 2 targets, got 1 decisions"):
        novelty_scores([0], [0, 0], [True, False], ancestry)
    with pytest.raises(DataError, match=r"classes of shape \(1,\)"):
        novelty_scores([0, 0], [0, 0], [True, False], ancestry, [3])
    with pytest.raises(DataError, match=r"each of 2 images whether it is novel, got int64 of shape \(2,\)"):
        novelty_scores([0, 0], [0, 0], [1, 0], ancestry)
    with pytest.raises(DataError, match=r"node ids lie between 0 and .*, got -1 at place 0"):
        novelty_scores([0], [-1], [True], ancestry)


def random_stops(plan, random, count=50):
    """Log-probabilities over all nodes that sum to 1 and tie now and then."""
    stop_BN = random.dirichlet(np.full(plan.num_nodes, 0.4), size=count).round(1) + 1e-3
    return np.log(stop_BN / stop_BN.sum(axis=1, keepdims=True))


def best(stops, nodes):
    return max(nodes, key=stops.__getitem__)


def test_the_curve_equals_decisions_at_every_bias(taxonomy, plan, ancestry, random):
    stop_BN = random_stops(plan, random)
    novel = random.random(len(stop_BN)) < 0.5
    inner = [taxonomy.index(node) for node in taxonomy.nodes if taxonomy.children(node)]
    leaves = [taxonomy.index(leaf) for leaf in taxonomy.leaves]
    target = np.where(novel, random.choice(inner, len(stop_BN)), random.choice(leaves, len(stop_BN)))
    curve = stop_curve(stop_BN, target, novel, ancestry)
    margins = [row[leaves].max() - row[inner].max() for row in stop_BN]
    biases = [-math.inf, *np.nextafter(np.unique(margins), np.inf)]
    points = []
    for bias in biases:
        decided = [
            best(row, leaves) if margin >= bias else best(row, inner)
            for row, margin in zip(stop_BN, margins, strict=True)
        ]
        right = np.array(decided) == target
        points.append((right[~novel].mean(), right[novel].mean()))
    np.testing.assert_allclose(np.transpose(curve), points)
    assert curve.y_T[0] == 0
    assert curve.x_T[-1] == 0


def test_a_perfect_stop_distribution_fills_the_square():
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    target = np.arange(len(TWO_LEVEL))
    with np.errstate(divide="ignore"):
        stop_BN = np.log(np.eye(len(TWO_LEVEL)))
    curve = stop_curve(stop_BN, target, ancestry.height_N > 0, ancestry)
    assert known_novel_area(curve) == novel_accuracy_at_known(curve) == 1.0


def test_without_a_bias_the_curve_passes_through_the_decisions_of_the_model(plan, ancestry, random):
    """Memberships of the known leaves and a chance to be novel at each internal node, made one distribution."""
    leaf_BL = torch.from_numpy(random.dirichlet(np.full(plan.num_leaves, 0.3), size=60)).log()
    node_BN = membership_of_leaves(leaf_BL, plan)
    chance_BN = torch.from_numpy(random.uniform(0.05, 0.6, size=node_BN.shape)).log()
    stop_BN = stop_log_probs(node_BN, chance_BN, plan).numpy()
    np.testing.assert_allclose(np.exp(stop_BN).sum(axis=1), 1)
    inner = np.flatnonzero(ancestry.height_N > 0)
    novel = np.arange(60) % 2 == 0
    target = np.where(novel, random.choice(inner, 60), random.choice(ancestry.leaf_L, 60))
    right = stop_BN.argmax(axis=1) == target
    points = np.transpose(stop_curve(stop_BN, target, novel, ancestry))
    assert np.isclose(points, (right[~novel].mean(), right[novel].mean())).all(axis=1).any()


def test_a_known_image_labelled_at_a_meta_class_is_right_below_it():
    ancestry = Ancestry.from_plan(compile_plan(TWO_LEVEL))
    digit, zero = TWO_LEVEL.index("digit"), TWO_LEVEL.index("0")
    stop_BN = np.full((2, len(TWO_LEVEL)), -5.0)
    stop_BN[:, zero] = -0.1
    curve = stop_curve(stop_BN, [digit, 0], np.array([False, True]), ancestry)
    assert curve.x_T[0] == 1.0


def test_stops_that_do_not_fit_are_refused(ancestry):
    some = np.zeros((2, ancestry.num_nodes))
    novel = np.array([True, False])
    with pytest.raises(DataError, match=r"expected stop log-probabilities of shape \(2, "):
        stop_curve(some[:, 1:], [0, 0], novel, ancestry)
    for hole in (np.nan, -np.inf):
        holed = some.copy()
        holed[1] = hole
        with pytest.raises(DataError, match=r"image 1 has NaN .*, or -inf for every node"):
            stop_curve(holed, [0, 0], novel, ancestry)
    holed = some.copy()
    holed[1, ancestry.leaf_L[-1]] = np.nan
    with pytest.raises(DataError, match="image 1 has NaN"):
        stop_curve(holed, [0, 0], novel, ancestry)


def test_without_either_kind_there_is_no_curve(ancestry):
    curve = stop_curve(np.empty((0, ancestry.num_nodes)), [], [], ancestry)
    assert len(curve.x_T) == 0
    assert math.isnan(known_novel_area(curve))
