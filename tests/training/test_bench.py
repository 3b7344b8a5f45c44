from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hierclf.data import load_images
from hierclf.losses import EmbeddingChoice
from hierclf.negatives import NegativeRecipe
from hierclf.settings import Settings
from hierclf.training import Schedule, TrainingImages
from hierclf.training import bench as module
from hierclf.training.bench import FrozenViews, known_evidence, made_evidence, short_training
from hierclf.training.embedded_negatives import EmbeddedNegatives
from tests.synthetic import STRANGE, glyphs
from tests.training.benches import SIGNS, bench_of


def test_a_bench_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        bench_of(count=4).fit = None


def test_classes_are_leaves_with_images_to_learn_from():
    bench = bench_of(count=10)
    label_n = bench.label_n.clone()
    label_n[label_n == 2] = 0  # labelled at the root
    assert dataclasses.replace(bench, label_n=label_n).classes.tolist() == [1, 3, 4, 5]


@pytest.mark.parametrize(("share", "epochs"), [(1.0, 10), (0.5, 20), (0.1, 40)])
def test_a_short_training_takes_a_share_of_the_steps(monkeypatch, share, epochs):
    bench = bench_of(count=20, epochs=40)
    taken = {}
    monkeypatch.setattr(module, "fine_tune", lambda *parts, **options: taken.update(schedule=parts[5], known=parts[2]))
    short_training(bench, bench.fit[: int(share * len(bench.fit))], None)
    assert taken["schedule"].epochs == epochs
    assert len(taken["known"].label_n) == int(share * len(bench.fit))


@pytest.mark.parametrize("how", ["balanced", "balanced_batches", "oversample", {"bar": 3.0}], ids=str)
def test_classes_are_evened_out_as_in_the_training_itself(monkeypatch, how):
    bench = bench_of(count=20, epochs=40, class_weights=how)
    bar = bench.plan.nodes.index("bar")
    rare = bench.label_n[bench.fit] == bar
    fit = bench.fit[(~rare | (rare.cumsum(0) <= 4)).numpy()]
    bench, taken = dataclasses.replace(bench, fit=fit), {}
    monkeypatch.setattr(module, "fine_tune", lambda *parts, **options: taken.update(known=parts[2], schedule=parts[5]))
    half = fit[::2]
    short_training(bench, half, None)
    known = taken["known"]
    assert torch.equal(known.label_n, bench.label_n[half])
    places = known.places(np.random.default_rng(0))
    weight_m = np.ones(len(places)) if known.weight_n is None else known.weight_n.numpy()[places]
    assert (known.draw is None) == (how == "balanced" or isinstance(how, dict))
    mass_N = np.bincount(known.label_n.numpy()[places], weights=weight_m)
    images_N = np.bincount(known.label_n.numpy())
    if isinstance(how, dict):
        assert mass_N[bar] == 3 * images_N[bar]
    else:
        assert np.ptp(mass_N[1:]) <= 1e-4 * mass_N[bar]
    whole = {"oversample": 5 * np.bincount(bench.label_n[fit].numpy()).max()}.get(how if isinstance(how, str) else "")
    share = (whole or len(fit)) / len(places)
    assert taken["schedule"].epochs == min(40, round(module.TRIAL_SHARE * 40 * share))


def test_a_short_training_leaves_the_backbone_alone_and_tells_what_it_is():
    told = []

    def progress(items, total, what):
        told.append(what)
        return items

    bench = dataclasses.replace(bench_of(count=10, epochs=4), progress=progress)
    before = {name: values.clone() for name, values in bench.backbone.state_dict().items()}
    network = short_training(bench, bench.fit, None)
    assert all(torch.equal(values, before[name]) for name, values in bench.backbone.state_dict().items())
    assert any(not torch.equal(values, before[name]) for name, values in network.backbone.state_dict().items())
    assert network.backbone.frozen
    assert told == ["trial, epoch 1/2", "trial, epoch 2/2"]


def test_images_of_other_take_part(monkeypatch):
    pictures, _ = glyphs(STRANGE, 5)
    other = TrainingImages(images=load_images(pictures), label_n=torch.zeros(10, dtype=torch.int64))
    taken = {}
    monkeypatch.setattr(module, "fine_tune", lambda *parts, **options: taken.update(options))
    short_training(dataclasses.replace(bench_of(count=5), other=other), bench_of(count=5).fit, None)
    assert taken["other"] is other


def test_evidence_is_labelled_with_slots_and_kinds():
    bench = bench_of(count=10, epochs=1)
    network = short_training(bench, bench.fit, None)
    evidence = known_evidence(bench, network, bench.tune)
    names = [bench.plan.nodes[bench.plan.leaf_L[slot]] for slot in evidence.label_B]
    assert names == [bench.plan.nodes[label] for label in bench.label_n[bench.tune]]
    assert evidence.logits_BC.shape == (len(bench.tune), 5)
    allowed = torch.ones(2, 6, dtype=torch.bool)
    recipe = NegativeRecipe(names=("mixed", "mirrored"), allowed_TN=allowed)
    negatives, made = made_evidence(bench, network, bench.fit, recipe)
    assert torch.equal(made.label_B, recipe.kind_TN[negatives.how_M, negatives.label_M])
    assert torch.equal(made.embedding_BD, negatives.embedding_MD)


def test_a_frozen_backbone_is_never_asked(monkeypatch):
    bench = bench_of(count=20)
    generator = torch.Generator().manual_seed(0)
    centre = torch.randn(6, 8, generator=generator) * 4
    views = FrozenViews(
        embedding_nD=centre[bench.label_n] + torch.randn(len(bench.label_n), 8, generator=generator),
        other_mD=None,
        made=EmbeddedNegatives(
            embedding_MD=torch.randn(9, 8, generator=generator),
            how_M=torch.zeros(9, dtype=torch.int64),
            label_M=torch.arange(9) % 5 + 1,
            partner_M=torch.arange(1, 10) % 5 + 1,
        ),
    )
    monkeypatch.setattr(module, "fine_tune", None)
    monkeypatch.setattr(module, "embed_images", None)
    monkeypatch.setattr(module, "embed_negatives", None)
    bench = dataclasses.replace(bench, frozen=views)
    network = short_training(bench, bench.fit, None)
    known = known_evidence(bench, network, bench.tune)
    assert (known.logits_BC.argmax(1) == known.label_B).double().mean() > 0.9
    bar = bench.plan.nodes.index("bar")
    nothing_else = Settings(class_weights={name: 0.0 for name in SIGNS.leaves if name != "bar"})
    keen = dataclasses.replace(bench, settings=nothing_else)
    answers = known_evidence(keen, short_training(keen, bench.fit, None), bench.tune).logits_BC.argmax(1)
    assert (answers == bench.plan.leaf_slot_N[bar]).all()
    everything = NegativeRecipe(names=("mixed",), allowed_TN=torch.ones(1, len(SIGNS.nodes), dtype=torch.bool))
    assert len(made_evidence(bench, network, bench.fit, everything)[1]) == 9


def test_a_head_that_training_leaves_alone_is_fitted_afterwards():
    bench = bench_of(count=40, epochs=8)
    alone = Schedule(
        epochs=8,
        batch_size=16,
        augmentation="none",
        classification_weight=0.0,
        embedding_losses=(EmbeddingChoice(name="supcon", weight=1.0),),
    )
    network = short_training(dataclasses.replace(bench, schedule=alone), bench.fit, None)
    evidence = known_evidence(bench, network, bench.tune)
    assert (evidence.logits_BC.argmax(1) == evidence.label_B).double().mean() > 0.8
