from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from hierclf.backbones import Preprocessing, augment, change_glyphs, change_glyphs_strongly, erase_parts
from hierclf.backbones.light_augmentation import affine_of_glyphs
from hierclf.backbones.strong_augmentation import STRONG_GLYPHS, elastic_bend

GLYPHS = Preprocessing(height=28, width=28, mode="L", mean=(0.5,), std=(0.5,))
PHOTOS = Preprocessing(height=32, width=40)


def numbers(count, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random((count, 64))).float()


def an_l(ground=-1.0):
    glyph = torch.full((1, 1, 28, 28), ground)
    glyph[..., 6:22, 6:10] = -ground  # a bar on the left, a foot to the right
    glyph[..., 18:22, 6:20] = -ground
    return glyph


def test_strong_glyphs_go_further_than_light_ones_and_are_not_mirrored():
    glyph, random = an_l().expand(300, -1, -1, -1), numbers(300)
    light, strong = change_glyphs(glyph, random, GLYPHS), change_glyphs_strongly(glyph, random, GLYPHS)
    distances = [(images - glyph).square().mean(dim=(1, 2, 3)) for images in (light, strong)]
    assert distances[1].mean() > 1.5 * distances[0].mean()
    affine = affine_of_glyphs(random, STRONG_GLYPHS)
    assert (torch.linalg.det(affine[:, :, :2]) > 0.5).all()


@pytest.mark.parametrize("ground", [-1.0, 1.0])
def test_erased_parts_are_rectangles_of_ground(ground):
    images = torch.full((400, 1, 28, 28), -ground)
    images[..., [0, -1], :] = images[..., [0, -1]] = ground
    random = numbers(400)
    erased = erase_parts(images, random, GLYPHS) != images
    inner = erased[:, 0, 1:-1, 1:-1]
    touched = inner.any((1, 2))
    assert 0.4 < touched.double().mean() < 0.6
    for place in touched.nonzero()[:, 0].tolist():
        rows, columns = inner[place].any(1), inner[place].any(0)
        assert torch.equal(inner[place], rows[:, None] & columns[None, :])
    for place in range(400):  # what the numbers say, pixel by pixel
        toggle, area, aspect, right, below = random[place, 56:61].tolist()
        side, stretch = math.sqrt(0.02 + 0.18 * area), math.exp((2 * aspect - 1) * math.log(3) / 2)
        wide, high = min(1.0, side * stretch), min(1.0, side / stretch)
        left, top = right * (1 - wide), below * (1 - high)
        row, column = place % 26 + 1, place * 7 % 26 + 1
        y, x = (row + 0.5) / 28, (column + 0.5) / 28
        expected = toggle < 0.5 and left <= x < left + wide and top <= y < top + high
        assert bool(erased[place, 0, row, column]) == expected


def test_a_bend_is_smooth_and_goes_through_its_knots():
    random = numbers(3)
    bend = elastic_bend(random, 10, 13)
    knots = (2 * random[:, :32] - 1).reshape(3, 2, 4, 4) * 0.12
    assert_close(bend[:, ::3, ::4].movedim(3, 1), knots, atol=1e-5, rtol=0)
    assert elastic_bend(random, 100, 100).diff(dim=1).abs().max() < 0.03


def test_strong_photos_keep_less_of_the_area_than_light_ones():
    ramp = torch.linspace(0, 255, 40).round().to(torch.uint8).expand(300, 32, 3, 40).movedim(2, 3).contiguous()
    batch = PHOTOS.batch(ramp.numpy())
    spans = []
    for how in ("photos", "photos_strong"):
        changed = augment(batch, torch.arange(300), how=how, preprocessing=PHOTOS, seed=0, epoch=0)
        spans.append((changed[:, 0, :, -1] - changed[:, 0, :, 0]).median(1).values.abs())
    assert spans[1].mean() < 0.9 * spans[0].mean()
