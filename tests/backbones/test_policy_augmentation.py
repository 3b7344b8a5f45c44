from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torchvision.transforms import v2

from hierclf.backbones import Preprocessing, augment, rand_augment, trivial_augment
from hierclf.backbones.augmentation import RANDOM_NUMBERS, uniform_numbers

PHOTOS = Preprocessing(height=24, width=20)


def photos(count):
    return np.random.default_rng(0).integers(0, 256, (count, 24, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("how", "policy"),
    [(trivial_augment, v2.TrivialAugmentWide), (rand_augment, v2.RandAugment)],
    ids=["trivial", "rand"],
)
def test_each_image_goes_through_the_policy_of_torchvision(how, policy):
    pixels = photos(12)
    random = torch.from_numpy(uniform_numbers(3, 1, np.arange(12), RANDOM_NUMBERS)).float()
    changed = how(PHOTOS.batch(pixels), random, PHOTOS)
    for place, image in enumerate(torch.from_numpy(pixels).movedim(3, 1)):
        border = torch.cat([image[:, 0], image[:, -1], image[..., 0], image[..., -1]], dim=1)
        high, low = (int(float(random[place, column]) * 2**24) for column in (0, 1))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(high * 2**24 + low)
            expected = policy(fill=border.median(1).values.tolist())(image)
        assert_close(changed[place : place + 1], PHOTOS.batch(expected.movedim(0, 2).numpy()[None]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("how", ["trivial_augment", "rand_augment"])
def test_most_images_change_each_in_its_own_way(how):
    batch = PHOTOS.batch(photos(1)).expand(40, -1, -1, -1)
    changed = augment(batch, torch.arange(40), how=how, preprocessing=PHOTOS, seed=0, epoch=0)
    assert len(changed.unique(dim=0)) > 25


@pytest.mark.parametrize("how", ["trivial_augment", "rand_augment"])
def test_no_image_and_double_precision(how):
    double = PHOTOS.batch(photos(3)).double()
    settings = {"how": how, "preprocessing": PHOTOS, "seed": 0, "epoch": 0}
    changed = augment(double, torch.arange(3), **settings)
    assert changed.dtype == torch.float64
    assert_close(changed.float(), augment(double.float(), torch.arange(3), **settings), atol=1e-5, rtol=0)
    assert len(augment(double[:0], torch.arange(0), **settings)) == 0
