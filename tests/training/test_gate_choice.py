from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from hierclf.dag import compile_plan
from hierclf.gates import PValueMap
from hierclf.metrics import auroc
from hierclf.taxonomy import Taxonomy
from hierclf.training.gate_choice import (
    chosen_combinations,
    combination_aurocs,
    detections,
    novel_map,
    surprises,
)
from hierclf.training.leave_one_out import Episode
from tests.conftest import DEEP_DAG

TREE = Taxonomy.from_edges(
    {"beast": ["dog", "cat"], "dog": ["a", "b", "c"], "cat": ["d", "e", "f"], "thing": ["g", "h"]}, root="all"
)
DOG, CAT, THING = (TREE.index(name) for name in ("dog", "cat", "thing"))
WORDS = (("good",), ("poor",), ("good", "poor"))
COMBINATIONS = torch.tensor([[True, False], [False, True], [True, True]])


def episode(node, child, generator, gain=(4.0, 0.0), known=60, novel=30):
    """Two scores of any size, which rise by their gain on novel images."""
    size = torch.tensor([[10.0], [0.1]]).double()
    values = [torch.randn(2, count, generator=generator).double() for count in (known, novel)]
    values[1] += torch.tensor(gain).double()[:, None]
    return Episode(node=node, child=child, known=size * values[0] + 7, novel=size * values[1] + 7)


@pytest.fixture
def episodes(generator):
    return [episode(node, child, generator) for node in (DOG, CAT) for child in range(node + 1, node + 4)]


NODES = torch.tensor(sorted([DOG, CAT, THING]))


def test_a_single_score_has_its_own_auroc_whatever_the_maps(episodes):
    found = combination_aurocs(episodes, COMBINATIONS, NODES)
    for row, one in zip(found, episodes, strict=True):
        for score in range(2):
            # below the smallest value of all known images the map is flat, and flat values tie
            slow = auroc(one.known[score].numpy(), one.novel[score].numpy())
            assert float(row[score]) == pytest.approx(slow, abs=0.02)
    assert (found[:, 0] > 0.95).all()
    assert (found[:, 1] < 0.75).all()
    assert (found[:, 2] > found[:, 1]).all()


def test_the_better_combination_is_chosen_where_it_is_clearly_better():
    nodes = torch.tensor([1, 2, 3])
    two = [Episode(node=node, child=9, known=torch.zeros(1, 2), novel=torch.zeros(1, 2)) for node in (1, 2)]
    # worked by hand: node 1 says 0.6 / 0.9, node 2 says 0.9 / 0.6; all 0.75 / 0.75; own counts 1, all counts 4
    aurocs = torch.tensor([[0.60, 0.90], [0.90, 0.60]]).double()
    assert chosen_combinations(aurocs, two, nodes).tolist() == [1, 0, 0]  # 0.72 / 0.78, 0.78 / 0.72, 0.75 / 0.75
    assert chosen_combinations(aurocs, two, nodes, usual=1).tolist() == [1, 0, 1]
    little = torch.tensor([[0.75, 0.755], [0.75, 0.755]]).double()
    assert chosen_combinations(little, two, nodes).tolist() == [0, 0, 0]  # not by a margin
    clear = torch.tensor([[0.75, 0.80], [0.75, 0.80]]).double()
    assert chosen_combinations(clear, two, nodes).tolist() == [1, 1, 1]  # the node without an episode follows all


def test_a_node_with_many_episodes_does_not_outvote_the_others():
    many = [Episode(node=1, child=9, known=torch.zeros(1, 2), novel=torch.zeros(1, 2))] * 50
    lone = Episode(node=2, child=9, known=torch.zeros(1, 2), novel=torch.zeros(1, 2))
    aurocs = torch.tensor([[0.5, 0.6]] * 50 + [[0.9, 0.5]]).double()
    assert chosen_combinations(aurocs, [*many, lone], torch.tensor([1, 2, 3])).tolist() == [1, 0, 0]


def test_detections_are_means_over_the_children(episodes):
    plan = compile_plan(TREE)
    aurocs = combination_aurocs(episodes, COMBINATIONS, NODES)
    found = detections(aurocs, episodes, NODES, torch.tensor([0, 2, 1]), WORDS, plan)
    assert [one.node for one in found] == [plan.nodes[node] for node in NODES.tolist() if node != THING]
    for one in found:
        at = NODES.tolist().index(plan.nodes.index(one.node))
        combination = [0, 2, 1][at]
        own = [float(aurocs[row, combination]) for row, e in enumerate(episodes) if plan.nodes[e.node] == one.node]
        assert one.auroc == pytest.approx(np.mean(own))
        assert one.standard_error == pytest.approx(np.std(own, ddof=1) / 3**0.5)
        assert (one.children, one.scores) == (3, WORDS[combination])
    alone = detections(aurocs[:1], episodes[:1], NODES, torch.tensor([0, 0, 0]), WORDS, plan)
    assert (len(alone), alone[0].standard_error, alone[0].children) == (1, 0.0, 1)


def test_surprise_of_known_images_is_that_of_p_values(episodes):
    told = surprises(episodes, NODES, torch.ones(2, 3, dtype=torch.bool))
    assert [node for node, *_ in told] == [one.node for one in episodes]
    known = torch.cat([known for _, known, _ in told])
    for share in (0.05, 0.5):
        assert float((known > -np.log(share)).double().mean()) == pytest.approx(share, abs=0.02)
    for (_, known, novel), one in zip(told, episodes, strict=True):
        assert (known.shape, novel.shape) == (one.known.shape[1:], one.novel.shape[1:])
        assert auroc(known.numpy(), novel.numpy()) > 0.9


# -------------------------------------------------------------------------------------------------------------- novelty


def drawn(node, generator, known=200, novel=50, shift=4.0):
    """Surprise of known and of novel images."""
    map_ = PValueMap.fit(torch.randn(known, generator=generator).double())
    return node, map_(torch.randn(known, generator=generator)), map_(torch.randn(novel, generator=generator) + shift)


def slow_curve(pairs, prior, ridge=4.0):
    """Weighted logistic regression with a ridge towards a prior, by a general minimiser."""
    known, novel = (np.concatenate([pair[side].numpy() for pair in pairs]) for side in (0, 1))
    fewest = min(len(known), len(novel))

    def loss(point):
        z_known, z_novel = point[0] + point[1] * known, point[0] + point[1] * novel
        fit = np.logaddexp(0, z_known).mean() + np.logaddexp(0, -z_novel).mean()
        return fewest * fit + ridge / 2 * ((point - prior) ** 2).sum()

    return minimize(loss, prior, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}).x


def test_the_curves_are_those_of_a_logistic_regression_pulled_to_all_nodes(generator):
    told = [drawn(DOG, generator), drawn(DOG, generator), drawn(CAT, generator, shift=1.0)]
    plan, gated = compile_plan(TREE), torch.tensor([0, DOG, CAT, THING])
    novel = novel_map(told, plan, gated, prior=0.5)
    everything = slow_curve([pair[1:] for pair in told], np.array([-3.0, 1.0]))
    share = 1 - 0.5 ** (1 / 2)  # two gates on the longest route: the root's, and a dog's or a cat's
    shift = np.log(share / (1 - share))
    own = {
        DOG: slow_curve([pair[1:] for pair in told[:2]], everything),
        CAT: slow_curve([told[2][1:]], everything),
        THING: everything,  # nobody above it was asked
        0: everything,
    }
    for node, (intercept, slope) in own.items():
        assert float(novel.intercept[node]) == pytest.approx(intercept + shift, abs=1e-4)
        assert float(novel.slope[node]) == pytest.approx(slope, abs=1e-4)
    rest = [node for node in range(len(TREE)) if node not in own]
    assert (novel.intercept[rest] == -torch.inf).all()
    assert (novel.slope[rest] == 0).all()


def test_nodes_with_few_children_borrow_from_their_nearest_ancestor(generator):
    plan = compile_plan(TREE)
    beast = TREE.index("beast")
    told = [drawn(0, generator, shift=0.5), drawn(CAT, generator, shift=6.0)]
    novel = novel_map(told, plan, torch.tensor([0, beast, DOG, CAT, THING]))
    for node in (beast, DOG, THING):  # none of them was asked, so they borrow from the root
        assert (novel.intercept[node], novel.slope[node]) == (novel.intercept[0], novel.slope[0])
    assert novel.slope[CAT] != novel.slope[0]
    told.append(drawn(beast, generator, shift=3.0))
    novel = novel_map(told, plan, torch.tensor([0, beast, DOG, CAT, THING]))
    assert novel.slope[DOG] == novel.slope[beast] != novel.slope[0]
    assert novel.slope[THING] == novel.slope[0]


def test_on_a_dag_a_node_borrows_through_its_first_parent(generator):
    plan = compile_plan(DEEP_DAG)
    animal, dog = DEEP_DAG.index("animal"), DEEP_DAG.index("dog")
    told = [drawn(0, generator, shift=0.5), drawn(animal, generator)]
    novel = novel_map(told, plan, torch.tensor([0, animal, dog]))
    assert novel.slope[dog] == novel.slope[animal] != novel.slope[0]


def test_where_nothing_could_be_learnt_one_in_twenty_is_even():
    plan = compile_plan(TREE)
    novel = novel_map([], plan, torch.tensor([0]), prior=0.5)
    assert (float(novel.intercept[0]), float(novel.slope[0])) == (pytest.approx(-3.0), pytest.approx(1.0))
    chance = novel(torch.full((1, len(TREE)), -np.log(0.05)).double()).exp()
    assert float(chance[0, 0]) == pytest.approx(0.5, abs=0.01)


def test_the_prior_moves_every_gate_and_is_shared_along_the_route(generator):
    plan, gated = compile_plan(TREE), torch.tensor([0, TREE.index("beast"), DOG])
    even, strict = (novel_map([], plan, gated, prior=prior) for prior in (0.5, 0.1))
    assert (strict.intercept[gated] < even.intercept[gated]).all()
    share = 1 / (1 + np.exp(3 - float(even.intercept[DOG]) - 6))  # π where the curve alone says one half
    assert 1 - (1 - share) ** 3 == pytest.approx(0.5)


def test_chances_never_fall_with_surprise(generator):
    """Where novel images look less surprising than known ones, surprise says nothing."""
    node, known, novel = drawn(DOG, generator, shift=0.0, novel=400)
    plan = compile_plan(TREE)
    found = novel_map([(node, known + 5, novel)], plan, torch.tensor([0, DOG]))
    assert float(found.slope[DOG]) == 0
    assert float(found(torch.zeros(1, len(TREE)).double()).exp()[0, 0]) <= 0.5
