from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan, node_log_probs
from hierclf.decisions import Decisions, decide
from tests.conftest import DEEP_DAG, TWO_LEVEL


def memberships(taxonomy, favourite, strength):
    plan = compile_plan(taxonomy)
    logits = torch.zeros(1, plan.num_edges, dtype=torch.float64)
    for node in (*taxonomy.ancestors(favourite), favourite):
        logits[0, (plan.child_E == taxonomy.index(node)).nonzero()] += strength
    return plan, node_log_probs(logits, plan)


def decide_one(taxonomy, favourite, strength, p_value=0.5, **options):
    plan, log_probs_BN = memberships(taxonomy, favourite, strength)
    settings = {"rule": "threshold", "point": 0.9, "alpha": 0.05, "errors": {}} | options
    return decide(["a.jpg"], log_probs_BN, torch.tensor([p_value]), plan, **settings)[0]


def test_a_sure_image_is_known():
    decision = decide_one(TWO_LEVEL, "1", 8.0)
    assert (decision.status, decision.node, decision.leaf) == ("known", "1", "1")
    assert decision.route == ("character", "digit", "1")
    assert decision.probability == decision.leaf_probability > 0.99
    assert decision.reason == "recognised as 1: probability 1.00, p = 0.5"


def test_an_unsure_image_stops_at_the_meta_class():
    decision = decide_one(TWO_LEVEL, "digit", 8.0)
    assert (decision.status, decision.node) == ("ambiguous", "digit")
    assert decision.route == ("character", "digit")
    assert decision.reason == "stopped at digit: 0 0.33, 1 0.33"
    assert decision.leaf in {"0", "1", "2"}


def test_a_strange_image_is_turned_away_at_the_root():
    decision = decide_one(TWO_LEVEL, "1", 8.0, p_value=0.004)
    assert (decision.status, decision.node, decision.leaf) == ("other", "character", "1")
    assert decision.route == ("character",)
    assert decision.reason == "turned away at the root: p = 0.004 ≤ 0.05"


def test_the_p_value_that_equals_alpha_is_turned_away():
    assert decide_one(TWO_LEVEL, "1", 8.0, p_value=0.05).status == "other"
    assert decide_one(TWO_LEVEL, "1", 8.0, p_value=0.0501).status == "known"


def test_on_a_dag_the_route_takes_the_likeliest_parent():
    decision = decide_one(DEEP_DAG, "beagle", 8.0)
    assert decision.route in {("thing", "animal", "dog", "beagle"), ("thing", "pet", "dog", "beagle")}
    plan, log_probs_BN = memberships(DEEP_DAG, "robot", 2.0)
    log_probs_BN = log_probs_BN.clone()
    decision = decide(["x"], log_probs_BN, torch.tensor([0.5]), plan, rule="leaf", point=0.0, alpha=0.05, errors={})[0]
    assert decision.route == ("thing", "pet", "robot")


def test_an_unreadable_image_is_a_row_with_an_error():
    decision = decide_one(TWO_LEVEL, "1", 8.0, errors={0: "not an image"})
    assert (decision.status, decision.error) == ("", "not an image")
    record = decision.to_record()
    assert record["error"] == "not an image"
    assert record["node"] is record["probability"] is record["p_value"] is record["status"] is None


def test_columns_records_and_slices():
    one, two = decide_one(TWO_LEVEL, "1", 8.0), decide_one(TWO_LEVEL, "a", 8.0, p_value=0.01)
    decisions = Decisions([one, two])
    assert decisions.status.tolist() == ["known", "other"]
    assert decisions.node.tolist() == ["1", "character"]
    assert decisions.leaf.tolist() == ["1", "a"]
    np.testing.assert_allclose(decisions.p_value, [0.5, 0.01])
    assert decisions.route[0] == ("character", "digit", "1")
    assert decisions[1] is two
    assert decisions[-1:].status.tolist() == ["other"]
    assert decisions[np.array([True, False])].leaf.tolist() == ["1"]
    assert len(decisions + decisions) == 4
    assert repr(decisions) == "<Decisions on 2 images: 1 known, 1 other>"
    assert json.loads(json.dumps(decisions.to_records(), allow_nan=False))[0]["route"] == ["character", "digit", "1"]
    assert len(Decisions([]).probability) == 0
    with pytest.raises(IndexError):
        decisions[2]
