from __future__ import annotations

import pytest
import torch

from hierclf.errors import UnknownName
from hierclf.losses import OpenSetBatch, other_losses


def batch_of(generator, *, known=4, other=3, kinds=None, dtype=torch.float64):
    count = known + other
    return OpenSetBatch(
        embedding_BD=torch.randn(count, 5, generator=generator, dtype=dtype).requires_grad_(),
        leaf_BL=torch.randn(count, 6, generator=generator, dtype=dtype).requires_grad_(),
        kinds_BO=None if kinds is None else torch.randn(count, kinds, generator=generator, dtype=dtype),
        kind_M=torch.randint(kinds or 2, (other,), generator=generator),
        share_M=torch.full((other,), 1 / other, dtype=dtype),
    )


def test_the_ways_are_these():
    assert sorted(other_losses) == ["entropic", "kinds", "none", "objectosphere", "outlier_exposure"]
    assert other_losses["none"].term is None
    assert [name for name in other_losses if other_losses[name].learns_kinds] == ["kinds"]
    with pytest.raises(UnknownName, match="no loss on images of other named 'objectosfere'; did you mean 'objectosph"):
        other_losses["objectosfere"]


@pytest.mark.parametrize("name", [name for name in other_losses if name != "none"])
@pytest.mark.parametrize("known", [1, 4])
def test_a_number_with_a_finite_gradient(name, known, generator):
    batch = batch_of(generator, known=known, kinds=2, dtype=torch.float32)
    loss = other_losses[name].term(batch)
    loss.backward()
    assert loss.shape == ()
    assert loss.isfinite()
    assert batch.leaf_BL.grad.isfinite().all()
    assert batch.leaf_BL.grad[known:].abs().sum() > 0


@pytest.mark.parametrize("name", [name for name in other_losses if name != "none"])
def test_the_shares_say_what_each_image_counts(name, generator):
    term = other_losses[name].term
    batch = batch_of(generator, kinds=2)

    def of(*shares):
        share_M = torch.tensor(shares, dtype=torch.float64)
        return term(
            OpenSetBatch(
                embedding_BD=batch.embedding_BD,
                leaf_BL=batch.leaf_BL,
                kinds_BO=batch.kinds_BO,
                kind_M=batch.kind_M,
                share_M=share_M,
            )
        ).item()

    one, two, three = of(1.0, 0.0, 0.0), of(0.0, 1.0, 0.0), of(0.0, 0.0, 1.0)
    assert of(0.5, 0.3, 0.2) == pytest.approx(0.5 * one + 0.3 * two + 0.2 * three)
