from __future__ import annotations

import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError, UnknownName
from hierclf.heads import FlatHead, PerNodeHead, SharedHead
from hierclf.settings import Settings
from hierclf.training import choose_backbone, fit_model, prepare_embeddings, prepare_images
from tests.synthetic import LETTERS, SHAPES, STRANGE, clouds, glyphs

DIVISION = {"keep": 0.95, "calibration_share": 0.15, "seed": 0}


@pytest.fixture(scope="module")
def letters():
    return prepare_embeddings(*clouds(), clouds("xyz", 5)[0], LETTERS, **DIVISION)


@pytest.fixture(scope="module")
def shapes():
    return prepare_images(*glyphs(count=15), glyphs(STRANGE, 5)[0], SHAPES, **DIVISION)


def fit_images(shapes, **settings):
    checked = Settings(**({"backbone": "small_cnn", "epochs": 2} | settings))
    backbone, _ = choose_backbone(shapes.images, checked)
    return fit_model(shapes, backbone, checked)


@pytest.mark.parametrize(("name", "kind"), [("flat", FlatHead), ("shared", SharedHead), ("per_node", PerNodeHead)])
def test_given_embeddings(letters, name, kind):
    fitted = fit_model(letters, None, Settings(head=name))
    model = fitted.model
    assert isinstance(model.head, kind)
    assert isinstance(model.baseline.head, FlatHead)
    assert (model.head is model.baseline.head) == (name == "flat")
    assert next(model.head.parameters()).dtype == torch.float64
    assert model.backbone is None
    assert torch.equal(fitted.embedding_nD, letters.images)
    assert torch.equal(fitted.other_mD, letters.other)
    assert (fitted.log, fitted.notes) == ([], ())
    assert not any(parameter.requires_grad for parameter in model.head.parameters())


def test_a_flat_head_with_weights_is_not_the_baseline(letters):
    model = fit_model(letters, None, Settings(head="flat", level_weights="uniform")).model
    assert model.head is not model.baseline.head
    assert not torch.equal(model.head.linear.weight, model.baseline.head.linear.weight)


def test_a_trained_backbone(shapes):
    fitted = fit_images(shapes)
    model = fitted.model
    assert [entry["epoch"] for entry in fitted.log] == [1, 2]
    assert next(model.head.parameters()).dtype == torch.float32
    assert model.backbone.frozen
    assert not model.backbone.training
    embedded = model.embed(shapes.images)
    torch.testing.assert_close(embedded.embedding_nD, fitted.embedding_nD)
    torch.testing.assert_close(model.embed(shapes.other).embedding_nD, fitted.other_mD)


def test_a_frozen_backbone_keeps_its_weights(shapes):
    settings = Settings(backbone="small_cnn", freeze=True)
    backbone, _ = choose_backbone(shapes.images, settings)
    before = {name: values.clone() for name, values in backbone.state_dict().items()}
    fitted = fit_model(shapes, backbone, settings)
    assert all(torch.equal(values, before[name]) for name, values in backbone.state_dict().items())
    assert fitted.log == []


@pytest.mark.parametrize(
    "settings",
    [
        {"embedding_loss": "supcon"},
        {"embedding_loss": "triplet_semihard", "head": "per_node"},
        {"class_weights": "oversample"},
        {"class_weights": "balanced", "augmentation": "glyphs"},
        {"class_weights": {"straight": 2.0}, "level_weights": [0.5, 1.0, 1.0]},
    ],
    ids=str,
)
def test_each_way_of_training_makes_a_model_that_decides(shapes, settings):
    model = fit_images(shapes, **settings).model
    (reading,) = list(model.readings(shapes.images.subset(range(10))))
    assert reading.node_log_probs_BN.isfinite().all()
    assert len(model.decide(reading)) == 10


def test_equal_settings_give_equal_models(shapes):
    first, second = (fit_images(shapes, seed=5).model for _ in range(2))
    assert torch.equal(first.head.linear.weight, second.head.linear.weight)
    assert torch.equal(first.gate.calibration_scores, second.gate.calibration_scores)


def test_names_are_checked_first(letters):
    with pytest.raises(UnknownName, match="no head named 'flet'; did you mean 'flat'"):
        fit_model(letters, None, Settings(head="flet"))
    with pytest.raises(ConfigError, match="unknown class 'vovel' in node_weights; did you mean 'vowel'"):
        fit_model(letters, None, Settings(node_weights={"vovel": 1.0}))


@pytest.mark.parametrize(
    "weights",
    [
        {"level_weights": [0]},
        {"level_weights": [1, 0]},  # the first is the gate's
        {"class_weights": {"vowel": 0, "consonant": 0}},
        {"class_weights": dict.fromkeys("aebc", 0)},
    ],
    ids=str,
)
def test_weights_that_leave_nothing_to_learn_from_are_refused(letters, weights):
    with pytest.raises(ConfigError, match="all weights are 0, so there is nothing to learn from"):
        fit_model(letters, None, Settings(**weights))


def test_the_plan_is_that_of_the_taxonomy(letters):
    model = fit_model(letters, None, Settings()).model
    assert model.plan.nodes == compile_plan(LETTERS).nodes
    assert model.taxonomy == LETTERS
