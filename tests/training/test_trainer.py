from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from hierclf.backbones import Projection
from hierclf.errors import DataError
from hierclf.heads import heads
from hierclf.negatives import NegativeRecipe, make_negatives
from hierclf.progress import silent
from hierclf.training import TrainingImages, fine_tune
from hierclf.training.material import ImageReader
from hierclf.training.trainer import Trainer


def trainer_of(workshop, backbone=None, other=None, negatives=None, **settings):
    network, head = workshop.network()
    return Trainer(
        backbone or network,
        head,
        workshop.images(),
        other,
        workshop.weight_NK,
        workshop.schedule(**settings),
        reader=ImageReader(preprocessing=network.preprocessing, augmentation="none"),
        device=torch.device("cpu"),
        negatives=negatives,
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


def test_the_beginning_of_a_pretrained_backbone_learns_more_slowly(workshop):
    backbone, _ = workshop.network()
    backbone.pretrained = True
    trainer = trainer_of(workshop, backbone, layer_decay=0.5, backbone_rate=1e-3, head_rate=1e-2)
    rates = {id(p): group["lr"] for group in trainer.optimizer.param_groups for p in group["params"]}
    by_name = {name: rates[id(parameter)] for name, parameter in trainer.networks.named_parameters()}
    layers = [name for name, parameter in backbone.named_parameters() if parameter.ndim > 1]
    for depth, name in enumerate(reversed(layers)):
        assert by_name[f"backbone.{name}"] == pytest.approx(1e-3 * 0.5**depth)
    assert by_name["backbone.features.2.weight"] == by_name[f"backbone.{layers[0]}"]  # its norm
    assert by_name["head.linear.weight"] == 1e-2
    for group in trainer.optimizer.param_groups:
        assert all((parameter.ndim > 1) == (group["weight_decay"] == 0.01) for parameter in group["params"])


def test_layer_decay_is_for_pretrained_backbones_and_1_changes_nothing(workshop):
    plain = trainer_of(workshop).optimizer.state_dict()["param_groups"]
    for settings in ({"layer_decay": 1.0}, {"layer_decay": 0.5}):
        assert trainer_of(workshop, **settings).optimizer.state_dict()["param_groups"] == plain
    backbone, _ = workshop.network()
    backbone.pretrained = True
    assert len(trainer_of(workshop, backbone).optimizer.param_groups) == len(plain)


def test_the_mean_of_the_weights_is_assessed_and_kept(workshop):
    trainer, plain = trainer_of(workshop, averaging=0.9), trainer_of(workshop)
    held_out = workshop.images(8, seed=1)
    for epoch in range(2):
        entry = trainer.run_epoch(epoch, silent)
        assert plain.run_epoch(epoch, silent) == entry  # training itself goes on as it would
        entry |= trainer.assess(held_out)
        trainer.keep_best({**entry, "held_out_accuracy": float(epoch)})
    weight = trainer.head.linear.weight.clone()
    assert torch.equal(weight, plain.head.linear.weight)
    trainer.finish()
    mean = trainer.averaging.means
    assert trainer.averaging.steps == 10
    for name, values in trainer.networks.state_dict().items():
        assert torch.equal(values, mean[name])
    assert not torch.equal(trainer.head.linear.weight, weight)
    plain.networks.load_state_dict(mean)
    assert plain.assess(held_out) == {name: entry[name] for name in ("held_out_loss", "held_out_accuracy")}


def test_a_projection_learns_from_rows_what_a_network_learns_from_images(workshop, generator):
    centres = 3 * torch.randn(workshop.plan.num_nodes, 20, generator=generator)
    label_n = torch.from_numpy(np.resize(workshop.plan.leaf_L.numpy(), 200))
    rows = centres[label_n] + torch.randn(200, 20, generator=generator)
    projection, head = Projection(20, 8).standardise(rows), heads["shared"](8, workshop.plan)
    images = TrainingImages(images=rows[:150], label_n=label_n[:150])
    held_out = TrainingImages(images=rows[150:], label_n=label_n[150:])
    log = fine_tune(projection, head, images, held_out, workshop.weight_NK, workshop.schedule(epochs=20))
    assert max(entry["held_out_accuracy"] for entry in log) > 0.9
    assert log[-1]["loss"] < 0.3 * log[0]["loss"]
    assert projection.mean_D.sub(rows.mean(0)).abs().max() < 1e-5  # what it reads by stays


@pytest.mark.parametrize("drawn", [False, True])
def test_balanced_batches_keep_the_order_of_a_draw_and_no_other(workshop, monkeypatch, drawn):
    trainer, orders = trainer_of(workshop, balanced_batches=True), []
    rounds = np.arange(80)[::-1]
    if drawn:
        trainer.known = dataclasses.replace(trainer.known, draw=lambda generator: rounds)
    stream = trainer._stream
    monkeypatch.setattr(trainer, "_stream", lambda order: orders.append(order.tolist()) or stream(order))
    trainer.run_epoch(0, silent)
    assert sorted(orders[0]) == list(range(80))
    assert (orders[0] == rounds.tolist()) == drawn
    assert orders[0] != list(range(80))


@pytest.mark.parametrize("balanced", [False, True])
def test_images_of_a_class_come_together_also_of_a_balanced_draw(workshop, monkeypatch, balanced):
    trainer, orders = trainer_of(workshop, together=4, balanced_batches=balanced), []
    if balanced:
        trainer.known = dataclasses.replace(trainer.known, draw=lambda generator: np.arange(80))
    stream = trainer._stream
    monkeypatch.setattr(trainer, "_stream", lambda order: orders.append(order) or stream(order))
    trainer.run_epoch(0, silent)
    label_m = trainer.known.label_n.numpy()[orders[0]]
    partners = [np.bincount(label_m[start : start + 8])[label_m[start : start + 8]] for start in range(0, 72, 8)]
    assert np.mean(np.concatenate(partners) >= 3) > 0.9, "nearly each has two more in its batch"


def test_rows_on_which_nothing_is_finite_are_named_by_their_places(workshop):
    rows = torch.full((40, 20), torch.nan)
    images = TrainingImages(images=rows, label_n=torch.from_numpy(np.resize(workshop.plan.leaf_L.numpy(), 40)))
    head = heads["shared"](8, workshop.plan)
    with pytest.raises(DataError, match=r"last on a batch with #\d+, #\d+"):
        fine_tune(Projection(20, 8), head, images, images, workshop.weight_NK, workshop.schedule(batch_size=4))


def test_the_gates_weight_multiplies_the_competition(workshop):
    def loss(weight):
        trainer = trainer_of(workshop, other=workshop.other(), gate_weight=weight)
        trainer.networks.eval()
        batch = next(trainer._stream(np.arange(16)))
        strange = next(trainer._strangers(80, np.random.default_rng(0)))
        with torch.no_grad():
            return float(trainer.value(0, batch, strange).total)

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


def negatives_of(workshop, *names, nodes=None):
    allowed = torch.zeros(len(names), workshop.plan.num_nodes, dtype=torch.bool)
    allowed[:, workshop.plan.leaf_L if nodes is None else torch.tensor(nodes)] = True
    return NegativeRecipe(names=names, allowed_TN=allowed)


def test_negatives_compete_with_the_leaves_as_kinds_after_those_of_other(workshop):
    recipe = negatives_of(workshop, "mirrored", "mixed")
    trainer = trainer_of(workshop, other=workshop.other(), negatives=recipe)
    assert trainer.objective.kinds.out_features == 2 + 8
    trainer.networks.eval()
    with torch.no_grad():
        trainer.objective.kinds.weight.normal_(generator=torch.Generator().manual_seed(0))
    batch, strange = next(trainer._stream(np.arange(0, 80, 5))), next(trainer._strangers(80, np.random.default_rng(0)))
    trainer.chance.manual_seed(5)
    with torch.no_grad():
        whole = float(trainer.value(0, batch, strange).total)
        label_B = trainer.known.label_n[batch.index_B]
        made = make_negatives(batch.images_BCHW, label_B, recipe, torch.Generator().manual_seed(5), count=16)
        leaf, kinds = {}, {}
        for name, images in (("known", batch), ("other", strange), ("made", None)):
            embedding = trainer.backbone(made.images_MCHW if images is None else images.images_BCHW)
            leaf[name] = trainer.head.leaf_scores(trainer.head(embedding)).double()
            kinds[name] = trainer.objective.kinds(embedding).double()
        log_probs = {name: torch.cat([leaf[name], kinds[name]], 1).log_softmax(1) for name in leaf}
    slots = workshop.plan.leaf_slot_N
    right = [
        float(row[slots[label]] - row[:4].logsumexp(0)) for row, label in zip(log_probs["known"], label_B, strict=True)
    ]
    known = [float(row[:4].logsumexp(0)) for row in log_probs["known"]]
    other = [
        float(row[4 + trainer.other.label_n[place]])
        for row, place in zip(log_probs["other"], strange.index_B, strict=True)
    ]
    mine = [
        float(row[4 + 2 + recipe.kind_TN[how, label]])
        for row, how, label in zip(log_probs["made"], made.how_M, made.label_M, strict=True)
    ]
    expected = -np.mean(right) - 0.5 * (np.mean(known) + 0.5 * (np.mean(other) + np.mean(mine)))
    assert whole == pytest.approx(expected, rel=1e-4)


def test_negatives_of_an_epoch_follow_from_seed_and_epoch(workshop):
    def loss(epoch, seed):
        trainer = trainer_of(workshop, negatives=negatives_of(workshop, "warped"), seed=seed)
        return trainer.run_epoch(epoch, silent)["loss"]

    assert loss(0, 0) == loss(0, 0)
    assert loss(0, 0) != loss(1, 0)
    assert loss(0, 0) != loss(0, 1)


def test_a_network_learns_to_tell_negatives_from_known_images(workshop):
    recipe = negatives_of(workshop, "mixed", "shuffled_4x4")
    trainer = trainer_of(workshop, negatives=recipe, epochs=12)
    for epoch in range(12):
        trainer.run_epoch(epoch, silent)
    trainer.networks.eval()
    later = workshop.images(20, seed=9)
    with torch.no_grad():
        images = trainer.backbone.preprocessing.batch(later.images.images)
        made = make_negatives(images, later.label_n, recipe, torch.Generator().manual_seed(1), count=80)
        odds = []
        for side in (images, made.images_MCHW):
            embedding = trainer.backbone(side)
            leaf = trainer.head.leaf_scores(trainer.head(embedding)).logsumexp(1)
            odds.append(trainer.objective.kinds(embedding).logsumexp(1) - leaf)
    assert (odds[0][:, None] < odds[1][None, :]).double().mean() > 0.95


def test_a_batch_without_negatives_is_a_batch_as_before(workshop):
    nobody = negatives_of(workshop, "mixed", nodes=[0])  # no image is labelled with the root
    trainer, plain = trainer_of(workshop, negatives=nobody), trainer_of(workshop)
    batch = next(trainer._stream(np.arange(16)))
    trainer.networks.eval()
    plain.networks.eval()
    assert trainer.value(0, batch, None).total.item() == plain.value(0, batch, None).total.item()
