from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from hierclf.errors import CalibrationError
from hierclf.promises import CrossPromise, cross_bound, cross_p_values, p_values, stratified_folds


def test_p_values_equal_counting_fold_by_fold(generator):
    old_n = torch.randint(0, 6, (37,), generator=generator).double()
    fold_n = torch.randint(0, 4, (37,), generator=generator)
    new_BK = torch.randint(-1, 8, (50, 4), generator=generator).double()
    found = cross_p_values(old_n, fold_n, new_BK)
    for row, p_value in zip(new_BK.tolist(), found.tolist(), strict=True):
        pairs = zip(old_n.tolist(), fold_n.tolist(), strict=True)
        assert p_value == float(Fraction(1 + sum(score >= row[fold] for score, fold in pairs), 38))


def test_the_same_score_in_every_fold_gives_the_usual_p_value(generator):
    old_n, new_B = torch.randn(30, generator=generator), torch.randn(20, generator=generator)
    fold_n = torch.arange(30) % 5
    assert torch.equal(cross_p_values(old_n, fold_n, new_B[:, None].expand(-1, 5)), p_values(old_n, new_B))


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_folds_and_classes_within_them_differ_by_at_most_one(generator, folds):
    label_n = torch.randint(0, 4, (101,), generator=generator)
    fold_n = stratified_folds(label_n, folds, generator)
    for chosen in (fold_n, *(fold_n[label_n == label] for label in range(4))):
        sizes = chosen.bincount(minlength=folds)
        assert int(sizes.max() - sizes.min()) <= 1


def test_folds_are_drawn_by_lot(generator):
    label_n = torch.arange(40) % 2
    drawn = torch.stack([stratified_folds(label_n, 4, generator) for _ in range(400)])
    assert (drawn.double().mean(0) - 1.5).abs().max() < 5 * (1.25 / 400) ** 0.5
    again = stratified_folds(label_n, 4, torch.Generator().manual_seed(3))
    assert torch.equal(again, stratified_folds(label_n, 4, torch.Generator().manual_seed(3)))


def slow_bound(alpha, n, folds, symmetric):
    """Twice the largest weighted mean of fold p-values that is turned away; or the published second term."""
    alpha = Fraction(str(alpha))
    bound = 2 * (alpha * (n + 1) + folds - 1) / (n + folds)
    if symmetric and n % folds == 0:
        bound = min(bound, 2 * alpha + (1 - Fraction(folds, n)) / (folds + 1))
    return float(min(bound, 1))


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(("n", "folds"), [(40, 40), (40, 2), (1000, 5), (999, 5), (100, 10), (20, 20)])
def test_the_bound_is_the_published_one(n, folds, symmetric):
    assert cross_bound(0.05, n, folds, symmetric=symmetric) == pytest.approx(slow_bound(0.05, n, folds, symmetric))


def mahalanobis(fit_RnD, at_RmD):
    """Squared distance to the mean of each draw's images, under their own covariance."""
    mean_R1D = fit_RnD.mean(1, keepdim=True)
    centred_RnD = fit_RnD - mean_R1D
    covariance_RDD = centred_RnD.mT @ centred_RnD / fit_RnD.shape[1]
    away_RmD = at_RmD - mean_R1D
    return (away_RmD * torch.linalg.solve(covariance_RDD, away_RmD.mT).mT).sum(-1)


def test_in_200_draws_the_bound_holds_and_calibrating_on_the_images_learnt_from_breaks_it(generator):
    draws, n, folds, alpha = 200, 40, 5, 0.1
    old = torch.randn(draws, n, 12, generator=generator, dtype=torch.float64)
    new = torch.randn(draws, 100, 12, generator=generator, dtype=torch.float64)
    fold_n = stratified_folds(torch.zeros(n, dtype=torch.int64), folds, generator)
    held_out, scores = torch.empty(draws, n, dtype=torch.float64), []
    for fold in range(folds):
        rest = old[:, fold_n != fold]
        held_out[:, fold_n == fold] = mahalanobis(rest, old[:, fold_n == fold])
        scores.append(mahalanobis(rest, new))
    pairs = zip(held_out, torch.stack(scores, dim=-1), strict=True)
    ours = torch.stack([(cross_p_values(own, fold_n, other) <= alpha).double().mean() for own, other in pairs])
    naive_pairs = zip(mahalanobis(old, old), mahalanobis(old, new), strict=True)
    naive = torch.stack([(p_values(own, other) <= alpha).double().mean() for own, other in naive_pairs])
    bound = cross_bound(alpha, n, folds, symmetric=True)
    assert bound == pytest.approx(0.2 + (1 - 5 / 40) / 6)
    assert ours.mean() <= bound + 2 * ours.std() / draws**0.5
    assert ours.mean() == pytest.approx(alpha, abs=0.03), "close to alpha, as experience has it"
    assert naive.mean() > bound + 10 * naive.std() / draws**0.5


def test_words_are_true_also_without_enough_images():
    few = CrossPromise(alpha=0.05, n=18, folds=3)
    assert not few.holds
    assert "takes at least 19 images in the folds, and there are 18" in few.sentence
    vague = CrossPromise(alpha=0.05, n=30, folds=30)
    assert vague.bound == 1
    assert not vague.holds
    assert "nothing is proven" in vague.sentence
    assert CrossPromise(alpha=0.05, n=30, folds=30, symmetric=True).bound == pytest.approx(0.1)


def test_what_does_not_fit_is_refused(generator):
    with pytest.raises(CalibrationError, match="2 folds or more and at least one image for each, got 5 folds for 4"):
        stratified_folds(torch.zeros(4), 5, generator)
    with pytest.raises(CalibrationError, match="got 1 for 4 images"):
        cross_bound(0.1, 4, 1)
    with pytest.raises(CalibrationError, match="folds from 0 to 1, one per column of the new scores, got 0 to 2"):
        cross_p_values(torch.zeros(3), torch.tensor([0, 1, 2]), torch.zeros(5, 2))
    with pytest.raises(CalibrationError, match=r"got \(3,\), \(2,\) and \(5, 2\)"):
        cross_p_values(torch.zeros(3), torch.zeros(2), torch.zeros(5, 2))
    with pytest.raises(CalibrationError, match="without NaN, got 2 NaN"):
        cross_p_values(torch.zeros(1), torch.zeros(1, dtype=torch.int64), torch.full((1, 2), float("nan")))
