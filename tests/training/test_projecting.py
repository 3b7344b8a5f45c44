from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hierclf.progress import silent
from hierclf.settings import Settings
from hierclf.training import prepare_images
from hierclf.training.projecting import train_projection
from tests.synthetic import SHAPES, STRANGE, glyphs

DIVISION = {"keep": 0.95, "calibration_share": 0.15, "seed": 0}


@pytest.fixture(scope="module")
def prepared():
    return prepare_images(*glyphs(count=40), glyphs(STRANGE, 20)[0], SHAPES, **DIVISION)


@pytest.fixture(scope="module")
def rows(prepared):
    """Known images and those of other as clouds around centres of their own, in 30 directions."""
    chance = np.random.default_rng(0)
    centres = 2 * chance.normal(size=(len(SHAPES.nodes) + 2, 30))
    known = centres[prepared.label_n] + chance.normal(size=(len(prepared.label_n), 30))
    other = centres[len(SHAPES.nodes) + prepared.kind_m] + chance.normal(size=(len(prepared.kind_m), 30))
    return torch.from_numpy(known), torch.from_numpy(other)


def test_it_learns_and_reads_by_the_images_to_learn_from(prepared, rows):
    done = train_projection(prepared, *rows, Settings(projection=6, epochs=15), progress=silent)
    assert max(entry["held_out_accuracy"] for entry in done.log) > 0.95
    fit = rows[0][prepared.parts.fit]
    torch.testing.assert_close(done.projection.mean_D, fit.mean(0).float())
    assert done.projection.scale.item() == pytest.approx(fit.var(0, correction=0).mean().sqrt().item())
    assert not done.projection.training
    assert not any(parameter.requires_grad for parameter in done.projection.parameters())


def test_the_losses_of_a_network_hold_for_a_projection_too(prepared, rows):
    def first(**settings):
        return train_projection(prepared, *rows, Settings(projection=6, epochs=1, **settings), progress=silent).log[0]

    plain = first(other_loss="none")
    assert set(plain) == {
        "epoch",
        "loss",
        "classification_loss",
        "skipped_steps",
        "held_out_loss",
        "held_out_accuracy",
    }
    assert plain["loss"] == pytest.approx(plain["classification_loss"])
    more = first(embedding_loss="supcon", embedding_weight=2.0)
    expected = more["classification_loss"] + more["other_loss"] + 2 * more["embedding_loss"]
    assert more["loss"] == pytest.approx(expected, rel=1e-4)
    weighted = first(other_loss="none", class_weights={"bar": 9.0})
    assert weighted["classification_loss"] != plain["classification_loss"]


def test_over_sampling_takes_as_many_steps_in_fewer_epochs(prepared, rows, monkeypatch):
    monkeypatch.setattr("hierclf.training.schedule.STEPS_FROM_SCRATCH", 60)
    fit = prepared.parts.fit
    rare = prepared.label_n[fit] == prepared.label_n[fit].max()
    uneven = replace(prepared, parts=replace(prepared.parts, fit=fit[~rare | (np.cumsum(rare) <= 3)]))

    def epochs(how):
        settings = Settings(projection=4, class_weights=how, patience=99)
        return len(train_projection(uneven, *rows, settings, progress=silent).log)

    images, most = len(uneven.parts.fit), np.bincount(uneven.label_n[uneven.parts.fit]).max()
    batch_size = max(8, images // 8)
    assert epochs(None) == round(60 * batch_size / images)
    assert epochs("oversample") == max(6, round(60 * batch_size / (4 * most))) < epochs(None)


def test_images_of_other_are_learnt_from(prepared, rows):
    def known_share(other):
        done = train_projection(prepared, rows[0], other, Settings(projection=6, epochs=30), progress=silent)
        with torch.no_grad():
            return float(done.head.leaf_scores(done.head(done.projection(rows[1].float()))).logsumexp(1).mean())

    assert known_share(rows[1]) < known_share(None) - 0.3
