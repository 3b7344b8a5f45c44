"""Distances from a confusion matrix, from weights and from logits."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import squareform

from hierclf.discovery import (
    discover,
    distances_from_confusion,
    distances_from_embeddings,
    distances_from_logits,
    distances_from_weights,
)
from hierclf.errors import DataError

CLASSES = ("cat", "dog", "car", "bus")


def groups(found):
    return {frozenset(found.taxonomy.leaves_below(node)) for node in found.taxonomy.internal_nodes}


def test_classes_that_are_confused_stand_together():
    counts = [[80, 20, 0, 0], [15, 85, 0, 0], [0, 0, 90, 10], [1, 0, 12, 87]]
    found = discover(distances_from_confusion(counts, CLASSES), bootstraps=50)
    assert groups(found) == {frozenset(CLASSES), frozenset({"cat", "dog"}), frozenset({"car", "bus"})}
    assert min(found.support.values()) > 0.9


def test_confusion_distances_worked_by_hand():
    found = distances_from_confusion([[8, 2], [1, 9]], ["a", "b"])
    p = np.array([[8.5, 2.5], [1.5, 9.5]]) / 11
    expected = -0.5 * np.log(p[0, 1] * p[1, 0] / (p[0, 0] * p[1, 1]))
    np.testing.assert_allclose(found.distance_P, [expected**2])


def test_an_answer_that_is_given_too_often_brings_nobody_nearer():
    rates = np.array([[0.90, 0.08, 0.02], [0.08, 0.90, 0.02], [0.02, 0.02, 0.96]])
    favoured = rates * np.array([1.0, 1.0, 4.0])
    favoured /= favoured.sum(1, keepdims=True)
    plain, tilted = (distances_from_confusion(1e6 * table, list("abc")).distance_P for table in (rates, favoured))
    np.testing.assert_allclose(plain, tilted, atol=1e-3)


@pytest.mark.parametrize(
    ("counts", "classes", "message"),
    [
        ([[1, 2]], ["a"], "as many rows and columns"),
        ([[1, -2], [0, 3]], ["a", "b"], "not negative"),
        ([[0, 0], [0, 3]], ["a", "b"], "no image of 'a'"),
        ([[0.9, 0.1], [0.2, 0.8]], ["a", "b"], "expected counts, got shares"),
        ([["x", 1], [1, 2]], ["a", "b"], "square table of counts"),
    ],
)
def test_bad_confusions_are_refused(counts, classes, message):
    with pytest.raises(DataError, match=message):
        distances_from_confusion(counts, classes)


def test_a_vector_added_to_all_weights_changes_nothing():
    source = np.random.default_rng(0)
    weights = source.normal(size=(6, 9))
    first = distances_from_weights(weights, list("abcdef"))
    second = distances_from_weights(torch.from_numpy(weights + source.normal(size=9)), list("abcdef"))
    np.testing.assert_allclose(first.distance_P, second.distance_P, atol=1e-12)
    assert not first.can_resample


@pytest.mark.parametrize("weights", [np.zeros((2, 0)), np.zeros((3, 2)), [[np.inf], [1]], [["x"], ["y"]], np.zeros(2)])
def test_bad_weights_are_refused(weights):
    with pytest.raises(DataError, match="weights"):
        distances_from_weights(weights, ["a", "b"])


def test_logits_alone_say_which_classes_are_alike():
    source = np.random.default_rng(0)
    kind = source.integers(0, 2, 300)
    own = source.normal(size=(300, 4))
    logits = 4 * np.eye(2)[kind].repeat(2, axis=1) + own + 100 * source.normal(size=(300, 1))
    found = discover(distances_from_logits(logits, CLASSES), bootstraps=30)
    assert {frozenset({"cat", "dog"}), frozenset({"car", "bus"})} <= groups(found)


def test_logit_distances_are_correlations():
    logits = np.random.default_rng(1).normal(size=(50, 5))
    centred = logits - logits.mean(1, keepdims=True)
    expected = 1 - np.corrcoef(centred.T)
    np.testing.assert_allclose(
        squareform(distances_from_logits(logits, list("abcde")).distance_P),
        expected - np.diag(np.diag(expected)),
        atol=1e-12,
    )


def test_logits_with_labels_are_embeddings():
    source = np.random.default_rng(2)
    labels = source.permutation(np.repeat(CLASSES, 20))
    logits = source.normal(size=(80, 4)) + 3 * np.eye(4)[[CLASSES.index(label) for label in labels]]
    found = distances_from_logits(logits, CLASSES, labels)
    centred = logits - logits.mean(1, keepdims=True)
    np.testing.assert_allclose(found.distance_P, distances_from_embeddings(centred, labels).distance_P)
    with pytest.raises(DataError, match="'cow' is none of the classes"):
        distances_from_logits(logits, CLASSES, ["cow"] * 80)


@pytest.mark.parametrize("logits", [np.zeros((1, 4)), np.zeros((5, 3)), np.full((5, 4), np.nan), [["x"] * 4] * 3])
def test_bad_logits_are_refused(logits):
    with pytest.raises(DataError, match="logits"):
        distances_from_logits(logits, CLASSES)
