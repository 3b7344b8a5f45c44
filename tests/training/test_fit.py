from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.errors import ConfigError, UnknownName
from hierclf.heads import FlatHead, PerNodeHead, SharedHead
from hierclf.losses import label_weights
from hierclf.settings import Settings
from hierclf.training import choose_backbone, fit_model, prepare_embeddings, prepare_images
from hierclf.training.fitted_heads import heads_on
from hierclf.training.temperature import fitted_temperature, tempered
from tests.synthetic import LETTERS, SHAPES, STRANGE, clouds, glyphs

DIVISION = {"keep": 0.95, "calibration_share": 0.15, "seed": 0}
FAVOUR = {"favour": "e", "favour_precision": 0.3}


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


@pytest.fixture(scope="module")
def uneven():
    """Vowels that overlap, one of them rare."""
    values, labels = clouds(count=200, spread=6.0, seed=3)
    kept = (labels != "e") | (np.arange(len(labels)) % 4 == 0)
    return prepare_embeddings(values[kept], labels[kept], None, LETTERS, **DIVISION)


def recall_of(fitted, node, values, labels):
    """Share of a node's images whose likeliest leaf lies below it."""
    plan = fitted.model.plan
    reading = fitted.model.read(torch.from_numpy(values))
    leaf_B = plan.leaf_L[reading.node_log_probs_BN[:, plan.leaf_L].argmax(1)].tolist()
    said = np.array([plan.nodes[leaf] == node or node in LETTERS.ancestors(plan.nodes[leaf]) for leaf in leaf_B])
    of_node = np.array([label == node or node in LETTERS.ancestors(label) for label in labels])
    return said[of_node].mean()


@pytest.mark.parametrize("name", ["flat", "shared", "per_node"])
def test_a_favoured_class_is_found_more_often_in_new_images(uneven, name):
    plain, favoured = (fit_model(uneven, None, Settings(head=name, **more)) for more in ({}, FAVOUR))
    assert plain.favoured is None
    told = favoured.favoured
    assert told.factor > 1
    assert told.images == len(uneven.parts.fit) + len(uneven.parts.tune)
    assert told.sentence in favoured.notes
    new = clouds(count=400, spread=6.0, seed=4)
    before, after = (recall_of(fitted, "e", *new) for fitted in (plain, favoured))
    assert after > before + (0.02 if name == "per_node" else 0.05)  # which raises it among its siblings only
    assert after == pytest.approx(told.recall_after, abs=0.15)
    assert torch.equal(plain.model.baseline.head.linear.bias, favoured.model.baseline.head.linear.bias)
    assert torch.equal(plain.model.head.linear.weight, favoured.model.head.linear.weight)


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_factor_that_is_told_is_that_of_the_odds(uneven, temperature):
    plain, favoured = (fit_model(uneven, None, Settings(temperature=temperature, **more)) for more in ({}, FAVOUR))
    told, places = favoured.favoured, uneven.parts.calibration
    assert told.factor != 1
    odds = []
    for fitted in (plain, favoured):
        rows = fitted.embedding_nD[torch.from_numpy(places)]
        share = fitted.model.read(rows).node_log_probs_BN.exp()[:, LETTERS.index("e")].double()
        odds.append(share / (1 - share))
    torch.testing.assert_close(odds[1], told.factor * odds[0])


def test_a_favoured_meta_class(uneven):
    fitted = fit_model(uneven, None, Settings(favour="vowel", favour_precision=0.55))
    assert fitted.favoured.recall_after > fitted.favoured.recall_before
    assert {payer.name for payer in fitted.favoured.payers} <= {"b", "c"}


def test_the_gate_is_calibrated_on_the_favouring_head(uneven):
    fitted = fit_model(uneven, None, Settings(gate=["msp"], node_gates="none", keep=0.9, **FAVOUR))
    rows = torch.from_numpy(uneven.parts.calibration)
    scores = fitted.model.read(fitted.embedding_nD[rows]).unknown_score_B
    torch.testing.assert_close(scores.sort().values, fitted.model.gate.calibration_scores.sort().values)


def test_with_a_trained_backbone_only_the_part_for_choices_is_asked(shapes):
    plain, favoured = (fit_images(shapes, **more) for more in ({}, {"favour": "straight", "favour_precision": 0.3}))
    told = favoured.favoured
    assert told.images == len(shapes.parts.tune)
    apart = favoured.model.head.linear.bias - plain.model.head.linear.bias
    place = SHAPES.index("straight") - 1  # a shared head has no output for the root
    assert apart[place].item() == pytest.approx(math.log(told.factor), abs=1e-5)
    assert torch.equal(favoured.model.head.linear.weight, plain.model.head.linear.weight)


def test_a_head_that_is_fitted_on_finished_features_is_asked_before_it_saw_the_part_for_choices(shapes):
    fitted = fit_images(
        shapes, embedding_loss="supcon", classification_weight=0, favour="straight", favour_precision=0.3
    )
    assert fitted.favoured.images == len(shapes.parts.tune)
    assert fitted.earlier is not None
    assert fitted.trained


def test_who_may_be_favoured(letters):
    with pytest.raises(ConfigError, match="unknown class 'vovel' in favour; did you mean 'vowel'"):
        fit_model(letters, None, Settings(favour="vovel"))
    with pytest.raises(ConfigError, match="favour='letter' is the root"):
        fit_model(letters, None, Settings(favour="letter"))


def test_the_head_of_a_trained_backbone_is_fitted_anew_on_its_finished_features(shapes):
    along, anew = (fit_images(shapes, refit_head=refit, temperature=1.0, seed=3) for refit in (False, True))
    torch.testing.assert_close(along.embedding_nD, anew.embedding_nD)
    assert along.earlier is None
    assert anew.earlier is not None
    plan = compile_plan(SHAPES)
    weight_NK = label_weights(plan, "leaf")
    by_hand = heads_on("shared", anew.embedding_nD, shapes, Settings(seed=3), plan, weight_NK)
    assert torch.equal(anew.model.head.linear.weight, by_hand.head.linear.weight)
    assert torch.equal(anew.earlier.linear.weight, by_hand.earlier.linear.weight)
    assert not torch.equal(along.model.head.linear.weight, anew.model.head.linear.weight)


@pytest.mark.parametrize("name", ["shared", "flat"])
def test_the_baseline_is_as_sure_as_a_head_of_its_own_would_be(uneven, name):
    plan = compile_plan(LETTERS)
    plain = heads_on("flat", uneven.images, uneven, Settings(), plan, label_weights(plan, "leaf"))
    tune = torch.from_numpy(uneven.parts.tune)
    own = fitted_temperature(plain.earlier, uneven.images[tune], torch.from_numpy(uneven.label_n)[tune])
    assert abs(own - 1) > 0.05
    for setting, temperature in (("auto", own), (2.0, 2.0), (1.0, 1.0)):
        model = fit_model(uneven, None, Settings(head=name, temperature=setting)).model
        expected = tempered(plain.head, temperature)
        torch.testing.assert_close(model.baseline.head.linear.weight, expected.linear.weight)
        torch.testing.assert_close(model.baseline.head.linear.bias, expected.linear.bias)
        assert (model.baseline.head is model.head) == (name == "flat")


@pytest.mark.parametrize("more", [{}, {"freeze": True, "projection": 6}], ids=str)
def test_what_images_of_other_have_taught_the_head_is_not_fitted_away(shapes, more):
    taught = fit_images(shapes, other_loss="entropic", **more)
    kept = fit_images(shapes, other_loss="entropic", refit_head=False, **more)
    assert taught.earlier is None
    assert torch.equal(taught.model.head.linear.weight, kept.model.head.linear.weight)
    alone = dataclasses.replace(shapes, other=None, kind_m=None)
    assert fit_images(alone, other_loss="entropic", **more).earlier is not None  # nothing has taught it
    assert fit_images(shapes, other_loss="entropic", other_weight=0, **more).earlier is not None


def test_what_negatives_have_taught_the_head_is_not_fitted_away(shapes, monkeypatch):
    monkeypatch.setattr("hierclf.training.negatives.MOST_SURVIVORS", 1.0)
    alone = dataclasses.replace(shapes, other=None, kind_m=None)
    fitted = fit_images(alone, other_loss="entropic", negatives=["shuffled_4x4"])
    assert any("Learnt from negatives" in note for note in fitted.notes)
    assert fitted.earlier is None


def test_a_head_that_learns_one_against_the_rest_stays_as_it_was_trained(shapes):
    fitted = fit_images(shapes, loss="one_vs_rest", level_weights="leaf")
    assert fitted.earlier is None
