import numpy as np

from hierclf.strategies import strategies
from hierclf.strategies.metric import RECIPES


def test_six_rows_on_features_that_no_classification_loss_has_shaped():
    alone = {name: strategies[name] for name in RECIPES if not name.startswith("second_")}
    assert len(alone) == 6
    assert all(strategy.settings["classification_weight"] == 0 for strategy in alone.values())
    losses = {strategy.settings["embedding_loss"] for strategy in alone.values()}
    assert losses == {"contrastive", "triplet_semihard", "supcon"}


def test_the_second_objective_hangs_beside_the_classification_loss():
    for name in ("second_triplet_msp", "second_triplet_knn"):
        settings = strategies[name].settings
        assert (settings["embedding_loss"], settings["embedding_weight"]) == ("triplet_semihard", 1.0)
        assert "classification_weight" not in settings


def test_features_shaped_by_different_losses_differ(fitted, fresh):
    one, two, three = (fitted(name).embed(fresh) for name in ("supcon_knn", "triplet_knn", "flat_msp"))
    assert not np.allclose(one, two)
    assert not np.allclose(one, three)
    np.testing.assert_array_equal(one, fitted("supcon_svm").embed(fresh))
