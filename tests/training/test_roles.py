from __future__ import annotations

import numpy as np
import pytest
import torch

from hierclf.settings import Settings
from hierclf.training import prepare_images
from hierclf.training.roles import held_out, of_other, to_learn_from
from tests.synthetic import SHAPES, STRANGE, glyphs

DIVISION = {"keep": 0.95, "calibration_share": 0.15, "seed": 0}


@pytest.fixture(scope="module")
def prepared():
    return prepare_images(*glyphs(count=10), glyphs(STRANGE, 5)[0], SHAPES, **DIVISION)


def test_images_and_rows_play_the_same_parts(prepared, generator):
    rows = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    settings = Settings(class_weights="balanced")
    for part, places in (
        (lambda *given: to_learn_from(prepared, settings, *given), prepared.parts.fit),
        (lambda *given: held_out(prepared, *given), prepared.parts.tune),
    ):
        images, embeddings = part(), part(rows)
        assert images.label_n.tolist() == embeddings.label_n.tolist() == prepared.label_n[places].tolist()
        assert [images.images.names[n] for n in range(len(places))] == [prepared.images.names[n] for n in places]
        assert torch.equal(embeddings.images, rows[places].float())
    learning = to_learn_from(prepared, settings, rows)
    counts = np.bincount(learning.label_n.numpy())
    sums = np.bincount(learning.label_n.numpy(), weights=learning.weight_n.numpy())
    assert np.ptp(sums[counts > 0]) < 1e-4  # every class weighs the same
    assert learning.draw is None
    assert to_learn_from(prepared, Settings(class_weights="oversample")).draw is not None


def test_images_of_other_are_labelled_by_kind(prepared, generator):
    rows = torch.randn(10, 3, generator=generator)
    assert torch.equal(of_other(prepared, rows).images, rows)
    assert of_other(prepared, rows).label_n.tolist() == of_other(prepared).label_n.tolist() == prepared.kind_m.tolist()
    assert of_other(prepare_images(*glyphs(count=10), None, SHAPES, **DIVISION)) is None
