"""What holds for every score, whatever it measures."""

from __future__ import annotations

import io
import warnings

import pytest
import torch
from safetensors.torch import load, save

from hierclf.errors import BundleError, ConfigError, DataError, UnknownName
from hierclf.gates import Evidence, build_score, load_score, logit_score, scores
from tests.gates.synthetic import EVERY_SCORE, auroc, known_images, unknown_images


@pytest.fixture(params=EVERY_SCORE)
def name(request):
    return request.param


def fitted(name, generator, *, classes=4):
    known, other = known_images(generator, classes=classes), unknown_images(generator, 60, classes=classes)
    return build_score(name).fit(known, generator, other)


def test_every_score_is_there():
    assert set(EVERY_SCORE) == {
        *("msp", "max_logit", "energy", "gen", "mahalanobis", "mahalanobis++", "relative_mahalanobis++", "knn"),
        *("fdbd", "vim", "outlier", "made", "objectosphere", "isolation_forest", "lof"),
        *("one_class_svm", "one_class_svm_per_class"),
    }


def test_unknown_images_score_higher(name, generator):
    score = fitted(name, generator)
    least = 0.7 if name == "objectosphere" else 0.8  # it reads lengths that no loss has taught
    assert auroc(score(known_images(generator)), score(unknown_images(generator))) > least


def test_each_image_is_scored_by_itself(name, generator):
    score, new = fitted(name, generator), unknown_images(generator, 9)
    together = score(new)
    assert together.dtype == torch.float64
    single = torch.cat([score(new[row : row + 1]) for row in range(len(new))])
    torch.testing.assert_close(single, together, rtol=1e-6, atol=1e-6)
    order = torch.randperm(len(new), generator=generator)
    torch.testing.assert_close(score(new[order]), together[order], rtol=1e-6, atol=1e-6)


def test_no_image_gives_no_score(name, generator):
    assert fitted(name, generator)(unknown_images(generator, 1)[:0]).shape == (0,)


def test_what_was_learnt_survives_a_file_exactly(name, generator):
    score, new = fitted(name, generator), unknown_images(generator, 30)
    stored = load(
        save({key: values.contiguous() for key, values in score.tensors().items()} or {"none": torch.zeros(1)})
    )
    stored.pop("none", None)
    again = load_score(name, {}, stored)
    assert torch.equal(again(new), score(new))


def test_same_seed_same_score(name):
    runs = [fitted(name, torch.Generator().manual_seed(5)).tensors() for _ in range(2)]
    assert runs[0].keys() == runs[1].keys()
    assert all(torch.equal(runs[0][key], runs[1][key]) for key in runs[0])


def test_a_single_class_has_finite_scores(name, generator):
    score = fitted(name, generator, classes=1)
    assert score(known_images(generator, 20, classes=1)).isfinite().all()
    assert score(unknown_images(generator, 20, classes=1)).isfinite().all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_few_images_have_finite_scores(name, count, generator):
    known = known_images(generator, count)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = build_score(name).fit(known, generator, unknown_images(generator, 1))
    assert score(known).isfinite().all()
    assert score(unknown_images(generator, 20)).isfinite().all()


def test_copies_of_one_image_have_finite_scores(name, generator):
    known = known_images(generator, 1)[torch.zeros(30, dtype=torch.int64)]
    score = build_score(name).fit(known, generator, unknown_images(generator, 10))
    assert score(unknown_images(generator, 20)).isfinite().all()


def test_half_precision_comes_in(name, generator):
    score, new = fitted(name, generator), unknown_images(generator, 20)
    half = Evidence(new.embedding_BD.half(), new.logits_BC.half())
    rounded = Evidence(half.embedding_BD.double(), half.logits_BC.double())
    torch.testing.assert_close(score(half), score(rounded), rtol=1e-5, atol=1e-5)


def test_single_precision_is_as_good_as_double(name, generator):
    """What is measured in float32 where float32 comes in differs by less than counts as a tie."""
    score = fitted(name, generator)
    for new in (unknown_images(generator, 60), known_images(generator, 60)):
        double = Evidence(new.embedding_BD.double(), new.logits_BC.double())
        torch.testing.assert_close(score(new), score(double), rtol=1e-5, atol=1e-5)


def test_holes_are_refused(name, generator):
    score, new = fitted(name, generator), unknown_images(generator, 5)
    new.embedding_BD[3, 0] = torch.nan
    with pytest.raises(DataError, match=r"1 of 5 images \(rows #3\)"):
        score(new)
    with pytest.raises(DataError, match=r"1 of 5 images \(rows #3\)"):
        build_score(name).fit(new, generator, new)


def test_fitting_on_nothing_is_refused(name, generator):
    nothing = known_images(generator, 4)[:0]
    with pytest.raises(DataError, match=r"expected images of the known classes to fit .* on, got none"):
        build_score(name).fit(nothing, generator, unknown_images(generator, 4))


def test_misspelt_names_and_options_are_corrected():
    with pytest.raises(UnknownName, match=r"no score named 'mahalanobis\+'; did you mean 'mahalanobis\+\+'"):
        build_score("mahalanobis+")
    with pytest.raises(
        ConfigError, match=r"score 'knn' has no option 'banks'; did you mean 'bank'\? \(it has: k, bank\)"
    ):
        build_score("knn", banks=3)
    with pytest.raises(ConfigError, match=r"score 'msp' has no option 'k' \(it has: none\)"):
        build_score("msp", k=1)


def test_damaged_files_are_refused(generator):
    stored = fitted("mahalanobis++", generator).tensors()
    with pytest.raises(BundleError, match="not whole: expected mean, whitening, got mean"):
        load_score("mahalanobis++", {}, {"mean": stored["mean"]})
    with pytest.raises(BundleError, match="NaN or infinity in mean"):
        load_score("mahalanobis++", {}, stored | {"mean": stored["mean"] * torch.nan})


def test_a_score_of_the_logits_is_one_decorated_function(generator):
    @logit_score("margin between the two best, for this test")
    def margin(logits_BC, *, sharpness=1.0):
        best_B2 = logits_BC.topk(2, dim=1).values
        return -sharpness * (best_B2[:, 0] - best_B2[:, 1])

    try:
        score = build_score("margin between the two best, for this test", sharpness=2.0)
        new = unknown_images(generator, 6)
        torch.testing.assert_close(score.fit(new, generator)(new), 2 * margin(new.logits_BC.double()))
    finally:
        scores._parts.pop("margin between the two best, for this test")


def test_a_fitted_score_is_no_pickle(generator):
    buffer = io.BytesIO()
    torch.save(fitted("isolation_forest", generator).tensors(), buffer)
    buffer.seek(0)
    assert torch.load(buffer, weights_only=True).keys()
