from collections import Counter

import numpy as np
import pytest

from hierclf import evaluate
from hierclf.strategies import strategies
from tests.strategies.conftest import SIGNS, SMALL

BADLY = {"svm_linear", "svm_linear_per_class", "svm_rbf"}
"""They may notice little here: a plane lies between known images and the origin, and to one Gaussian machine for all
classes whatever lies between the classes is inside."""


@pytest.mark.parametrize("name", strategies)
def test_every_recipe_recognises_the_known_and_turns_others_away(name, fitted, fresh):
    for module in strategies[name].requires:
        pytest.importorskip(module)
    decisions = fitted(name).predict(fresh)
    assert np.mean(decisions.leaf[:120] == np.array(fresh.labels[:120])) > 0.9
    assert np.mean(decisions.status[:120] == "other") < 0.3, "the promise, on few calibration images"
    if name not in BADLY:
        assert np.mean(decisions.status[120:] == "other") > 0.5
    assert fitted(name).taxonomy_ == SIGNS


def test_titles_tell_the_recipes_apart():
    titles = [strategies[name].title for name in strategies]
    assert len(set(titles)) == len(titles)


def test_strategies_that_differ_after_the_training_share_a_network():
    shared = Counter(strategies[name].training_key for name in strategies)
    alone = shared.pop(None)
    assert alone == 5, "each kind of class 'other' is a training of its own"
    flat = [name for name in strategies if strategies[name].training_key == strategies["flat_msp"].training_key]
    assert {"flat_max_logit", "knn", "svm_rbf", "hiclass", "ood_best", "nbdt_hard", "discovered_soft"} <= set(flat)
    for one, two in (("contrastive_svm", "contrastive_knn"), ("declared_hard", "declared_soft")):
        assert strategies[one].training_key == strategies[two].training_key
    assert len(shared) + alone == 16, "so many trainings for all strategies"


@pytest.mark.parametrize("name", ["flat_msp", "declared_hard", "nbdt_hard", "discovered_soft", "hiclass"])
def test_what_comes_out_is_saved_and_loaded_like_any_other(name, fitted, fresh, tmp_path):
    for module in strategies[name].requires:
        pytest.importorskip(module)
    model = fitted(name)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.p_value(fresh), model.p_value(fresh))
    assert loaded.predict(fresh).to_records() == model.predict(fresh).to_records()


def test_an_evaluation_counts_the_leaf_that_a_hard_route_ends_at(fitted, fresh):
    model = fitted("declared_hard")
    known = fresh.subset(np.arange(120))
    report = evaluate(model, known)
    assert report.metrics["leaf_accuracy"] == np.mean(model.predict(known).leaf == np.array(known.labels))


def test_strategies_fit_without_a_taxonomy(known, other):
    for name in ("flat_msp", "flat_other_class"):
        model = strategies[name].but(**{**SMALL, "epochs": 1}).fit(None, known, other=other)
        assert set(model.taxonomy_.leaves) == set(SIGNS.leaves)


@pytest.mark.parametrize("name", [name for name in strategies if name != "hierclf"])
def test_what_others_do_does_not_follow_our_defaults(name):
    settings = strategies[name].settings
    assert "embedding_loss" in settings
    assert "gate" in settings or not strategies[name].gate_is_free
