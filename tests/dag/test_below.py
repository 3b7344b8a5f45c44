"""The smallest value below a node against a search through the taxonomy."""

from __future__ import annotations

import torch

from hierclf.dag import compile_plan, smallest_below
from hierclf.taxonomy import Taxonomy

DAG = Taxonomy.from_edges({"r": ["a", "b", "x"], "a": ["x", "c"], "b": ["c", "y"], "c": ["z", "x"], "y": ["z", "w"]})


def test_it_equals_a_search_below_each_node():
    plan = compile_plan(DAG)
    values_BL = torch.randn(4, plan.num_leaves)
    values_BL[0, 1] = torch.inf
    found_BN = smallest_below(values_BL, plan)
    for place, node in enumerate(DAG.nodes):
        below = [slot for slot, leaf in enumerate(DAG.leaves) if leaf == node or node in DAG.ancestors(leaf)]
        assert found_BN[:, place].tolist() == values_BL[:, below].min(1).values.tolist()


def test_no_image_gives_no_row():
    plan = compile_plan(DAG)
    assert smallest_below(torch.empty(0, plan.num_leaves), plan).shape == (0, plan.num_nodes)
