"""Against counting image by image, with dicts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.weights.measures import measure
from hierclf.dag import compile_plan, membership_of_leaves
from hierclf.taxonomy import Taxonomy
from tests.conftest import DIAMOND

TREE = Taxonomy.from_edges({"upper": ["shirt", "coat"], "lower": ["skirt", "shorts"]}, root="clothing")


def answers(taxonomy, count=60, seed=0):
    """Log memberships of random leaf probabilities, and true leaves that they lean towards."""
    plan = compile_plan(taxonomy)
    source = np.random.default_rng(seed)
    slot_B = source.integers(0, plan.num_leaves, count)
    logits_BL = source.normal(size=(count, plan.num_leaves))
    logits_BL[np.arange(count), slot_B] += 1.0
    log_probs_BN = membership_of_leaves(torch.from_numpy(logits_BL).log_softmax(1), plan).clamp(max=0.0)
    return log_probs_BN, plan.leaf_L.numpy()[slot_B], plan


def within(taxonomy, leaf, node):
    return leaf == node or node in taxonomy.ancestors(leaf)


@pytest.mark.parametrize("taxonomy", [TREE, DIAMOND], ids=lambda one: one.root)
def test_shares_are_those_of_counting_one_by_one(taxonomy):
    log_probs_BN, truth_B, plan = answers(taxonomy)
    nodes = [node for node in taxonomy.nodes if node != taxonomy.root]
    found = measure(log_probs_BN, truth_B, plan, nodes)
    rows = [dict(zip(plan.nodes, row, strict=True)) for row in log_probs_BN.numpy()]
    said = [max(taxonomy.leaves, key=row.get) for row in rows]
    true = [plan.nodes[place] for place in truth_B]
    assert found["leaf_accuracy"] == pytest.approx(np.mean([a == b for a, b in zip(said, true, strict=True)]))
    for leaf, recall in found["recalls"].items():
        assert recall == pytest.approx(np.mean([a == b for a, b in zip(said, true, strict=True) if b == leaf]))
    assert found["worst_class_recall"] == min(found["recalls"].values())
    assert found["balanced_accuracy"] == pytest.approx(np.mean(list(found["recalls"].values())))
    for place, node in enumerate(nodes):
        pairs = [
            (within(taxonomy, a, node), within(taxonomy, b, node), a == b) for a, b in zip(said, true, strict=True)
        ]
        both = sum(a and b for a, b, _ in pairs)
        assert found[f"recall_{place}"] == pytest.approx(both / sum(b for _, b, _ in pairs))
        assert found[f"precision_{place}"] == pytest.approx(both / sum(a for a, _, _ in pairs))
        rest = [right for _, b, right in pairs if not b]
        assert found[f"others_{place}"] == (pytest.approx(np.mean(rest)) if rest else None)


def test_levels_above_the_classes_are_told():
    log_probs_BN, truth_B, plan = answers(TREE)
    found = measure(log_probs_BN, truth_B, plan, [])
    rows = [dict(zip(plan.nodes, row, strict=True)) for row in log_probs_BN.numpy()]
    above = [max(("upper", "lower"), key=row.get) for row in rows]
    true = [TREE.parents(plan.nodes[place])[0] for place in truth_B]
    assert found["accuracy_level_1"] == pytest.approx(np.mean([a == b for a, b in zip(above, true, strict=True)]))
    assert "accuracy_level_2" not in found


def test_what_is_undefined_is_none():
    plan = compile_plan(TREE)
    log_probs_BN = torch.full((2, plan.num_nodes), -50.0, dtype=torch.float64)
    log_probs_BN[:, TREE.index("coat")] = 0.0
    found = measure(log_probs_BN, np.array([TREE.index("coat")] * 2), plan, ["shirt", "coat"])
    assert found["severity"] is None
    assert (found["recall_0"], found["precision_0"], found["others_0"]) == (None, None, 1.0)
    assert (found["recall_1"], found["precision_1"], found["others_1"]) == (1.0, 1.0, None)
