from __future__ import annotations

import numpy as np
import pytest
import torch

from hierclf.backbones import Preprocessing, augment
from hierclf.data import load_images
from hierclf.training import TrainingImages
from hierclf.training.material import ImageReader, RowReader
from tests.synthetic import glyphs

PREPROCESSING = Preprocessing(height=12, width=12, mode="L", mean=(0.5,), std=(0.5,))
CPU = torch.device("cpu")


def test_images_are_decoded_and_changed_by_seed_epoch_and_place():
    pictures, labels = glyphs(count=3)
    images = TrainingImages(images=load_images(pictures), label_n=torch.arange(len(labels)))
    reader = ImageReader(preprocessing=PREPROCESSING, augmentation="glyphs", seed=4)
    places = [5, 0, 5, 7, 2]
    batches = list(reader.batches(images, places, batch_size=2))
    assert [batch.index_B.tolist() for batch in batches] == [[5, 0], [5, 7], [2]]
    for batch in batches:
        expected = PREPROCESSING.batch(pictures[batch.index_B.numpy()])
        assert torch.equal(batch.images_BCHW, expected)
        changed = augment(expected, batch.index_B, how="glyphs", preprocessing=PREPROCESSING, seed=4, epoch=3)
        assert torch.equal(reader.changed(batch, 3, CPU), changed)
    assert images.names([3, 1]) == [images.images.names[3], images.images.names[1]]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_rows_come_in_the_order_asked_for_and_stay_as_they_are(size, generator):
    rows = torch.randn(6, 4, generator=generator)
    images = TrainingImages(images=rows, label_n=torch.arange(6))
    places = np.array([4, 4, 0, 5, 1])
    batches = list(RowReader().batches(images, places.tolist(), batch_size=size))
    assert torch.equal(torch.cat([batch.images_BCHW for batch in batches]), rows[places])
    assert torch.cat([batch.index_B for batch in batches]).tolist() == places.tolist()
    assert all(len(batch.index_B) <= size for batch in batches)
    assert RowReader().changed(batches[0], 9, CPU) is batches[0].images_BCHW
    assert images.names([3]) == ["#3"]


def test_an_epoch_visits_what_is_drawn():
    rows, label_n = torch.zeros(6, 4), torch.arange(6)
    assert TrainingImages(images=rows, label_n=label_n).visited == 6
    assert TrainingImages(images=rows, label_n=label_n, draw=lambda generator: np.array([0, 0, 5])).visited == 3
    assert TrainingImages(images=rows, label_n=torch.tensor([7, 2, 2, 7, 2, 2])).classes == 2


def test_no_row_is_no_batch():
    images = TrainingImages(images=torch.empty(0, 4), label_n=torch.empty(0, dtype=torch.int64))
    assert list(RowReader().batches(images, range(0), batch_size=8)) == []
