from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from hierclf.errors import DataError
from hierclf.progress import silent
from hierclf.training.trainer import Trainer, known_or_other_loss


def trainer_of(workshop, backbone=None, other=None, **settings):
    network, head = workshop.network()
    return Trainer(
        backbone or network,
        head,
        workshop.images(),
        other,
        workshop.weight_NK,
        workshop.schedule(**settings),
        device=torch.device("cpu"),
        workers=0,
    )


class Spoilt(nn.Module):
    """Gives NaN at chosen steps of training."""

    def __init__(self, inner, steps):
        super().__init__()
        self.inner, self.steps, self.step = inner, steps, -1

    def forward(self, images):
        if self.training:
            self.step += 1
            if self.step in self.steps:
                images = images * math.nan
        return self.inner(images)


def spoil(trainer, steps):
    trainer.backbone.features = Spoilt(trainer.backbone.features, steps)
    return trainer


def test_a_step_with_nan_is_skipped_and_leaves_nothing_behind(workshop):
    trainer = spoil(trainer_of(workshop), {1, 3})
    entry = trainer.run_epoch(0, silent)
    assert entry["skipped_steps"] == 2
    assert math.isfinite(entry["loss"])
    assert all(values.isfinite().all() for values in trainer.networks.state_dict().values())
    assert math.isfinite(trainer.assess(workshop.images(8, seed=1))["held_out_loss"])


def test_five_in_a_row_stop_the_run_and_name_the_images(workshop):
    trainer = spoil(trainer_of(workshop, batch_size=8), {2, 3, 4, 5, 6})
    with pytest.raises(DataError) as caught:
        trainer.run_epoch(0, silent)
    assert "the loss was not finite 5 times in a row, last on a batch with #" in str(caught.value)
    assert "lower the learning rates" in str(caught.value)
    assert str(caught.value).count("#") == 8


def test_four_in_a_row_do_not(workshop):
    assert spoil(trainer_of(workshop, batch_size=8), {2, 3, 4, 5, 7, 8, 9}).run_epoch(0, silent)["skipped_steps"] == 7


def test_a_gradient_that_is_not_finite_is_no_step_either(workshop):
    trainer = trainer_of(workshop)
    weight = trainer.head.linear.weight
    steps = iter([1.0, math.inf, 1.0, math.nan, 1.0])
    weight.register_hook(lambda gradient: gradient * next(steps))
    assert trainer.run_epoch(0, silent)["skipped_steps"] == 2
    assert weight.isfinite().all()


def test_biases_and_norms_do_not_decay(workshop):
    for group in trainer_of(workshop, weight_decay=0.3).optimizer.param_groups:
        assert all((parameter.ndim > 1) == (group["weight_decay"] == 0.3) for parameter in group["params"])


def test_the_competition_is_cross_entropy_with_all_leaves_as_one_class(generator):
    leaf_BL = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    kinds_BO = torch.randn(7, 2, generator=generator, dtype=torch.float64)
    kind_M = torch.tensor([0, 1, 1])
    everything = torch.cat([leaf_BL, kinds_BO], dim=1).softmax(1)
    known = [-math.log(float(row[:4].sum())) for row in everything[:4]]
    strange = [-math.log(float(row[4 + kind])) for row, kind in zip(everything[4:], kind_M.tolist(), strict=True)]
    expected = 0.5 * (sum(known) / 4 + sum(strange) / 3)
    assert float(known_or_other_loss(leaf_BL, kinds_BO, kind_M)) == pytest.approx(expected)


def test_the_gates_weight_multiplies_the_competition(workshop):
    def loss(weight):
        trainer = trainer_of(workshop, other=workshop.other(), gate_weight=weight)
        trainer.networks.eval()
        batch = next(trainer._stream(np.arange(16)))
        strange = next(trainer._strangers(80, np.random.default_rng(0)))
        with torch.no_grad():
            return float(trainer.loss(0, batch, strange))

    assert loss(3.0) - loss(1.0) == pytest.approx(2 * (loss(1.0) - loss(0.0)), rel=1e-4)
    assert loss(1.0) > loss(0.0)


def test_right_is_the_likeliest_leaf_at_or_below_the_label(workshop):
    trainer = trainer_of(workshop)
    with torch.no_grad():
        trainer.head.linear.weight.zero_()
        trainer.head.linear.bias.copy_(torch.tensor([0.0, 0.0, 9.0, 0.0, 0.0, 0.0]))  # "bar", whatever comes
    images = workshop.images(5)
    nodes = workshop.plan.nodes
    for label, right in (("bar", 1.0), ("straight", 1.0), ("shape", 1.0), ("pole", 0.0), ("slanted", 0.0)):
        label_n = torch.full((20,), nodes.index(label))
        held_out = type(images)(images=images.images, label_n=label_n)
        assert trainer.assess(held_out)["held_out_accuracy"] == right
