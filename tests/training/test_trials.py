from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from hierclf.gates import Evidence, PValueMap, build_score
from hierclf.training.trials import Trial, folds, mean_figures


def cloud(centre, count, seed, size=6):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, size, generator=generator) + torch.tensor([centre] * size)


def evidence(centres, count, seed):
    embedding = torch.cat([cloud(centre, count, seed + place) for place, centre in enumerate(centres)])
    return Evidence(embedding, torch.stack([-embedding.mean(1), embedding.mean(1)], 1), label(centres, count))


def label(centres, count):
    return torch.arange(len(centres)).repeat_interleave(count)


@pytest.fixture(scope="module")
def trial():
    return Trial(
        fit=evidence((-2.0, 2.0), 60, 0),
        tune=evidence((-2.0, 2.0), 30, 10),
        known=evidence((-2.0, 2.0), 40, 20),
        held_out=evidence((0.3,), 50, 30),
        made=evidence((0.0, 0.1), 60, 40),
    )


def test_figures_are_the_auroc_of_combined_p_values(trial):
    sets = (("knn", "made"), ("mahalanobis++",), ("made",))
    figures = trial.auroc(sets, "fisher", 0)
    truth = np.repeat([0, 1], [len(trial.known), len(trial.held_out)])
    for names in sets:
        total = 0.0
        for name in names:
            score = build_score(name).fit(trial.fit, torch.Generator().manual_seed(0), trial.made)
            surprise = PValueMap.fit(score(trial.tune))
            total = total + torch.cat([surprise(score(trial.known)), surprise(score(trial.held_out))])
        assert figures[names] == pytest.approx(roc_auc_score(truth, total.numpy()))
    assert figures[("made",)] > 0.9  # what was made lies where the held-out class does


def test_accuracy_is_of_known_images_that_were_not_learnt_from(trial):
    right = [
        int(row.argmax()) == one for row, one in zip(trial.known.logits_BC, trial.known.label_B.tolist(), strict=True)
    ]
    assert trial.accuracy == pytest.approx(sum(right) / len(right))


@pytest.mark.parametrize("count", [4, 5, 10, 33])
def test_no_class_is_held_out_twice_and_enough_are_left(count):
    classes = np.arange(count) * 3 + 1
    one, two = folds(classes, 7)
    assert not set(one) & set(two)
    assert len(one) == len(two) == max(1, round(0.3 * count))
    assert set(one) | set(two) <= set(classes)
    assert [held.tolist() for held in folds(classes, 7)] == [one.tolist(), two.tolist()]


def test_figures_are_averaged_over_folds():
    assert mean_figures([{("knn",): 0.5}, {("knn",): 1.0}]) == {("knn",): 0.75}
