from __future__ import annotations

from dataclasses import replace

import pytest

from hierclf import HierarchicalClassifier, Taxonomy
from hierclf.model_card import head_name, model_card
from tests.synthetic import LETTERS, SHAPES, clouds, glyphs


@pytest.fixture(scope="module")
def model():
    return HierarchicalClassifier(LETTERS, keep=0.9).fit(*clouds()).model_


def test_it_states_the_promise_and_the_operating_point(model):
    card = model_card(model, ["Something was assumed,\nover two lines."])
    assert card.startswith("# letter: a hierclf model\n")
    assert "Recognises 4 classes on 2 levels: a, e, b, c." in card
    assert "- At most 10 % of known images are turned away (calibrated on " in card
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


def test_a_backbone_is_named():
    fitted = HierarchicalClassifier(SHAPES, backbone="small_cnn", epochs=1).fit(*glyphs(count=5))
    assert "- Backbone: small_cnn, weights random" in model_card(fitted.model_)
    assert 'model.predict(["picture.jpg"])' in model_card(fitted.model_)


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
