from __future__ import annotations

import math

import numpy as np
import pytest

from hierclf.evaluation import hold_against
from tests.evaluation.conftest import usual_terms
from tests.evaluation.test_judgement import judge


@pytest.mark.parametrize(("calibration", "images"), [(99, 400), (1000, 100)])
def test_the_standard_error_is_what_split_conformal_shows(calibration, images):
    random = np.random.default_rng(0)
    alpha, rounds = 0.05, 4000
    rank = math.ceil((calibration + 1) * (1 - alpha) - 1e-9)
    threshold = np.sort(random.random((rounds, calibration)), axis=1)[:, rank - 1]
    rejected = random.binomial(images, 1 - threshold) / images  # scores are uniform
    promise = hold_against("", promised=alpha, measured=0.0, images=images, calibration_images=calibration)
    assert promise.standard_error == pytest.approx(rejected.std(), rel=0.05)
    assert rejected.mean() <= alpha + 2 * promise.standard_error / math.sqrt(rounds)


def test_a_promise_is_kept_up_to_two_standard_errors():
    error = math.sqrt(0.05 * 0.95 / 400)
    for measured, kept in ((0.0, True), (0.05 + 1.99 * error, True), (0.05 + 2.01 * error, False)):
        promise = hold_against("", promised=0.05, measured=measured, images=400)
        assert promise.kept is kept
        assert promise.standard_error == pytest.approx(error)


def test_the_report_holds_the_gate_to_its_promise(case):
    report = judge(case, terms=usual_terms(case.threshold, case.alpha, calibration_images=50))
    (promise,) = report.promises
    assert promise.name == "at most 10 % of known images are turned away"
    assert promise.images == report.metrics["n_known"] == 80
    assert promise.measured == report.metrics["known_rejected"] == pytest.approx(0.1)
    assert promise.standard_error == report.metrics["known_rejected_standard_error"]
    assert promise.standard_error == pytest.approx(math.sqrt(0.09 / 80 + 0.09 / 52))
    assert promise.kept
