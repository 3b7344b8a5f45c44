from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from hierclf.backbones import Preprocessing, augment
from hierclf.backbones.augmentation import uniform_numbers
from hierclf.errors import UnknownName

GLYPHS = Preprocessing(height=28, width=28, mode="L", mean=(0.5,), std=(0.5,))
PHOTOS = Preprocessing(height=32, width=40)


def images(preprocessing: Preprocessing, count: int) -> torch.Tensor:
    shape = (count, preprocessing.height, preprocessing.width, 3)
    return preprocessing.batch(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def change(batch, index, *, how="auto", preprocessing=GLYPHS, seed=0, epoch=0):
    return augment(batch, torch.as_tensor(index), how=how, preprocessing=preprocessing, seed=seed, epoch=epoch)


@pytest.mark.parametrize("preprocessing", [GLYPHS, PHOTOS], ids=["glyphs", "photos"])
def test_an_image_changes_the_same_way_in_any_batch(preprocessing):
    batch = images(preprocessing, 5)
    together = change(batch, [7, 3, 9, 0, 12], preprocessing=preprocessing)
    alone = change(batch[2:3], [9], preprocessing=preprocessing)
    assert_close(together[2:3], alone, atol=1e-5, rtol=0)
    state = torch.get_rng_state()
    change(batch, [0, 1, 2, 3, 4], preprocessing=preprocessing)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("preprocessing", [GLYPHS, PHOTOS], ids=["glyphs", "photos"])
def test_seed_epoch_and_index_each_matter(preprocessing):
    batch = images(preprocessing, 1)
    results = [
        change(batch, [index], preprocessing=preprocessing, seed=seed, epoch=epoch)
        for seed, epoch, index in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    ]
    for first in range(4):
        for second in range(first):
            assert not torch.allclose(results[first], results[second], atol=1e-3)


def test_auto_reads_the_mode():
    for preprocessing, how in ((GLYPHS, "glyphs"), (PHOTOS, "photos")):
        batch = images(preprocessing, 2)
        named = change(batch, [0, 1], preprocessing=preprocessing, how=how)
        assert torch.equal(named, change(batch, [0, 1], preprocessing=preprocessing))


def test_none_leaves_the_images_alone():
    batch = images(GLYPHS, 3)
    assert change(batch, [0, 1, 2], how="none") is batch


def test_glyphs_are_never_mirrored_and_move_little():
    glyph = torch.full((1, 1, 28, 28), -1.0)
    glyph[..., 6:22, 6:10] = 1  # an L: a bar on the left, a foot to the right
    glyph[..., 18:22, 6:20] = 1
    changed = change(glyph.expand(200, -1, -1, -1), range(200))
    mirrored = glyph.flip(3)
    distance = (changed - glyph).square().mean(dim=(1, 2, 3))
    assert (distance < (changed - mirrored).square().mean(dim=(1, 2, 3))).all()
    assert distance.mean() > 0.05  # and yet it is a change


@pytest.mark.parametrize("ground", [-1.0, 1.0])
def test_the_ground_of_a_glyph_goes_on_beyond_its_edge(ground):
    glyph = torch.full((20, 1, 28, 28), ground)
    glyph[..., 12:16, 12:16] = -ground
    changed = change(glyph, range(20))
    assert_close(changed[..., 0, :], torch.full((20, 1, 28), ground), atol=1e-4, rtol=0)


def test_photos_are_mirrored_half_of_the_time_and_keep_their_range():
    ramp = torch.linspace(0, 255, 40).round().to(torch.uint8).expand(400, 32, 3, 40).movedim(2, 3).contiguous()
    batch = PHOTOS.batch(ramp.numpy())
    changed = change(batch, range(400), preprocessing=PHOTOS)
    rises = changed[..., -1].mean(dim=(1, 2)) > changed[..., 0].mean(dim=(1, 2))
    assert 0.4 < rises.float().mean() < 0.6
    unit = changed * torch.tensor(PHOTOS.std)[:, None, None] + torch.tensor(PHOTOS.mean)[:, None, None]
    assert unit.min() > -1e-5
    assert unit.max() < 1 + 1e-5


@pytest.mark.parametrize("how", ["none", "glyphs", "photos"])
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
