from __future__ import annotations

import json
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from hierclf.dag import compile_plan
from hierclf.errors import BundleError, CalibrationError, UnknownName
from hierclf.gates import (
    ClassStatistics,
    NodeGates,
    NodeGaussians,
    NodeSurprise,
    NovelMap,
    PValueMap,
    belongs,
    gated_nodes,
    raw_scores,
)
from hierclf.taxonomy import Taxonomy
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.gates.synthetic import auroc, planted
from tests.reference import leaves_below

USE = torch.tensor([[True, True, False], [True, False, False], [False, True, True]])  # 3 scores at 3 nodes


@pytest.fixture
def told(generator):
    """Values of three scores at 60 pairs of an image and a node, of other sizes at each node; nothing at the last."""
    place_X = torch.arange(60) % 2
    values_SX = torch.randn(3, 60, generator=generator, dtype=torch.float64)
    return values_SX * torch.tensor([[1.0], [50.0], [0.01]]) * (1 + place_X) + 10 * place_X, place_X


def fitted_gates(taxonomy, generator, names=("node_relative", "knn")):
    plan = compile_plan(taxonomy)
    fit, tune = planted(taxonomy, generator), planted(taxonomy, generator)
    statistics = ClassStatistics.fit(fit, generator)
    gated = gated_nodes(plan, torch.ones(plan.num_leaves, dtype=torch.bool))
    raw = raw_scores(tune, names, statistics, NodeGaussians.of(statistics, plan), plan, gated)
    row_X, place_X = belongs(plan.leaf_L[tune.label_B], plan)[:, gated].nonzero(as_tuple=True)
    use = torch.ones(len(names), len(gated), dtype=torch.bool)
    surprise = NodeSurprise.fit(raw[:, row_X, place_X], place_X, use)
    return NodeGates(plan=plan, gated=gated, names=tuple(names), statistics=statistics, surprise=surprise)


# ------------------------------------------------------------------------------------------------------------- surprise


def slow_surprise(values_SX, place_X, use_SG, asked_S, place):
    """One image at one node, by loops: centre and scale, a map per score, their sum, a map of sums."""
    scores, nodes = use_SG.shape
    rows = [[float(v) for v in row] for row in values_SX]
    places = place_X.tolist()
    centre, scale = np.zeros((scores, nodes)), np.zeros((scores, nodes))
    for s in range(scores):
        for g in range(nodes):
            own = [v for v, at in zip(rows[s], places, strict=True) if at == g]
            centre[s, g] = (sum(own) + 5 * np.mean(rows[s])) / (len(own) + 5)
        squares = [(v - centre[s, at]) ** 2 for v, at in zip(rows[s], places, strict=True)]
        for g in range(nodes):
            own = [v for v, at in zip(squares, places, strict=True) if at == g]
            scale[s, g] = ((sum(own) + 5 * np.mean(squares)) / (len(own) + 5)) ** 0.5
    standard = [
        [(v - centre[s, at]) / scale[s, at] for v, at in zip(rows[s], places, strict=True)] for s in range(scores)
    ]
    maps = [PValueMap.fit(torch.tensor(row, dtype=torch.float64)) for row in standard]

    def total(values, at):
        return sum(
            float(maps[s](torch.tensor([(values[s] - centre[s, at]) / scale[s, at]], dtype=torch.float64)))
            for s in range(scores)
            if use_SG[s, at]
        )

    alike = [g for g in range(nodes) if torch.equal(use_SG[:, g], use_SG[:, place])]
    sums = [total([row[x] for row in rows], at) for x, at in enumerate(places)]
    mine = [one for one, at in zip(sums, places, strict=True) if at in alike]
    return float(
        PValueMap.fit(torch.tensor(mine or sums, dtype=torch.float64))(
            torch.tensor([total(asked_S, place)], dtype=torch.float64)
        )
    )


@pytest.mark.parametrize("place", [0, 1, 2])
def test_surprise_equals_a_slow_account(told, place, generator):
    values_SX, place_X = told
    surprise = NodeSurprise.fit(values_SX, place_X, USE)
    for scale in (0.3, 1.0, 5.0):
        asked_S = scale * torch.randn(3, generator=generator).double() * torch.tensor([1.0, 50.0, 0.01])
        fast = surprise.at(asked_S[:, None], torch.tensor([place]))
        assert float(fast) == pytest.approx(slow_surprise(values_SX, place_X, USE, asked_S.tolist(), place), abs=1e-9)


def test_surprise_grows_with_every_score_in_use_and_with_no_other(told):
    surprise = NodeSurprise.fit(*told, USE)
    base_S = told[0].mean(1)
    for place in range(3):
        for score in range(3):
            values_SX = base_S[:, None].repeat(1, 40)
            values_SX[score] = torch.linspace(-300, 300, 40).double()
            found_X = surprise.at(values_SX, torch.full((40,), place))
            if USE[score, place]:
                assert (found_X.diff() >= 0).all()
                assert found_X[-1] > found_X[0] + 1
            else:
                assert (found_X == found_X[0]).all()


def test_a_table_is_read_column_by_column(told, generator):
    surprise = NodeSurprise.fit(*told, USE)
    raw_SBG = torch.randn(3, 5, 3, generator=generator).double()
    whole_BG = surprise(raw_SBG)
    for row in range(5):
        for place in range(3):
            alone = surprise.at(raw_SBG[:, row, place, None], torch.tensor([place]))
            assert float(alone) == pytest.approx(float(whole_BG[row, place]))
    assert surprise(raw_SBG[:, :0]).shape == (0, 3)


def test_a_node_without_images_has_what_all_have_in_common(told):
    surprise = NodeSurprise.fit(*told, USE)
    torch.testing.assert_close(surprise.centre[:, 2], told[0].mean(1))


def test_a_node_with_many_images_speaks_for_itself(generator):
    place_X = torch.arange(4000) % 2
    values_SX = torch.randn(1, 4000, generator=generator).double() * (1 + 9 * place_X) + 100 * place_X
    surprise = NodeSurprise.fit(values_SX, place_X, torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(surprise.centre, torch.tensor([[0.0, 100.0]]).double(), atol=1.0, rtol=0)
    torch.testing.assert_close(surprise.scale, torch.tensor([[1.0, 10.0]]).double(), atol=2.0, rtol=0)
    shares = [(surprise.at(values_SX, place_X)[place_X == place] > -np.log(0.05)).double().mean() for place in (0, 1)]
    np.testing.assert_allclose(shares, 0.05, atol=0.04)


def test_scores_that_say_the_same_about_everybody_leave_no_hole():
    surprise = NodeSurprise.fit(torch.full((1, 20), 7.0).double(), torch.zeros(20).long(), torch.ones(1, 1).bool())
    found = surprise.at(torch.tensor([[7.0, 8.0, 6.0]]).double(), torch.zeros(3).long())
    assert found.isfinite().all()
    assert found[1] > found[0]


def test_without_images_under_gated_nodes_nothing_can_be_fitted():
    with pytest.raises(CalibrationError, match=r"expected known images under the gated nodes .* got none"):
        NodeSurprise.fit(torch.empty(3, 0).double(), torch.empty(0).long(), USE)


# ---------------------------------------------------------------------------------------------------------------- gates


@pytest.mark.parametrize("taxonomy", [TWO_LEVEL, DEEP_DAG], ids=lambda taxonomy: taxonomy.root)
def test_a_gate_lets_its_own_children_pass_and_is_surprised_by_all_others(taxonomy, generator):
    gates = fitted_gates(taxonomy, generator)
    new = planted(taxonomy, generator, count=20)
    surprise_BG = gates.read(new)
    for place, node in enumerate(gates.gated.tolist()):
        below = leaves_below(taxonomy, taxonomy.nodes[node])
        mine_B = torch.tensor([taxonomy.leaves[slot] in below for slot in new.label_B.tolist()])
        assert auroc(surprise_BG[mine_B, place], surprise_BG[~mine_B, place]) > 0.95
        assert surprise_BG[mine_B, place].median() < 1.5  # one half is as surprising as -log 0.5 = 0.7


def test_gates_are_spread_over_all_nodes_and_read_row_by_row(generator):
    gates = fitted_gates(DEEP_DAG, generator, names=("gen", "msp", "energy", "max_logit", "mahalanobis++"))
    new = planted(DEEP_DAG, generator, count=2)
    surprise_BG = gates.read(new)
    spread_BN = gates.spread(surprise_BG)
    assert torch.equal(spread_BN[:, gates.gated], surprise_BG)
    rest = [node for node in range(len(DEEP_DAG)) if node not in gates.gated.tolist()]
    assert spread_BN[:, rest].abs().sum() == 0
    for row in range(len(new)):
        torch.testing.assert_close(gates.read(new[row : row + 1])[0], surprise_BG[row], rtol=1e-8, atol=1e-8)
    assert gates.read(new[:0]).shape == (0, len(gates.gated))


def test_gates_survive_a_file_exactly(generator):
    gates = fitted_gates(DEEP_DAG, generator)
    tensors = load(save({name: values.contiguous() for name, values in gates.tensors().items()}))
    again = NodeGates.from_parts(json.loads(json.dumps(gates.settings())), tensors, gates.plan, size=9)
    new = planted(DEEP_DAG, generator, count=2)
    assert torch.equal(again.read(new), gates.read(new))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"scores": ["knn", "enrgy"]}, UnknownName, "no node score named 'enrgy'; did you mean 'energy'"),
        ({"scores": ["knn"]}, BundleError, "do not fit their scores; save the model anew"),
        ({"gated": torch.tensor([0, 1])}, BundleError, "gates at nodes that cannot have one; save it anew"),
        ({"gated": torch.tensor([2, 1])}, BundleError, "gates at nodes that cannot have one; save it anew"),
        ({"gated": torch.tensor([1, 4])}, BundleError, "gates at nodes that cannot have one; save it anew"),
        ({"gated": torch.empty(0).long()}, BundleError, "gates at nodes that cannot have one; save it anew"),
        ({"surprise.use": torch.zeros(2, 2).bool()}, BundleError, "a stored node gate reads no score"),
        ({"surprise.use": torch.ones(2, 2)}, BundleError, "a stored node gate reads no score"),
        ({"surprise.scale": torch.zeros(2, 2).double()}, BundleError, "do not fit their scores"),
        ({"surprise.summed.0.scale": torch.tensor(0.0)}, BundleError, "a stored p-value map is empty, not finite"),
        ({"classes.mean": torch.zeros(6, 8)}, BundleError, r"do not fit the model: mean is no \(6, 9\)"),
    ],
)
def test_stored_gates_that_do_not_fit_are_refused(generator, change, error, message):
    gates = fitted_gates(TWO_LEVEL, generator)
    assert gates.gated.tolist() == [1, 2]
    settings = {"scores": change.pop("scores", ["node_relative", "knn"])}
    with pytest.raises(error, match=message):
        NodeGates.from_parts(settings, gates.tensors() | change, gates.plan, size=9)


# -------------------------------------------------------------------------------------------------------------- novelty


def test_the_chance_of_novelty_grows_with_surprise_and_is_nothing_where_nobody_asks(generator):
    minus = -torch.inf
    novel = NovelMap(intercept=torch.tensor([-3.0, 0.0, minus]).double(), slope=torch.tensor([1.0, 0.0, 0.0]).double())
    surprise_BN = torch.linspace(0, 50, 30).double()[:, None].expand(-1, 3)
    log_probs_BN = novel(surprise_BN)
    assert (log_probs_BN[:, 0].diff() > 0).all()
    np.testing.assert_allclose(log_probs_BN[:, 0].exp(), 1 / (1 + np.exp(3 - np.linspace(0, 50, 30))))
    np.testing.assert_allclose(log_probs_BN[:, 1].exp(), 0.5)
    assert (log_probs_BN[:, 2] == minus).all()


def test_chances_of_novelty_are_checked():
    plan = compile_plan(TWO_LEVEL)
    fine = NovelMap(intercept=torch.full((9,), -torch.inf), slope=torch.zeros(9))
    assert fine.checked(plan) is fine
    with pytest.raises(BundleError, match="chances of novelty do not fit the taxonomy; save the model anew"):
        replace(fine, slope=torch.zeros(3)).checked(plan)
    for change in (
        {"slope": torch.full((9,), -1.0)},
        {"slope": torch.full((9,), torch.inf)},
        {"intercept": torch.full((9,), torch.nan)},
        {"intercept": torch.full((9,), torch.inf)},
    ):
        with pytest.raises(BundleError, match="are no numbers, or fall with surprise; save the model anew"):
            replace(fine, **change).checked(plan)


# ---------------------------------------------------------------------------------------------------- who has a gate


def test_gates_stand_where_two_children_or_more_have_images(taxonomy, generator):
    plan = compile_plan(taxonomy)
    for _ in range(8):
        has = torch.rand(plan.num_leaves, generator=generator) < 0.6
        known = {leaf for leaf, one in zip(taxonomy.leaves, has.tolist(), strict=True) if one}
        slow = [
            taxonomy.index(node)
            for node in taxonomy.nodes
            if node != taxonomy.root
            and sum(bool(leaves_below(taxonomy, child) & known) for child in taxonomy.children(node)) >= 2
        ]
        assert gated_nodes(plan, has).tolist() == slow


def test_labels_belong_under_their_ancestors(taxonomy):
    plan, graph = compile_plan(taxonomy), nx.DiGraph(taxonomy.edges)
    table = belongs(torch.arange(len(taxonomy)), plan)
    for row, node in enumerate(taxonomy.nodes):
        above = nx.ancestors(graph, node) | {node, taxonomy.root}
        assert {taxonomy.nodes[place] for place in table[row].nonzero()[:, 0].tolist()} == above


def test_a_gated_node_none_of_whose_images_were_kept_for_maps_borrows_them(generator):
    taxonomy = Taxonomy.from_edges({"digit": ["0", "1"], "letter": ["a", "b"]}, root="sign")
    plan = compile_plan(taxonomy)
    fit, tune = planted(taxonomy, generator), planted(taxonomy, generator)
    tune = tune[tune.label_B < 2]  # no letter
    statistics, gated = ClassStatistics.fit(fit, generator), torch.tensor([1, 2])
    raw = raw_scores(tune, ("knn",), statistics, NodeGaussians.of(statistics, plan), plan, gated)
    row_X, place_X = belongs(plan.leaf_L[tune.label_B], plan)[:, gated].nonzero(as_tuple=True)
    surprise = NodeSurprise.fit(raw[:, row_X, place_X], place_X, torch.ones(1, 2, dtype=torch.bool))
    gates = NodeGates(plan=plan, gated=gated, names=("knn",), statistics=statistics, surprise=surprise)
    letters = planted(taxonomy, generator)
    letters = letters[letters.label_B >= 2]
    assert gates.read(letters).isfinite().all()
    assert gates.read(letters)[:, 1].median() < gates.read(letters)[:, 0].median()
