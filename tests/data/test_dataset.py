from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from hierclf.data import load_images
from hierclf.data.dataset import ImageDataset, collate


def to_tensor(image):
    return torch.from_numpy(np.asarray(image).copy()).movedim(-1, 0)


@pytest.fixture
def five(paint, tmp_path) -> list[Path]:
    paths = [paint(f"{place}.png", place) for place in range(5)]
    paths[1].write_bytes(b"<html>")
    paths[4].unlink()
    return paths


@pytest.mark.parametrize(
    ("workers", "start"), [(0, None), (1, "fork"), pytest.param(2, "spawn", marks=pytest.mark.slow)]
)
def test_bad_images_are_errors_beside_the_batch(five, workers, start):
    context = multiprocessing.get_context(start) if start else None
    loader = DataLoader(
        ImageDataset(load_images(five), to_tensor),
        batch_size=3,
        collate_fn=collate,
        num_workers=workers,
        multiprocessing_context=context,
    )
    batches = list(loader)
    assert [places.tolist() for _, places, _ in batches] == [[0, 2], [3]]
    assert [images[:, 0, 0, 0].tolist() for images, _, _ in batches] == [[0, 2], [3]]
    errors = [error for _, _, batch in batches for error in batch]
    assert [place for place, _ in errors] == [1, 4]
    assert "it holds HTML" in errors[0][1]
    assert "no such file" in errors[1][1]


def test_a_batch_without_a_single_good_image():
    images, places, errors = collate([(None, 7, "broken")])
    assert images.shape == (0,)
    assert places.dtype == torch.int64
    assert places.shape == (0,)
    assert errors == [(7, "broken")]


def test_a_mistake_in_the_transform_is_not_hidden(paint):
    def fails(image):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ImageDataset(load_images([paint("a.png")]), fails)[0]


def test_length_and_order(paint):
    dataset = ImageDataset(load_images(np.arange(8, dtype=np.uint8).reshape(2, 2, 2)), to_tensor)
    assert len(dataset) == 2
    assert dataset[1][0][0].tolist() == [[4, 5], [6, 7]]
