from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.evaluation import Terms, hold_against
from hierclf.evaluation.promise import gate_error, gate_promises, rule_promises
from hierclf.gates import Average, BothSides, Confident, Cross, ForEachClass, Unbound
from hierclf.metrics import Ancestry, Outcome
from hierclf.promises import cross_bound
from tests.conftest import STAR
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


PLAN = compile_plan(STAR)  # three classes right below the root
CALIBRATION = torch.linspace(0, 1, 200, dtype=torch.float64)


def outcome(taken, status, truth=None):
    """Images of the star that are taken for its classes, all known unless said."""
    log_probs = np.full((len(taken), 4), -9.0)
    log_probs[np.arange(len(taken)), taken] = 0.0
    status = np.array(status)
    return Outcome(
        truth_B=np.array(taken if truth is None else truth),
        node_log_probs_BN=log_probs,
        unknown_score_B=np.zeros(len(taken)),
        decided_B=np.where(np.isin(status, ("other", "uncertain")), 0, taken),
        status_B=status,
    )


def test_with_confidence_only_the_test_images_may_be_unlucky():
    seen = outcome([1] * 100, ["other"] * 8 + ["known"] * 92)
    (usual,) = gate_promises(seen, Terms(guarantee=Average(keep=0.95, scores=CALIBRATION)), PLAN)
    terms = Terms(guarantee=Confident(keep=0.95, scores=CALIBRATION, confidence=0.9))
    (confident,) = gate_promises(seen, terms, PLAN)
    assert confident.name == "at most 5 % of known images are turned away, with 90 % confidence"
    assert confident.standard_error == gate_error(seen, terms) == pytest.approx(math.sqrt(0.05 * 0.95 / 100))
    assert usual.standard_error == pytest.approx(math.sqrt(0.05 * 0.95 * (1 / 100 + 1 / 202)))
    assert usual.measured == confident.measured == 0.08


def test_across_folds_the_proven_bound_and_the_usual_share_are_told_apart():
    terms = Terms(guarantee=Cross(keep=0.95, scores=CALIBRATION, folds=torch.arange(200) % 5))
    seen = outcome([1] * 400, ["other"] * 40 + ["known"] * 360)
    proven, usual = gate_promises(seen, terms, PLAN)
    assert (proven.promised, usual.promised) == (pytest.approx(cross_bound(0.05, 200, 5)), 0.05)
    assert (proven.kept, usual.kept) == (True, False)  # 10 % lie between the two
    assert "which is proven" in proven.name
    assert "not proven" in usual.name
    assert gate_error(seen, terms) == usual.standard_error


def test_both_sides_are_held_to_their_own_promise():
    guarantee = BothSides(keep=0.9, scores=CALIBRATION, other=CALIBRATION[:50] + 2, other_accepted=0.2)
    status = ["other"] * 5 + ["uncertain"] * 40 + ["known"] * 55 + ["known"] * 30 + ["uncertain"] * 10 + ["other"] * 10
    seen = outcome([1] * 150, status, truth=[1] * 100 + [-1] * 50)
    known, other = gate_promises(seen, Terms(guarantee=guarantee), PLAN)
    assert (known.name, known.measured, known.images) == ("at most 10 % of known images are called other", 0.05, 100)
    assert other.name == "at most 20 % of images like those of other are called known"
    assert (other.measured, other.images, other.kept) == (0.6, 50, False)
    assert other.standard_error == pytest.approx(math.sqrt(0.16 / 50 + 0.16 / 52))
    only_known = outcome([1] * 10, ["known"] * 10)
    assert len(gate_promises(only_known, Terms(guarantee=guarantee), PLAN)) == 1


@pytest.mark.parametrize("terms", [Terms(), Terms(guarantee=Unbound(keep=0.95, scores=CALIBRATION))])
def test_where_nothing_was_promised_nothing_is_held(terms):
    seen = outcome([1] * 100, ["other"] * 100)
    assert gate_promises(seen, terms, PLAN) == ()
    assert gate_error(seen, terms) is None


def of_each_class(scores, nodes, keep=0.9):
    leaves = torch.tensor([1, 2, 3])
    return ForEachClass(keep=keep, scores=scores, nodes=nodes, pools=torch.arange(4), leaves=leaves)


def test_one_class_that_pays_for_the_others_breaks_a_promise_per_class():
    guarantee = of_each_class(torch.rand(300, dtype=torch.float64), torch.arange(300) % 3 + 1)
    taken = [1] * 200 + [2] * 200 + [3] * 40
    status = ["known"] * 200 + ["known"] * 200 + ["other"] * 16 + ["known"] * 24
    whole, worst = gate_promises(outcome(taken, status), Terms(guarantee=guarantee), PLAN)
    assert whole.kept
    assert worst.name == "at most 10 % of the known images taken for z are turned away, the worst of 3 groups"
    assert (worst.measured, worst.images, worst.kept) == (0.4, 40, False)
    assert worst.standard_error == pytest.approx(math.sqrt(0.09 / 40 + 0.09 / 102))


def test_a_promise_per_class_that_holds_is_seldom_called_broken():
    generator = torch.Generator().manual_seed(0)
    broken, rounds = 0, 200
    taken = torch.tensor([1] * 30 + [2] * 60 + [3] * 120)
    for _ in range(rounds):
        calibration = torch.rand(90, generator=generator, dtype=torch.float64)
        guarantee = of_each_class(calibration, torch.arange(90) % 3 + 1)
        scores = torch.rand(len(taken), generator=generator, dtype=torch.float64)
        away = guarantee.groups.p_values(scores, taken) <= guarantee.level
        seen = outcome(taken.tolist(), np.where(away.numpy(), "other", "known"))
        broken += not gate_promises(seen, Terms(guarantee=guarantee), PLAN)[-1].kept
    assert broken <= 11  # at most 2.3 % of rounds on average; 12 or more would come once in 500 times


def test_a_class_that_is_never_turned_away_is_no_group_to_look_at():
    guarantee = of_each_class(torch.rand(8, dtype=torch.float64), torch.tensor([1] * 8))
    assert len(gate_promises(outcome([1, 2], ["known", "known"]), Terms(guarantee=guarantee), PLAN)) == 1


def test_the_rule_is_held_to_the_answers_that_it_gave():
    seen = outcome([1, 2, 3, 1, 1], ["known", "known", "other", "uncertain", "known"], truth=[1, 1, 1, 2, -1])
    (promise,) = rule_promises(seen, Terms(correct=0.9, correct_on=50), Ancestry.from_plan(PLAN))
    assert promise.name == "at most 10 % of the answers about known images are off the true route"
    assert (promise.promised, promise.measured, promise.images) == (0.1, 1 / 4, 4)
    assert rule_promises(seen, Terms(), Ancestry.from_plan(PLAN)) == ()
