from __future__ import annotations

import pytest
import torch

from hierclf.negatives import transformations


@pytest.mark.parametrize(("name", "side"), [("shuffled_2x2", 2), ("shuffled_4x4", 4)])
def test_patches_are_all_there_and_never_all_in_their_places(name, side):
    images = torch.arange(200 * 64.0).reshape(200, 1, 8, 8)
    made = transformations[name](images, images, torch.Generator().manual_seed(0))
    size = 8 // side
    for before, after in zip(images[:, 0], made[:, 0], strict=True):
        whole, parts = (
            [
                tuple(one[row : row + size, column : column + size].flatten().tolist())
                for row in range(0, 8, size)
                for column in range(0, 8, size)
            ]
            for one in (before, after)
        )
        assert sorted(whole) == sorted(parts)
        assert whole != parts


def test_rows_and_columns_left_over_stay():
    images = torch.randn(3, 2, 9, 11, generator=torch.Generator().manual_seed(0))
    made = transformations["shuffled_2x2"](images, images, torch.Generator().manual_seed(0))
    assert torch.equal(made[:, :, 8], images[:, :, 8])
    assert torch.equal(made[..., 10], images[..., 10])


def test_a_warp_moves_things_but_not_far():
    rows = torch.linspace(-1, 1, 16)[:, None].expand(16, 16)[None, None]
    made = transformations["warped"](rows, rows, torch.Generator().manual_seed(0))
    moved = (made - rows).abs()
    assert 0.05 < float(moved.mean()) < 0.45
    assert float(moved.max()) < 0.7  # knots move by 0.45 at most, and a cubic swings a little beyond them
