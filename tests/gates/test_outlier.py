from __future__ import annotations

import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hierclf.errors import ConfigError, DataError
from hierclf.gates import Evidence, build_score
from hierclf.gates.outlier import logistic, merged
from tests.gates.synthetic import auroc, known_images, unknown_images


def test_two_sides_equal_a_balanced_logistic_regression(generator):
    known, other, new = known_images(generator, 90), unknown_images(generator, 30), known_images(generator, 20)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1 / (0.1 * 120), class_weight="balanced", tol=1e-8))
    rows = torch.cat([known.embedding_BD, other.embedding_BD]).double().numpy()
    model.fit(rows, [0] * 90 + [1] * 30)
    expected = torch.from_numpy(model.decision_function(new.embedding_BD.double().numpy()))
    measured = build_score("outlier", known_as="one", penalty=0.1).fit(known, generator, other)(new)
    torch.testing.assert_close(measured, expected, rtol=1e-3, atol=1e-3)


def test_the_objective_is_the_stated_one(generator):
    rows = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    target, balance = torch.arange(40) % 3, torch.rand(40, generator=generator, dtype=torch.float64) + 0.1

    def objective(flat):
        weight, bias = torch.from_numpy(flat[:9]).reshape(3, 3), torch.from_numpy(flat[9:])
        log_p = (rows @ weight.T + bias).log_softmax(1)[torch.arange(40), target]
        return float(-(balance * log_p).sum() / balance.sum() + 0.2 * weight.square().sum() / 2)

    weight, bias = logistic(rows, target, balance, 0.2)
    best = minimize(objective, torch.zeros(12, dtype=torch.float64).numpy(), tol=1e-10).fun
    assert objective(torch.cat([weight.flatten(), bias]).numpy()) == pytest.approx(best, abs=1e-5)


def test_classes_on_their_own_see_what_one_plane_cannot(generator):
    """Known on both sides of other: no plane parts them, but two known classes do."""
    label_B = torch.arange(200) % 2
    known_BD = (8.0 * label_B - 4)[:, None] + 0.5 * torch.randn(200, 2, generator=generator)
    other_BD = 0.5 * torch.randn(100, 2, generator=generator)
    known, other = Evidence(known_BD, torch.zeros(200, 2), label_B), Evidence(other_BD, torch.zeros(100, 2))
    apart, together = (build_score("outlier", known_as=how).fit(known, generator, other) for how in ("classes", "one"))
    assert auroc(apart(known), apart(other)) > 0.99
    assert auroc(together(known), together(other)) < 0.8


def test_kinds_of_other_are_read_from_the_labels(generator):
    known, other = known_images(generator, 80), unknown_images(generator, 30)
    kinds = Evidence(other.embedding_BD, other.logits_BC, torch.arange(30) % 3)
    fitted = build_score("outlier", other_as="kinds").fit(known, generator, kinds)
    assert fitted.learnt["is_other"].tolist() == [False] * 4 + [True] * 3


def test_one_image_of_other_is_enough_to_start(generator):
    fitted = build_score("outlier").fit(known_images(generator), generator, unknown_images(generator, 1))
    assert auroc(fitted(known_images(generator)), fitted(unknown_images(generator))) > 0.9


def test_many_classes_are_merged_by_nearness(generator):
    label_B = torch.arange(120) % 12
    rows = 10.0 * (label_B % 3)[:, None] + 0.1 * torch.randn(120, 2, generator=generator, dtype=torch.float64)
    group_B = merged(label_B, rows, 3, seed=0)
    assert group_B.unique().tolist() == [0, 1, 2]
    assert all(group_B[label_B % 3 == place].unique().numel() == 1 for place in range(3))


def test_without_other_it_is_refused(generator):
    with pytest.raises(DataError, match="needs images of other to learn from, got none"):
        build_score("outlier").fit(known_images(generator), generator)


@pytest.mark.parametrize("options", [{"penalty": 0.0}, {"known_as": "many"}, {"other_as": "classes"}, {"groups": 0}])
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="expected"):
        build_score("outlier", **options)
