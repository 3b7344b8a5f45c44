from __future__ import annotations

import math

import pytest
import torch
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from hierclf.errors import ConfigError
from hierclf.gates import Evidence, build_score, load_score
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


def decision(vectors, rows, *, kernel, nu=0.2):
    """Signed distance to the surface of scikit-learn's machine, in the space of its kernel, outside positive."""
    model = OneClassSVM(nu=nu, gamma="scale", kernel=kernel).fit(vectors)
    support, weight = model.support_vectors_, model.dual_coef_[0]
    if kernel == "linear":
        gram = support @ support.T
    else:
        gamma = 1 / (vectors.shape[1] * vectors.var())
        gram = [[math.exp(-gamma * ((a - b) ** 2).sum()) for b in support] for a in support]
    return -model.decision_function(rows), math.sqrt(weight @ gram @ weight)


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_one_machine_equals_that_of_scikit_learn(kernel, known, new, generator):
    expected, _ = decision(known.embedding_BD.double().numpy(), new.embedding_BD.double().numpy(), kernel=kernel)
    measured = build_score("one_class_svm", nu=0.2, kernel=kernel).fit(known, generator)(new)
    torch.testing.assert_close(measured, torch.from_numpy(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_a_machine_per_class_gives_the_least_distance_over_the_classes(kernel, known, new, generator):
    known = Evidence(known.embedding_BD, known.logits_BC, known.label_B.clone())
    known.label_B[:3] = -1  # labelled at an internal node: of no class
    distances = []
    for label in range(int(known.label_B.max()) + 1):
        own = known.embedding_BD[known.label_B == label].double().numpy()
        outside, length = decision(own, new.embedding_BD.double().numpy(), kernel=kernel)
        distances.append(torch.from_numpy(outside / length))
    score = build_score("one_class_svm", nu=0.2, kernel=kernel, per_class=True).fit(known, generator)
    torch.testing.assert_close(score(new), torch.stack(distances).amin(0), rtol=1e-6, atol=1e-6)
    loaded = load_score("one_class_svm", {"nu": 0.2, "kernel": kernel, "per_class": True}, score.tensors())
    torch.testing.assert_close(loaded(new), score(new))


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("per_class", [False, True])
def test_classes_with_one_image_or_equal_images_have_a_score(kernel, per_class, generator):
    embedding_BD = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [3.0, 3.0]])
    known = Evidence(embedding_BD, torch.zeros(4, 3), torch.tensor([0, 1, 1, 2]))
    score = build_score("one_class_svm", kernel=kernel, per_class=per_class).fit(known, generator)
    assert score(known).isfinite().all()


def test_images_of_no_class_teach_one_machine(known, new, generator):
    parts = known.embedding_BD, known.logits_BC
    one, *others = (
        build_score("one_class_svm_per_class").fit(Evidence(*parts, label_B), generator)(new)
        for label_B in (torch.zeros(len(known), dtype=torch.int64), torch.full((len(known),), -1), None)
    )
    for other in others:
        torch.testing.assert_close(other, one)


def test_a_machine_per_class_has_a_name_of_its_own(known, new, generator):
    named = build_score("one_class_svm_per_class", nu=0.2).fit(known, generator)
    torch.testing.assert_close(
        named(new), build_score("one_class_svm", per_class=True, nu=0.2).fit(known, generator)(new)
    )
    with pytest.raises(ConfigError, match="kernel as 'rbf' or 'linear'"):
        build_score("one_class_svm", kernel="cubic")
