from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hierclf import HierarchicalClassifier
from hierclf.gates import conformal_threshold, default_scores, msp_score
from hierclf.settings import Settings
from hierclf.training import calibrate_model
from tests.synthetic import LETTERS, clouds


@pytest.fixture(scope="module")
def fitted():
    return HierarchicalClassifier(LETTERS).fit(*clouds(spread=1.5), other=clouds("xyz", 10)[0])


def calibrated(fitted, *, other=True, prepared=None, **settings):
    inner = fitted.fitted_
    strangers = inner.other_mD if other else None
    prepared = prepared or fitted.prepared_
    return calibrate_model(inner.model, inner.embedding_nD, strangers, prepared, Settings(**settings))


def names(model):
    return [part.name for part in model.gate.parts]


@pytest.mark.parametrize(
    ("settings", "scores"),
    [
        ({}, ["mahalanobis", *default_scores(other=True)]),
        ({"other": False}, ["mahalanobis", *default_scores(other=False)]),
        ({"gate": "energy"}, ["energy"]),
        ({"gate": ["msp", ("knn", {"k": 2})]}, ["msp", "knn"]),
    ],
    ids=str,
)
def test_the_scores_of_the_gate(fitted, settings, scores):
    model, notes = calibrated(fitted, **settings)
    assert names(model) == scores
    assert notes == ()


def test_behind_a_backbone_directions_are_enough(fitted):
    model = replace(fitted.fitted_.model, backbone=torch.nn.Identity())
    inner = fitted.fitted_
    calibrated_, _ = calibrate_model(model, inner.embedding_nD, None, fitted.prepared_, Settings())
    assert names(calibrated_) == ["knn", "gen"]


def test_calibration_reads_the_calibration_images_alone(fitted):
    model, _ = calibrated(fitted, gate=["mahalanobis"])
    places = fitted.prepared_.parts.calibration
    rows = fitted.fitted_.embedding_nD[torch.from_numpy(places)]
    reading = model.read(rows)
    torch.testing.assert_close(reading.unknown_score_B.sort().values, model.gate.calibration_scores)
    flat = msp_score(model.baseline.head(rows)).sort().values
    torch.testing.assert_close(model.baseline.calibration_scores, flat)
    assert model.baseline_threshold == conformal_threshold(flat, 0.05)
    assert model.operation.calibrated_on == len(places)


def test_no_gate(fitted):
    model, notes = calibrated(fitted, gate="none")
    assert model.gate is None
    assert notes == ()


@pytest.mark.parametrize(
    ("settings", "operation"),
    [
        ({"rule": "leaf"}, ("leaf", 0.5, None)),
        ({"point": 0.3}, ("threshold", 0.3, None)),
        ({"correct": None}, ("threshold", 0.5, None)),
        ({"rule": "expected_distance"}, ("expected_distance", 0.5, None)),
    ],
    ids=str,
)
def test_without_a_promise_about_answers(fitted, settings, operation):
    model, notes = calibrated(fitted, **settings)
    assert (model.operation.rule, model.operation.point, model.operation.correct) == operation
    assert notes == ()


@pytest.mark.parametrize("rule", ["threshold", "information"])
def test_the_operating_point_keeps_its_promise_on_the_calibration_images(fitted, rule):
    model, _ = calibrated(fitted, rule=rule, correct=0.9, gate="none")
    prepared = fitted.prepared_
    places = prepared.parts.calibration
    decisions = model.decide(model.read(fitted.fitted_.embedding_nD[torch.from_numpy(places)]))
    right = [
        LETTERS.nodes[label] in LETTERS.leaves_below(node)
        for label, node in zip(prepared.label_n[places], decisions.node, strict=True)
    ]
    assert np.mean(right) >= 0.9
    assert model.operation.correct == 0.9


def test_too_few_images_are_told(fitted):
    parts = replace(fitted.prepared_.parts, calibration=fitted.prepared_.parts.calibration[:5])
    model, notes = calibrated(fitted, prepared=replace(fitted.prepared_, parts=parts))
    assert model.threshold == float("inf")
    assert notes[0].startswith("No gate ever turns an image away: keeping 95 % of known images on the whole way takes")
    assert notes[1] == (
        "5 calibration images are too few to promise 95 % correct answers; the rule 'threshold' works at 0.5 without a "
        "promise."
    )


def test_no_calibration_image_at_all(fitted):
    parts = replace(fitted.prepared_.parts, calibration=fitted.prepared_.parts.calibration[:0])
    model, notes = calibrated(fitted, prepared=replace(fitted.prepared_, parts=parts))
    assert model.decide(model.read(torch.zeros(2, 8))).status.tolist().count("other") == 0
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("settings", "scores"),
    [
        ({}, []),
        ({"other_weight": 0.0}, ["outlier"]),
        ({"level_weights": [0.0, 1.0]}, ["outlier"]),
        ({"classification_weight": 0.0, "embedding_loss": "supcon"}, ["outlier"]),
    ],
    ids=str,
)
def test_images_of_other_are_never_thrown_away(fitted, settings, scores):
    inner = fitted.fitted_
    model = replace(inner.model, backbone=torch.nn.Identity())
    images = inner.embedding_nD, inner.other_mD, fitted.prepared_
    calibrated_, _ = calibrate_model(model, *images, Settings(leave_one_out=False, **settings), trained=True)
    assert names(calibrated_) == ["knn", "one_class_svm_per_class", *scores]  # four classes crowd so small an embedding
