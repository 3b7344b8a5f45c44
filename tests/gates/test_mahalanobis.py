from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf

from hierclf.errors import ConfigError
from hierclf.gates import Evidence, build_score
from hierclf.gates.mahalanobis import shrunk_covariance, whitening

NAMES = ("mahalanobis", "mahalanobis++", "relative_mahalanobis++")


@pytest.fixture
def known(generator):
    mixing_DD = torch.randn(8, 8, generator=generator, dtype=torch.float64)
    label_B = torch.arange(150) % 5
    centre_CD = 3 * torch.randn(5, 8, generator=generator, dtype=torch.float64)
    embedding_BD = 2 + centre_CD[label_B] + torch.randn(150, 8, generator=generator, dtype=torch.float64) @ mixing_DD
    return Evidence(embedding_BD, torch.zeros(150, 5), label_B)


@pytest.fixture
def new(generator):
    return Evidence(4 * torch.randn(30, 8, generator=generator, dtype=torch.float64), torch.zeros(30, 5))


def slow_distance(train, label, test, *, relative=False):
    """Through scikit-learn's covariance and scipy's distances."""
    means = np.stack([train[label == one].mean(0) for one in np.unique(label[label >= 0])])
    deviations = np.concatenate(
        [train[label == one] - train[label == one].mean(0) for one in np.unique(label[label >= 0])]
    )
    precision = np.linalg.inv(LedoitWolf(assume_centered=True).fit(deviations).covariance_)
    distance = (cdist(test, means, "mahalanobis", VI=precision) ** 2).min(1)
    if relative:
        pooled = LedoitWolf().fit(train)
        distance -= pooled.mahalanobis(test)
    return distance


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("name", NAMES)
def test_distances_equal_those_of_scikit_learn_and_scipy(name, known, new, generator):
    change = (lambda rows: rows) if name == "mahalanobis" else unit
    train, test, label = change(known.embedding_BD.numpy()), change(new.embedding_BD.numpy()), known.label_B.numpy()
    expected = slow_distance(train, label, test, relative=name.startswith("relative"))
    measured = build_score(name).fit(known, generator)(new)
    torch.testing.assert_close(measured, torch.from_numpy(expected), rtol=1e-7, atol=1e-7)


def test_distances_equal_those_of_pytorch_ood(known, new, generator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_ood.detector import RMD, Mahalanobis
    plain = (
        Mahalanobis(None)
        .fit_features(known.embedding_BD.float(), known.label_B)
        .predict_features(new.embedding_BD.float())
    )
    measured = build_score("mahalanobis", shrinkage=0.0).fit(known, generator)(new)
    # theirs is half the distance, under the sum of squares in place of the covariance
    torch.testing.assert_close(measured.float(), 2 * plain * len(known), rtol=1e-3, atol=1e-3)
    unit_known, unit_new = (torch.nn.functional.normalize(one.embedding_BD).float() for one in (known, new))
    relative = RMD(None).fit_features(unit_known, known.label_B).predict_features(unit_new)
    measured = build_score("relative_mahalanobis++", shrinkage=0.0).fit(known, generator)(new)
    torch.testing.assert_close(measured.float(), relative * len(known), rtol=1e-2, atol=1e-1)


@pytest.mark.parametrize(("count", "size"), [(200, 6), (10, 40), (2, 3), (3, 1)])
def test_shrinkage_is_that_of_ledoit_and_wolf(count, size, generator):
    rows = torch.randn(count, size, generator=generator, dtype=torch.float64) * torch.arange(1, size + 1)
    expected = LedoitWolf(assume_centered=True).fit(rows.numpy()).covariance_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measured = shrunk_covariance(iter(rows.split(4)))
    torch.testing.assert_close(measured, torch.from_numpy(expected), rtol=1e-7, atol=1e-9)


def test_whitening_inverts_the_covariance(generator):
    root = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    covariance = root @ root.T
    factor = whitening(covariance)
    torch.testing.assert_close(factor.T @ factor @ covariance, torch.eye(6, dtype=torch.float64), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "case", ["fewer images than features", "one image per class", "constant", "copies", "one image"]
)
def test_degenerate_images_still_give_finite_scores_that_grow_outwards(name, case, generator):
    embedding_BD = 1 + torch.rand(12, 30, generator=generator)
    label_B = torch.arange(12) % 3
    if case == "one image per class":
        label_B = torch.arange(12)
    if case == "constant":
        embedding_BD[:, 5:] = 1.0
    if case == "copies":
        embedding_BD = embedding_BD[:3].repeat(4, 1)
    if case == "one image":
        embedding_BD, label_B = embedding_BD[:1], label_B[:1]
    fitted = build_score(name).fit(Evidence(embedding_BD, torch.zeros(len(label_B), 3), label_B), generator)
    far = embedding_BD.clone()
    far[:, 0] *= -5
    near_scores, far_scores = (fitted(Evidence(rows, torch.zeros(len(rows), 3))) for rows in (embedding_BD, far))
    assert near_scores.isfinite().all()
    assert far_scores.isfinite().all()
    if not name.startswith("relative"):  # which may rank far images as known: that is why it never stands alone
        assert far_scores.min() > near_scores.max()


def test_images_without_a_class_count_for_the_pooled_gaussian_only(known, new, generator):
    label_B = known.label_B.clone()
    label_B[::3] = -1
    partly = Evidence(known.embedding_BD, known.logits_BC, label_B)
    labelled = partly[label_B >= 0]
    absolute = build_score("mahalanobis++")
    torch.testing.assert_close(absolute.fit(partly, generator)(new), absolute.fit(labelled, generator)(new))
    relative = build_score("relative_mahalanobis++")
    measured = relative.fit(partly, generator).learnt
    torch.testing.assert_close(measured["pooled_mean"], relative.fit(known, generator).learnt["pooled_mean"])
    torch.testing.assert_close(measured["mean"], relative.fit(labelled, generator).learnt["mean"])


def test_without_any_class_all_images_form_one_group(known, new, generator):
    nobody = Evidence(known.embedding_BD, known.logits_BC, torch.full((len(known),), -1))
    everybody = Evidence(known.embedding_BD, known.logits_BC)
    score = build_score("mahalanobis++")
    torch.testing.assert_close(score.fit(nobody, generator)(new), score.fit(everybody, generator)(new))


def test_relative_distance_is_zero_with_a_single_class(known, new, generator):
    single = Evidence(known.embedding_BD, known.logits_BC[:, :1], torch.zeros(len(known), dtype=torch.int64))
    fitted = build_score("relative_mahalanobis++").fit(single, generator)
    assert fitted(Evidence(new.embedding_BD, new.logits_BC[:, :1])).tolist() == [0.0] * len(new)


def test_shrinkage_out_of_range_is_refused():
    with pytest.raises(ConfigError, match=r"shrinkage from 0 to 1 or None .* got 1.5"):
        build_score("mahalanobis++", shrinkage=1.5)


@pytest.mark.parametrize("name", NAMES)
def test_float32_embeddings_are_scored_exactly_however_ill_conditioned(name, generator):
    """Spreads over six orders of magnitude, far from the origin."""
    rows = 50 + torch.randn(400, 12, generator=generator) * torch.logspace(-4, 2, 12)
    label_B = torch.arange(400) % 4
    fitted = build_score(name, shrinkage=0.0).fit(Evidence(rows[:300], torch.zeros(300, 4), label_B[:300]), generator)
    exact = fitted(Evidence(rows[300:].double(), torch.zeros(100, 4)))
    torch.testing.assert_close(fitted(Evidence(rows[300:], torch.zeros(100, 4))), exact, rtol=1e-9, atol=1e-9)
