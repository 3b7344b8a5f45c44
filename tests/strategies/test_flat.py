import numpy as np
import pytest

from hierclf.strategies import strategies
from hierclf.strategies.flat import RECIPES


@pytest.mark.parametrize(("name", "score"), [("flat_msp", "msp"), ("flat_max_logit", "max_logit"), ("knn", "knn")])
def test_the_rows_differ_in_what_the_threshold_is_on(name, score, fitted, fresh):
    model = fitted(name)
    assert [part.name for part in model.model_.gate.parts] == [score]
    assert model.model_.gate.nodes is None, "one gate, at the root"
    np.testing.assert_array_equal(model.predict_proba(fresh), fitted("flat_msp").predict_proba(fresh))
    answered = set(model.predict(fresh).node)
    assert answered <= {*model.taxonomy_.leaves, model.taxonomy_.root}, "a leaf, or turned away at the root"


def test_msp_is_minus_the_largest_probability(fitted, fresh):
    model = fitted("flat_msp")
    score = model.read(fresh).components["msp"].numpy()
    np.testing.assert_allclose(score, -model.predict_proba(fresh).max(1), atol=1e-9)


def test_none_of_them_learns_from_images_of_other():
    assert not any(strategies[name].uses_other for name in RECIPES)
