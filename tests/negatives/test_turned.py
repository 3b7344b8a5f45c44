from __future__ import annotations

import pytest
import torch

from hierclf.negatives import transformations

PICTURE = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mirrored", [[3, 2, 1], [6, 5, 4], [9, 8, 7]]),
        ("upside_down", [[7, 8, 9], [4, 5, 6], [1, 2, 3]]),
        ("rotated_90", [[3, 6, 9], [2, 5, 8], [1, 4, 7]]),
        ("rotated_180", [[9, 8, 7], [6, 5, 4], [3, 2, 1]]),
        ("rotated_270", [[7, 4, 1], [8, 5, 2], [9, 6, 3]]),
    ],
)
def test_worked_by_hand(name, expected):
    made = transformations[name](PICTURE[None, None], PICTURE[None, None], torch.Generator())
    assert made[0, 0].tolist() == expected


def test_an_oblong_image_is_scaled_back_to_its_shape():
    image = torch.zeros(1, 1, 8, 4)
    image[:, :, 0] = 1.0  # the upper edge
    made = transformations["rotated_90"](image, image, torch.Generator())
    assert made.shape == image.shape
    assert made[0, 0, :, 0].gt(0.3).all()  # is now the left one
    assert made[0, 0, :, 2:].eq(0).all()
