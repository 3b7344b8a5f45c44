from __future__ import annotations

import math

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError
from hierclf.references import Prohoc
from hierclf.references.prohoc import depths_of, stops_of_depths
from hierclf.taxonomy import Taxonomy
from tests.conftest import TREES

HAND = Taxonomy.from_edges({"root": ["a", "b"], "a": ["x", "y"], "b": ["z", "w"]})


def stops(settings, taxonomy, tables):
    """The stop distribution as a dict, from one dict of probabilities per depth."""
    plan = compile_plan(taxonomy)
    depths = depths_of(plan)
    log_probs = [
        torch.tensor([[table[plan.nodes[node]] for node in depth.node_C]], dtype=torch.float64).log()
        for table, depth in zip(tables, depths, strict=True)
    ]
    return dict(zip(plan.nodes, stops_of_depths(log_probs, depths, plan, settings).exp()[0].tolist(), strict=True))


def spread(*values):
    return -sum(value * math.log(value) for value in values if value)


def test_complementary_probability_by_hand():
    tables = [{"a": 0.7, "b": 0.3}, {"x": 0.4, "y": 0.2, "z": 0.3, "w": 0.1}]
    came = stops(Prohoc(novelty="complement", root_weight=0.0), HAND, tables)
    expected = {
        "root": 0,
        "a": 0.7 * 0.4,
        "x": 0.7 * 0.4,
        "y": 0.7 * 0.2,
        "b": 0.3 * 0.6,
        "z": 0.3 * 0.3,
        "w": 0.3 * 0.1,
    }
    assert came == pytest.approx(expected)
    entropy = spread(0.4, 0.2, 0.3, 0.1)
    came = stops(Prohoc(novelty="complement"), HAND, tables)
    assert came == pytest.approx(
        {node: part / (1 + entropy) for node, part in expected.items()} | {"root": entropy / (1 + entropy)}
    )


def test_entropy_by_hand():
    came = stops(
        Prohoc(novelty="entropy", root_weight=0.0),
        HAND,
        [{"a": 0.7, "b": 0.3}, {"x": 0.4, "y": 0.2, "z": 0.4, "w": 0.0}],
    )
    undecided = spread(2 / 3, 1 / 3)
    total = 0.6 + undecided
    assert came == pytest.approx(
        {
            "root": 0,
            "a": 0.7 * undecided / total,
            "x": 0.7 * 0.4 / total,
            "y": 0.7 * 0.2 / total,
            "b": 0,  # z is certain among b's children
            "z": 0.3,
            "w": 0,
        }
    )


def slow_stops(taxonomy, tables, novelty, weight):
    """A walk from the root, with dictionaries."""
    last = spread(*tables[-1].values())
    result = dict.fromkeys(taxonomy.nodes, 0.0)
    result[taxonomy.root] = weight * last / (1 + weight * last)

    def down(node, reached, depth):
        children = taxonomy.children(node)
        if not children:
            result[node] = reached
            return
        table = tables[depth]
        if node == taxonomy.root:
            parts, novel = {child: table[child] for child in children}, None
        elif len(children) == 1:
            parts, novel = {children[0]: 1.0}, 0.0
        else:
            group = sum(table[child] for child in children)
            undecided = spread(*(table[child] / group for child in children))
            if novelty == "complement":
                parts, novel = {child: table[child] for child in children}, 1 - group
            else:
                parts = {child: table[child] / (group + undecided) for child in children}
                novel = undecided / (group + undecided)
        if novel is not None:
            result[node] = reached * novel
        for child, part in parts.items():
            down(child, reached * part, depth + 1)

    down(taxonomy.root, 1 / (1 + weight * last), 0)
    return result


UNEVEN = Taxonomy.from_edges(
    {"root": ["a", "dot", "c"], "a": ["b", "x", "y"], "b": ["u", "v"], "c": ["d"], "d": ["p", "q", "r"]}
)


@pytest.mark.parametrize("novelty", ["entropy", "complement"])
@pytest.mark.parametrize("taxonomy", [*TREES, UNEVEN], ids=lambda taxonomy: taxonomy.root)
def test_any_tree_equals_a_walk(taxonomy, novelty, generator):
    for weight in (0.0, 1.0, 2.5):
        tables = []
        for depth in depths_of(compile_plan(taxonomy)):
            probs = (3 * torch.randn(len(depth.node_C), generator=generator, dtype=torch.float64)).softmax(0).tolist()
            tables.append({taxonomy.nodes[node]: prob for node, prob in zip(depth.node_C, probs, strict=True)})
        came = stops(Prohoc(novelty=novelty, root_weight=weight), taxonomy, tables)
        assert came == pytest.approx(slow_stops(taxonomy, tables, novelty, weight))
        assert sum(came.values()) == pytest.approx(1)


def test_leaves_that_end_early_are_carried_down():
    plan = compile_plan(UNEVEN)
    depths = depths_of(plan)
    assert [{plan.nodes[node] for node in depth.node_C} for depth in depths] == [
        {"a", "dot", "c"},
        {"b", "x", "y", "dot", "d"},
        {"u", "v", "x", "y", "dot", "p", "q", "r"},
    ]
    for leaf, homes in {"dot": ["dot", "dot", "dot"], "x": ["a", "x", "x"], "u": ["a", "b", "u"]}.items():
        label = plan.nodes.index(leaf)
        assert [plan.nodes[depth.node_C[depth.class_N[label]]] for depth in depths] == homes


def test_extreme_probabilities_stay_finite():
    plan = compile_plan(HAND)
    depths = depths_of(plan)
    log_probs = [torch.tensor([[0.0, -900.0]]).double(), torch.tensor([[-800.0, -900.0, 0.0, -1000.0]]).double()]
    for novelty in ("entropy", "complement"):
        stops_BN = stops_of_depths(log_probs, depths, plan, Prohoc(novelty=novelty))
        assert not stops_BN.isnan().any()
        assert float(stops_BN.logsumexp(1)) == pytest.approx(0.0, abs=1e-12)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="novelty is 'entropy' or 'complement', got 'both'"):
        Prohoc(novelty="both")
    with pytest.raises(ConfigError, match="root_weight is a finite number of at least 0, got -1"):
        Prohoc(novelty="entropy", root_weight=-1)
