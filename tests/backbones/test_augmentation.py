from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from hierclf.backbones import Preprocessing, augment, augmentations, named_changes
from hierclf.backbones.augmentation import RANDOM_NUMBERS, uniform_numbers
from hierclf.errors import UnknownName

GLYPHS = Preprocessing(height=28, width=28, mode="L", mean=(0.5,), std=(0.5,))
PHOTOS = Preprocessing(height=32, width=40)


def images(preprocessing: Preprocessing, count: int) -> torch.Tensor:
    shape = (count, preprocessing.height, preprocessing.width, 3)
    return preprocessing.batch(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def change(batch, index, *, how="auto", preprocessing=GLYPHS, seed=0, epoch=0):
    return augment(batch, torch.as_tensor(index), how=how, preprocessing=preprocessing, seed=seed, epoch=epoch)


EVERY = [*augmentations, "photos+erasing"]
BOTH = pytest.mark.parametrize("preprocessing", [GLYPHS, PHOTOS], ids=["grey", "colour"])


@BOTH
@pytest.mark.parametrize("how", EVERY)
def test_an_image_changes_the_same_way_in_any_batch(preprocessing, how):
    batch = images(preprocessing, 5)
    given = batch.clone()
    together = change(batch, [7, 3, 9, 0, 12], how=how, preprocessing=preprocessing)
    alone = change(batch[2:3], [9], how=how, preprocessing=preprocessing)
    assert_close(together[2:3], alone, atol=1e-5, rtol=0)
    assert torch.equal(batch, given)
    state = torch.get_rng_state()
    assert torch.equal(change(batch, [7, 3, 9, 0, 12], how=how, preprocessing=preprocessing), together)
    assert torch.equal(torch.get_rng_state(), state)


@BOTH
@pytest.mark.parametrize("how", EVERY)
def test_shape_dtype_and_range_stay(preprocessing, how):
    batch = images(preprocessing, 12)
    changed = change(batch, range(12), how=how, preprocessing=preprocessing)
    assert changed.shape == batch.shape
    assert changed.dtype == batch.dtype
    mean, std = (torch.tensor(values)[:, None, None] for values in (preprocessing.mean, preprocessing.std))
    unit = changed * std + mean
    assert unit.min() > -1e-5
    assert unit.max() < 1 + 1e-5


@BOTH
@pytest.mark.parametrize("how", [name for name in EVERY if name != "none"])
def test_seed_epoch_and_index_each_matter(preprocessing, how):
    batch = images(preprocessing, 1).expand(16, -1, -1, -1)  # an operation may leave one image as it is
    results = [
        change(batch, range(index, index + 16), how=how, preprocessing=preprocessing, seed=seed, epoch=epoch)
        for seed, epoch, index in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 16)]
    ]
    for first in range(4):
        for second in range(first):
            assert not torch.allclose(results[first], results[second], atol=1e-3)


def test_joined_ways_follow_each_other_with_numbers_of_their_own():
    batch, index = images(GLYPHS, 6), np.arange(6)
    numbers = torch.from_numpy(uniform_numbers(0, 0, index, 2 * RANDOM_NUMBERS)).float()
    expected = augmentations["glyphs"](batch, numbers[:, :RANDOM_NUMBERS], GLYPHS)
    expected = augmentations["erasing"](expected, numbers[:, RANDOM_NUMBERS:], GLYPHS)
    assert torch.equal(change(batch, index, how="glyphs+erasing"), expected)
    assert named_changes("auto+erasing", PHOTOS) == (augmentations["photos"], augmentations["erasing"])


def test_auto_reads_the_mode():
    for preprocessing, how in ((GLYPHS, "glyphs"), (PHOTOS, "photos")):
        batch = images(preprocessing, 2)
        named = change(batch, [0, 1], preprocessing=preprocessing, how=how)
        assert torch.equal(named, change(batch, [0, 1], preprocessing=preprocessing))


def test_none_leaves_the_images_alone():
    batch = images(GLYPHS, 3)
    assert change(batch, [0, 1, 2], how="none") is batch


@pytest.mark.parametrize("how", [name for name in EVERY if "_augment" not in name])
def test_no_image_and_double_precision(how):
    assert change(images(PHOTOS, 0), torch.empty(0, dtype=torch.int64), how=how, preprocessing=PHOTOS).shape[0] == 0
    double = change(images(PHOTOS, 2).double(), [0, 1], how=how, preprocessing=PHOTOS)
    assert double.dtype == torch.float64
    assert_close(double.float(), change(images(PHOTOS, 2), [0, 1], how=how, preprocessing=PHOTOS), atol=1e-3, rtol=0)


def test_random_numbers_are_uniform_and_independent():
    numbers = uniform_numbers(3, 5, np.arange(20_000), 4)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    np.testing.assert_allclose(numbers.mean(axis=0), 0.5, atol=0.01)
    np.testing.assert_allclose(numbers.var(axis=0), 1 / 12, atol=0.003)
    np.testing.assert_allclose(np.corrcoef(numbers.T) - np.eye(4), 0, atol=0.03)
    assert abs(np.corrcoef(numbers[1:, 0], numbers[:-1, 0])[0, 1]) < 0.03


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownName, match="no augmentation named 'glyph'; did you mean 'glyphs'"):
        change(images(GLYPHS, 1), [0], how="glyph")
    with pytest.raises(UnknownName, match="no augmentation named 'erase'; did you mean 'erasing'"):
        named_changes("photos+erase")
