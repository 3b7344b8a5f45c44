from __future__ import annotations

import pytest
import torch
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from hierclf.errors import ConfigError
from hierclf.gates import build_score, load_score
from tests.gates.synthetic import known_images, unknown_images


@pytest.fixture
def known(generator):
    return known_images(generator)


@pytest.fixture
def new(generator):
    return unknown_images(generator, 40)


def test_support_vectors_equal_those_of_scikit_learn(known, new, generator):
    model = OneClassSVM(nu=0.2, gamma="scale").fit(known.embedding_BD.double().numpy())
    expected = -torch.from_numpy(model.decision_function(new.embedding_BD.double().numpy()))
    measured = build_score("one_class_svm", nu=0.2).fit(known, generator)(new)
    torch.testing.assert_close(measured, expected, rtol=2e-2, atol=1e-3)


def test_isolation_trees_equal_those_of_scikit_learn(known, new):
    measured = build_score("isolation_forest", trees=20).fit(known, torch.Generator().manual_seed(4))(new)
    seed = int(torch.randint(2**31, (), generator=torch.Generator().manual_seed(4)))
    model = IsolationForest(n_estimators=20, random_state=seed).fit(known.embedding_BD.numpy())
    torch.testing.assert_close(measured, -torch.from_numpy(model.score_samples(new.embedding_BD.numpy())))


@pytest.mark.parametrize("neighbours", [5, 1000])
def test_local_density_equals_that_of_scikit_learn(neighbours, known, new, generator):
    model = LocalOutlierFactor(min(neighbours, len(known) - 1), novelty=True).fit(known.embedding_BD.double().numpy())
    expected = -torch.from_numpy(model.score_samples(new.embedding_BD.double().numpy()))
    measured = build_score("lof", neighbours=neighbours).fit(known, generator)(new)
    torch.testing.assert_close(measured, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [("one_class_svm", {"nu": 0.0}), ("isolation_forest", {"trees": 0}), ("lof", {"neighbours": 0})],
)
def test_settings_out_of_range_are_refused(name, options):
    with pytest.raises(ConfigError, match="expected"):
        build_score(name, **options)


def test_trees_that_run_in_circles_still_end(known, new, generator):
    learnt = build_score("isolation_forest", trees=3).fit(known, generator).tensors()
    circles = learnt | {"left": torch.zeros_like(learnt["left"]) + 1, "right": torch.zeros_like(learnt["right"])}
    assert load_score("isolation_forest", {"trees": 3}, circles)(new).isfinite().all()
