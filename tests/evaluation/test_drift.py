from __future__ import annotations

import numpy as np
import pytest
import torch

from hierclf.evaluation import Terms
from hierclf.evaluation.drift import LEVEL, drift_metrics, drift_sentence, known_drift
from hierclf.gates import Average, Cross
from tests.evaluation.test_judgement import judge


def against(calibration):
    scores = torch.sort(torch.as_tensor(calibration, dtype=torch.float64)).values
    return Terms(guarantee=Average(keep=0.95, scores=scores))


def test_it_is_quiet_as_often_as_it_says_when_nothing_changed():
    random = np.random.default_rng(0)
    drifts = [known_drift(against(random.normal(size=60)), random.normal(size=80)) for _ in range(300)]
    p_values = np.array([drift.p_value for drift in drifts])
    assert sum(drift.drifted for drift in drifts) <= 9  # 3 are expected; 10 or more come once in 900 times
    assert 0.12 < (p_values <= 0.2).mean() < 0.28
    assert (p_values <= 0.5).mean() > 0.38


@pytest.mark.parametrize(("shift", "towards"), [(0.8, "more unknown"), (-0.8, "less unknown")])
def test_it_speaks_when_the_scores_move(shift, towards):
    random = np.random.default_rng(1)
    drifts = [known_drift(against(random.normal(size=60)), random.normal(size=80) + shift) for _ in range(50)]
    assert sum(drift.drifted for drift in drifts) >= 45
    assert {drift.towards for drift in drifts if drift.drifted} == {towards}
    told = drift_sentence(next(drift for drift in drifts if drift.drifted))
    assert told.startswith(f"Drift: these known images (80) look {towards} than the calibration images (60)")
    assert "calibrate again" in told


def test_the_words_for_no_drift_promise_nothing():
    drift = known_drift(against(np.arange(100.0)), np.arange(0.5, 100, 2))
    assert not drift.drifted
    assert "that is no proof that they are alike" in drift_sentence(drift)
    assert f"in {100 * LEVEL:.0f} % of evaluations" in drift_sentence(drift)
    assert drift_metrics(drift) == {
        "drift_statistic": drift.statistic,
        "drift_p_value": drift.p_value,
        "drifted": False,
    }


def test_where_it_cannot_be_tested_nothing_is_said():
    folded = Cross(keep=0.9, scores=torch.arange(10.0), folds=torch.arange(10) % 2)
    for terms, scores in ((Terms(), np.ones(3)), (against([]), np.ones(3)), (Terms(guarantee=folded), np.ones(3))):
        assert known_drift(terms, scores) is None
    assert known_drift(against([1.0]), np.empty(0)) is None
    assert set(drift_metrics(None).values()) == {None}


def test_the_report_tells_it(case):
    random = np.random.default_rng(2)
    known = case.reading.unknown_score_B.numpy()[np.array(case.labels) >= 0]
    calm = judge(case, terms=against(random.permutation(known)))
    assert calm.metrics["drift_p_value"] == 1.0
    assert calm.metrics["drifted"] is False
    moved = judge(case, terms=against(known - 2))
    assert moved.metrics["drifted"] is True
    assert moved.drift_sentence in moved.notes
    assert moved.to_dict()["drift"]["drifted"] is True
    assert "| Drifted | yes |" in moved.to_markdown()
    stale = judge(case, terms=against(known - 2), fresh=False)
    assert stale.drift is None
    assert stale.metrics["drifted"] is None
    assert stale.promises == ()
    assert "p_values" not in stale.curves
