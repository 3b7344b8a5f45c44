from __future__ import annotations

from dataclasses import replace

import pytest

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.decisions.decisions import STATUSES
from hierclf.gates import BothSides, Confident, Detection, Unbound
from hierclf.model_card import ANSWERS, head_name, model_card
from tests.synthetic import LETTERS, SHAPES, clouds, glyphs


@pytest.fixture(scope="module")
def model():
    return HierarchicalClassifier(LETTERS, keep=0.9).fit(*clouds()).model_


def test_it_states_the_promise_and_the_operating_point(model):
    card = model_card(model, ["Something was assumed,\nover two lines."])
    assert card.startswith("# letter: a hierclf model\n")
    assert "Recognises 4 classes on 2 levels: a, e, b, c." in card
    assert "- At most 10 % of known images are turned away on the whole way from the root to a leaf" in card
    assert "by all 3 gates together (calibrated on " in card
    assert "at least 95 % of the answers of the rule `threshold` are the right class or one of its ancestors" in card
    assert f"- Operating point: rule threshold at {model.operation.point:.6g}\n" in card
    assert f"an image is turned away above a score of {model.gate.threshold:.6g}" in card
    assert "- Head: shared" in card
    assert "- Backbone: none; it reads embeddings of 8 numbers" in card
    assert "- Something was assumed, over two lines.\n" in card


def test_it_promises_nothing_that_was_not_promised(model):
    card = model_card(replace(model, gate=None, operation=replace(model.operation, rule="leaf", correct=None)))
    assert "- It has no gate: nothing is turned away." in card
    assert "- The rule `leaf` answers without a promise about correctness." in card
    assert "At most" not in card
    assert "Promises are about" not in card
    assert "- `other`" not in card


def test_each_promise_is_told_in_its_own_words(model):
    scores = model.gate.calibration_scores
    sure = model.gate.guaranteed(Confident(keep=0.9, scores=scores, confidence=0.9))
    assert "- With 90 % confidence, at most 10 % of known images are turned away by this very model" in model_card(
        replace(model, gate=sure)
    )
    unbound = model_card(replace(model, gate=model.gate.guaranteed(Unbound(keep=0.9, scores=scores))))
    assert "- Nothing is promised: an image is turned away where it most likely belongs to none" in unbound


def test_it_lists_the_answers_that_the_model_can_give(model):
    card = model_card(model)
    assert "- `novel_child`: under this meta-class, but none of its known children\n" in card
    assert "- `uncertain`" not in card
    scores = model.gate.calibration_scores
    both = BothSides(keep=0.9, scores=scores, other=scores + 9)
    assert "- `uncertain`: too strange to be sure of" in model_card(replace(model, gate=model.gate.guaranteed(both)))


def test_it_tells_how_well_newcomers_should_be_noticed(model):
    told = {"scores": ("knn", "gen"), "standard_error": 0.0125, "children": 3}
    found = tuple(
        Detection(node=node, auroc=auroc, **told) for node, auroc in (("b|c", 0.9), ("d", 0.8), ("letter", 1))
    )
    card = model_card(replace(model, gate=replace(model.gate, detections=found)))
    table = card[card.index("| node |") :].split("\n\n")[0].splitlines()
    assert [row.split(" | ")[0] for row in table[2:]] == ["| letter", "| d", "| b\\|c"]
    assert table[3] == "| d | 3 | 0.80 ± 0.01 | knn + gen |"
    assert "It is an estimate and no promise" in card
    assert "newcomers" not in model_card(replace(model, gate=replace(model.gate, detections=())))


def test_a_long_list_of_nodes_is_cut(model):
    told = {"scores": ("knn",), "standard_error": 0.0, "children": 3, "auroc": 0.9}
    found = tuple(Detection(node=f"node {number}", **told) for number in range(103))
    card = model_card(replace(model, gate=replace(model.gate, detections=found)))
    assert card.count("| node ") == 101
    assert "\n… and 3 more, in model.json.\n" in card


def test_the_answers_are_all_statuses():
    assert [status for status, _ in ANSWERS] == list(STATUSES)


def test_a_backbone_is_named():
    fitted = HierarchicalClassifier(SHAPES, backbone="small_cnn", epochs=1).fit(*glyphs(count=5))
    assert "- Backbone: small_cnn, weights random" in model_card(fitted.model_)
    assert 'model.predict(["picture.jpg"])' in model_card(fitted.model_)


def test_a_projection_is_named():
    settings = {"backbone": "small_cnn", "freeze": True, "projection": 4, "epochs": 1}
    fitted = HierarchicalClassifier(SHAPES, **settings).fit(*glyphs(count=5))
    assert "- Projection: a trained layer of 4 numbers on its frozen features" in model_card(fitted.model_)


def test_names_cannot_pass_for_markup():
    hostile = Taxonomy.from_edges({"<script>": ["`x`", "<b>"]})
    values, labels = clouds(["`x`", "<b>"])
    card = model_card(HierarchicalClassifier(hostile).fit(values, labels).model_)
    assert "<script>" not in card
    assert "<b>" not in card
    assert "'x', &lt;b>" in card


@pytest.mark.parametrize("head", ["flat", "shared", "per_node"])
def test_heads_know_their_names(head):
    assert head_name(HierarchicalClassifier(LETTERS, head=head, gate="none").fit(*clouds(count=10)).model_.head) == head
