from __future__ import annotations

import math

import pytest
import torch

from hierclf.losses import known_or_other_loss


def test_the_competition_is_cross_entropy_with_all_leaves_as_one_class(generator):
    leaf_BL = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    kinds_BO = torch.randn(7, 2, generator=generator, dtype=torch.float64)
    kind_M = torch.tensor([0, 1, 1])
    everything = torch.cat([leaf_BL, kinds_BO], dim=1).softmax(1)
    known = [-math.log(float(row[:4].sum())) for row in everything[:4]]
    strange = [-math.log(float(row[4 + kind])) for row, kind in zip(everything[4:], kind_M.tolist(), strict=True)]
    expected = 0.5 * (sum(known) / 4 + sum(strange) / 3)
    assert float(known_or_other_loss(leaf_BL, kinds_BO, kind_M)) == pytest.approx(expected)
