from __future__ import annotations

import pytest
import torch

from hierclf.negatives import transformations

ONES, TWOS = torch.full((4, 2, 6, 8), 1.0), torch.full((4, 2, 6, 8), 2.0)


def made(name, images=ONES, partners=TWOS):
    return transformations[name](images, partners, torch.Generator().manual_seed(0))


def test_halves_come_from_the_image_and_its_partner():
    beside, stacked = made("halves_beside"), made("halves_stacked")
    assert beside[..., :4].eq(1).all()
    assert beside[..., 4:].eq(2).all()
    assert stacked[:, :, :3].eq(1).all()
    assert stacked[:, :, 3:].eq(2).all()


def test_mixed_is_the_mean():
    assert made("mixed").eq(1.5).all()


@pytest.mark.parametrize("light", [True, False])
def test_strokes_of_both_are_laid_over_each_other(light):
    ground, stroke = (0.0, 1.0) if light else (1.0, 0.0)
    image, partner = torch.full((2, 1, 1, 7, 7), ground)
    image[0, 0, 3, 1:6] = stroke
    partner[0, 0, 1:6, 3] = stroke
    both = torch.full((7, 7), ground)
    both[3, 1:6] = both[1:6, 3] = stroke
    assert torch.equal(made("overlaid", image, partner)[0, 0], both)


def test_the_partner_is_moved_to_the_ground_of_the_image():
    image, partner = torch.full((1, 1, 7, 7), 0.25), torch.full((1, 1, 7, 7), 1.0)
    partner[0, 0, 3, 3] = 0.5
    result = made("overlaid", image, partner)[0, 0]
    assert result[3, 3] == -0.25  # as much darker than the image's ground as it was than its own
    assert result.eq(0.25).sum() == 48


def test_a_piece_is_pasted_whole_and_from_the_partner():
    partners = torch.arange(48.0).reshape(1, 1, 6, 8).expand(4, 2, 6, 8) + 100
    result = made("pasted", ONES, partners)
    for image in result:
        foreign = image[0] > 50
        rows, columns = foreign.any(1).nonzero()[:, 0], foreign.any(0).nonzero()[:, 0]
        assert (len(rows), len(columns), int(foreign.sum())) == (3, 4, 12)  # half as high, half as wide, and full
        piece = image[0][foreign].reshape(3, 4)
        top, left = divmod(int(piece[0, 0]) - 100, 8)
        assert torch.equal(piece, partners[0, 0, top : top + 3, left : left + 4])
        assert torch.equal(image[0], image[1])
    assert len({tuple(image[0].flatten().tolist()) for image in result}) > 1
