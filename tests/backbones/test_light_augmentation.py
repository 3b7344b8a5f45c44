from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from hierclf.backbones import Preprocessing, augment

GLYPHS = Preprocessing(height=28, width=28, mode="L", mean=(0.5,), std=(0.5,))
PHOTOS = Preprocessing(height=32, width=40)


def change(batch, index, *, how="auto", preprocessing=GLYPHS):
    return augment(batch, torch.as_tensor(index), how=how, preprocessing=preprocessing, seed=0, epoch=0)


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
