from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load, save

from hierclf.errors import BundleError, CalibrationError, ConfigError, DataError, UnknownName
from hierclf.gates import Evidence, Gate, Statistic, build_score, default_scores, fit_gate, p_values
from hierclf.promises.conformal import conformal_threshold
from tests.gates.synthetic import EVERY_SCORE, auroc, known_images, unknown_images


def make(generator, *, scores=("mahalanobis++", "knn"), calibration=100, other=None, **settings):
    fit, tune, kept = (known_images(generator, count) for count in (200, 80, calibration))
    return fit_gate(fit, tune, kept, scores=scores, other=other, generator=generator, **settings)


def p_values_of(gate, scores):
    """What the gate's promise makes of statistics as they are."""
    nothing = torch.zeros(len(scores), dtype=torch.int64)
    return gate.guarantee.p_value(Statistic(score_B=scores, node_B=nothing, fold_BK=scores.new_zeros(len(scores), 0)))


@pytest.fixture
def gate(generator):
    return make(generator)


@pytest.mark.parametrize("combine", ["fisher", "mean", "max"])
def test_unknown_images_are_told_from_known_ones(combine, generator):
    gate = make(generator, combine=combine)
    known, unknown = known_images(generator, 400), unknown_images(generator, 400)
    assert auroc(gate.score(known), gate.score(unknown)) > 0.97
    assert (gate.p_value(unknown) <= gate.alpha).double().mean() > 0.9


@pytest.mark.parametrize("name", EVERY_SCORE)
def test_promise_holds_over_many_calibration_sets_for_every_score(name, generator):
    score = build_score(name).fit(known_images(generator, 160), generator, unknown_images(generator, 60))
    check_promise(score(known_images(generator, 4000)), generator)


@pytest.mark.parametrize("combine", ["fisher", "mean", "max"])
def test_promise_holds_over_many_calibration_sets_for_the_combination(combine, generator):
    other = unknown_images(generator, 60)
    gate = make(generator, scores=("mahalanobis++", "knn", "gen", "outlier"), other=other, combine=combine)
    check_promise(gate.score(known_images(generator, 4000)), generator)


def check_promise(scores, generator, *, alpha=0.05, n=30, resamplings=200):
    """Draw calibration and test images again and again; the mean share turned away must stay at α."""
    shares = []
    for _ in range(resamplings):
        shuffled = scores[torch.randperm(len(scores), generator=generator)]
        shares.append((shuffled[n : n + 500] > conformal_threshold(shuffled[:n], alpha)).double().mean())
    share = torch.stack(shares)
    assert share.mean() <= alpha + 2 * share.std() / resamplings**0.5


def test_p_value_and_threshold_agree(gate, generator):
    new = Evidence(
        *(
            torch.cat(pair)
            for pair in zip(
                *(
                    (one.embedding_BD, one.logits_BC)
                    for one in (known_images(generator, 200), unknown_images(generator, 200))
                ),
                strict=True,
            )
        )
    )
    away = gate.p_value(new) <= gate.alpha
    assert 0 < away.sum() < 400
    assert torch.equal(away, gate.score(new) > gate.threshold)
    slow = p_values(gate.calibration_scores, gate.combined(gate.components(new)) - 1e-5)
    torch.testing.assert_close(gate.p_value(new), slow, atol=1 / len(gate.calibration_scores), rtol=0)


def test_rounding_tells_no_calibration_image_from_itself(gate):
    scores = gate.calibration_scores
    for nudge in (-1e-6, 1e-6):
        assert torch.equal(p_values_of(gate, scores * (1 + nudge)), p_values_of(gate, scores))
    assert (p_values_of(gate, scores) >= p_values(scores, scores)).all()
    assert p_values_of(gate, torch.tensor([gate.threshold], dtype=torch.float64)) > gate.alpha
    assert p_values_of(gate, torch.tensor([gate.threshold * (1 + 1e-12)], dtype=torch.float64)) <= gate.alpha


def test_each_image_is_judged_by_itself(gate, generator):
    new = known_images(generator, 8)
    torch.testing.assert_close(
        torch.cat([gate.score(new[row : row + 1]) for row in range(8)]), gate.score(new), rtol=1e-5, atol=1e-5
    )
    assert gate.score(new[:0]).shape == gate.p_value(new[:0]).shape == (0,)


def test_components_are_the_raw_scores(gate, generator):
    new = known_images(generator, 8)
    components = gate.components(new)
    assert list(components) == ["mahalanobis++", "knn"]
    for part in gate.parts:
        assert torch.equal(components[part.name], part.score(new))


def test_a_gate_survives_a_file_exactly(generator):
    gate = make(generator, scores=("gen", ("knn", {"k": 3}), "outlier"), other=unknown_images(generator, 20), keep=0.9)
    settings = json.loads(json.dumps(gate.settings()))
    again = Gate.from_parts(settings, load(save(gate.tensors())))
    new = unknown_images(generator, 30)
    assert torch.equal(again.score(new), gate.score(new))
    assert torch.equal(again.p_value(new), gate.p_value(new))
    assert (again.threshold, again.alpha, again.settings()) == (gate.threshold, gate.alpha, gate.settings())


def test_alpha_is_the_decimal_that_was_meant(generator):
    assert make(generator, keep=0.95).alpha == 0.05
    assert make(generator, keep=0.9).alpha == 0.1


def test_recalibration_changes_the_threshold_and_nothing_else(gate, generator):
    other = gate.recalibrated(torch.arange(40.0), keep=0.9)
    assert other.threshold == pytest.approx(36, rel=2e-5)  # rank 37 of 40
    assert other.parts is gate.parts
    assert gate.recalibrated(torch.arange(40.0)).keep == gate.keep
    with pytest.raises(CalibrationError, match=r"keep .* above 0 and below 1, got 1.0"):
        gate.recalibrated(torch.arange(40.0), keep=1.0)


def test_too_few_calibration_images_turn_nobody_away_and_it_says_so(generator):
    gate = make(generator, calibration=18)
    assert gate.threshold == float("inf")
    assert not gate.promise.holds
    assert "No image is ever turned away" in gate.promise.sentence
    assert "at least 19 calibration images, and there are 18" in gate.promise.sentence
    far = unknown_images(generator, 50)
    assert (gate.p_value(far) > gate.alpha).all()
    enough = make(generator, calibration=19)
    assert enough.promise.holds
    assert enough.promise.sentence.startswith("At most 5 % of known images are turned away (calibrated on 19 known")


def test_no_calibration_image_at_all_is_defined(generator):
    gate = make(generator, calibration=0)
    assert gate.p_value(unknown_images(generator, 3)).tolist() == [1, 1, 1]


def test_one_class_works(generator):
    fit, tune, kept = (known_images(generator, count, classes=1) for count in (60, 40, 40))
    other = unknown_images(generator, 40, classes=1)
    gate = fit_gate(fit, tune, kept, scores=EVERY_SCORE, other=other, made=other, generator=generator)
    assert gate.score(other).isfinite().all()
    distances = fit_gate(fit, tune, kept, scores=("mahalanobis++", "knn", "msp"), generator=generator)
    assert (distances.p_value(other) <= 0.05).double().mean() > 0.9


def test_holes_and_wrong_sizes_are_refused(gate, generator):
    new = known_images(generator, 5)
    new.logits_BC[2, 0] = torch.inf
    with pytest.raises(DataError, match="rows #2"):
        gate.p_value(new)
    with pytest.raises(
        DataError, match=r"embeddings of 12 numbers and 4 logits, as the gate was fitted on, got 7 and 4"
    ):
        gate.score(Evidence(torch.zeros(1, 7), torch.zeros(1, 4)))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"scores": ()}, ConfigError, "at least one gate score, got none"),
        ({"scores": ("knn", ("knn", {"k": 2}))}, ConfigError, "each gate score once, got knn more than once"),
        ({"scores": ("enrgy",)}, UnknownName, "no score named 'enrgy'; did you mean 'energy'"),
        ({"combine": "fischer"}, UnknownName, "did you mean 'fisher'"),
        ({"keep": 1.0}, CalibrationError, "above 0 and below 1, got 1.0"),
        ({"keep": 0.0}, CalibrationError, "above 0 and below 1, got 0.0"),
        ({"keep": float("nan")}, CalibrationError, "above 0 and below 1, got nan"),
        ({"scores": ("outlier",)}, DataError, "needs images of other"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, error, message, generator):
    with pytest.raises(error, match=message):
        make(generator, **settings)


def test_a_gate_without_tuning_images_is_refused(generator):
    known = known_images(generator, 40)
    with pytest.raises(DataError, match=r"known images to fit the gate's p-values on \(split A\), got none"):
        fit_gate(known, known[:0], known, scores=("knn",), generator=generator)


def test_stored_gates_that_do_not_belong_together_are_refused(gate):
    settings, tensors = gate.settings(), gate.tensors()
    wrong = {
        "a tensor is missing": (settings, {key: part for key, part in tensors.items() if key != "1.score.bank"}),
        "a tensor is of another size": (settings, tensors | {"1.score.bank": tensors["1.score.bank"][:, :3]}),
        "a tensor holds NaN": (settings, tensors | {"0.score.mean": tensors["0.score.mean"] * torch.nan}),
        "a map is missing": (settings, {key: part for key, part in tensors.items() if key != "0.map.scale"}),
        "a map descends": (settings, tensors | {"0.map.knots": tensors["0.map.knots"].flip(0)}),
        "the scores are others": (settings | {"scores": settings["scores"][:1] * 2}, tensors),
        "a score is unknown": (settings | {"scores": [{"name": "os.system", "options": {}}]}, tensors),
        "an option is unknown": (settings | {"scores": [{"name": "knn", "options": {"x": 1}}]}, tensors),
        "a setting is missing": ({key: part for key, part in settings.items() if key != "combine"}, tensors),
        "the promise is missing": ({key: part for key, part in settings.items() if key != "promise"}, tensors),
        "the promise is unknown": (settings | {"promise": {"name": "avrage", "keep": 0.95}}, tensors),
        "the promise is another": (settings | {"promise": {"name": "per_class", "keep": 0.95}}, tensors),
        "the share is out of range": (settings | {"promise": {"name": "average", "keep": 7}}, tensors),
        "the share is no number": (settings | {"promise": {"name": "average", "keep": "most"}}, tensors),
        "the settings are no mapping": (settings | {"scores": [3]}, tensors),
        "a name is no text": (settings | {"scores": [{"name": 5, "options": {}}]}, tensors),
        "the shape is absurd": (settings | {"shape": [10**12, 4]}, tensors),
        "the shape is another": (settings | {"shape": [5, 4]}, tensors),
        "the calibration holds NaN": (settings, tensors | {"promise.scores": torch.full((30,), torch.nan)}),
        "the calibration is a table": (settings, tensors | {"promise.scores": torch.zeros(5, 6)}),
        "nodes without a taxonomy": (settings | {"nodes": {"scores": ["knn"]}}, tensors),
        "chances of novelty without a taxonomy": (settings, tensors | {"novel.slope": torch.zeros(3)}),
    }
    for case, (stored, numbers) in wrong.items():
        with pytest.raises(BundleError) as caught:
            Gate.from_parts(stored, numbers)
        assert str(caught.value), case
    assert Gate.from_parts(settings, tensors).threshold == gate.threshold


def test_default_scores_always_hold_an_absolute_distance():
    assert "knn" in default_scores(other=False)
    assert default_scores(other=True) == (*default_scores(other=False), "outlier")
