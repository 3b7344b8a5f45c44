from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from hierclf.backbones import fingerprint
from hierclf.errors import DataError
from hierclf.losses import EmbeddingChoice
from hierclf.training import TrainingState, fine_tune


def train(workshop, *, seed=0, known=None, held_out=None, **options):
    backbone, head = workshop.network(seed)
    schedule = options.pop("schedule", None) or workshop.schedule(seed=seed)
    known = known or workshop.images()
    held_out = held_out or workshop.images(8, seed=1)
    log = fine_tune(backbone, head, known, held_out, workshop.weight_NK, schedule, **options)
    return backbone, head, log


def weights_of(backbone, head):
    return fingerprint(backbone), [parameter.tolist() for parameter in head.parameters()]


def test_it_learns_glyphs_in_a_few_epochs(workshop):
    backbone, _, log = train(workshop, schedule=workshop.schedule(epochs=8), known=workshop.images(40))
    assert [entry["epoch"] for entry in log] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert max(entry["held_out_accuracy"] for entry in log) >= 0.95
    assert log[-1]["loss"] < 0.3 * log[0]["loss"]
    assert all(entry["skipped_steps"] == 0 for entry in log)
    assert not backbone.training


def test_the_same_seed_gives_the_same_weights_whatever_torch_did_before(workshop):
    torch.manual_seed(1)
    first = weights_of(*train(workshop)[:2])
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert weights_of(*train(workshop)[:2]) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert weights_of(*train(workshop, seed=1)[:2]) != first


@pytest.mark.parametrize("cut", [1, 2, 4])
@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_a_run_that_was_cut_off_goes_on_as_if_nothing_had_happened(workshop, cut, with_other, averaging):
    other = workshop.other() if with_other else None
    schedule = workshop.schedule(epochs=4, augmentation="glyphs", averaging=averaging)
    states = []
    backbone, head, log = train(workshop, schedule=schedule, other=other, on_epoch=states.append)
    assert [state.epoch for state in states] == [1, 2, 3, 4]
    file = io.BytesIO()
    torch.save({"tensors": states[cut - 1].tensors, "log": states[cut - 1].log}, file)
    loaded = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    state = TrainingState(epoch=cut, **loaded)
    again, again_head, again_log = train(workshop, schedule=schedule, other=other, state=state)
    assert again_log == log
    assert weights_of(again, again_head) == weights_of(backbone, head)


def test_a_state_stays_as_it_was_while_training_goes_on(workshop):
    seen = []

    def remember(state):
        seen.append((state, state.tensors["networks"]["head.linear.weight"].tolist(), len(state.log)))

    train(workshop, on_epoch=remember)
    for state, weight, entries in seen:
        assert state.tensors["networks"]["head.linear.weight"].tolist() == weight
        assert len(state.log) == entries == state.epoch
    assert seen[0][1] != seen[1][1]


def test_resuming_does_not_change_the_state(workshop):
    states = []
    train(workshop, on_epoch=states.append)
    weight = states[0].tensors["networks"]["head.linear.weight"].tolist()
    train(workshop, state=states[0])
    assert states[0].tensors["networks"]["head.linear.weight"].tolist() == weight
    assert states[0].epoch == len(states[0].log) == 1


def test_a_state_of_another_training_is_refused(workshop):
    states = []
    train(workshop, other=workshop.other(), on_epoch=states.append)
    with pytest.raises(DataError, match=r"the checkpoint is of another training .*resume with the same data"):
        train(workshop, state=states[0])
    plain = []
    train(workshop, on_epoch=plain.append)
    with pytest.raises(DataError, match=r"the checkpoint is of another training \('averaging'\)"):
        train(workshop, schedule=workshop.schedule(averaging=0.9), state=plain[0])


def test_it_stops_when_nothing_gets_better_and_keeps_the_best_epoch(workshop):
    held_out = workshop.images(8, seed=1)
    schedule = workshop.schedule(epochs=40, patience=2, head_rate=5e-3)
    states = []
    backbone, head, log = train(workshop, schedule=schedule, held_out=held_out, on_epoch=states.append)
    assert len(log) < 40
    assert states[-1].stopped
    results = [(entry["held_out_accuracy"], -entry["held_out_loss"]) for entry in log]
    best = results.index(max(results))
    assert best == len(log) - 3
    kept = states[best].tensors["networks"]
    assert torch.equal(head.linear.weight, kept["head.linear.weight"])
    assert torch.equal(backbone.state_dict()["features.0.weight"], kept["backbone.features.0.weight"])
    assert train(workshop, schedule=schedule, held_out=held_out, state=states[-1])[2] == log  # there is nothing left


def test_without_held_out_images_the_last_epoch_counts(workshop):
    nobody = workshop.images(8, seed=1)
    nobody = type(nobody)(images=nobody.images.subset([]), label_n=nobody.label_n[:0])
    _, _, log = train(workshop, held_out=nobody, schedule=workshop.schedule(epochs=3, patience=1))
    assert len(log) == 3
    assert set(log[0]) == {"epoch", "loss", "classification_loss", "skipped_steps"}


def test_images_of_other_pull_away_from_the_leaves(workshop):
    def confidence(other):
        backbone, head, _ = train(workshop, other=other, schedule=workshop.schedule(epochs=6))
        strange = workshop.other(20)
        with torch.no_grad():
            images = backbone.preprocessing.batch(strange.images.images)
            return float(head.leaf_scores(head(backbone(images))).logsumexp(1).mean())

    assert confidence(workshop.other()) < confidence(None) - 1


@pytest.mark.parametrize("name", ["triplet_semihard", "supcon"])
def test_a_second_objective_on_the_embedding_still_learns(workshop, name):
    known = workshop.images(40)
    schedule = workshop.schedule(epochs=8, embedding_losses=(EmbeddingChoice(name=name),))
    _, _, log = train(workshop, schedule=schedule, known=known)
    plain = train(workshop, schedule=workshop.schedule(epochs=1), known=known)[2]
    assert log[0]["loss"] != plain[0]["loss"]
    assert max(entry["held_out_accuracy"] for entry in log) >= 0.9


def test_a_drawn_epoch_visits_what_was_drawn(workshop):
    visited = []

    def draw(generator):
        places = generator.choice(80, 33, replace=True)
        visited.append(len(places))
        return places

    train(workshop, known=workshop.images(draw=draw), schedule=workshop.schedule(epochs=2))
    assert visited == [33, 33, 33]  # once to plan the rates, then once an epoch


def test_weights_of_images_count(workshop):
    heavy = torch.where(workshop.images().label_n == 3, 20.0, 0.01)
    _, head, _ = train(workshop, known=workshop.images(weight_n=heavy), schedule=workshop.schedule(epochs=2))
    _, plain, _ = train(workshop, schedule=workshop.schedule(epochs=2))
    bias, plain_bias = head.linear.bias.detach(), plain.linear.bias.detach()
    assert bias[2] - bias.mean() > plain_bias[2] - plain_bias.mean()


def test_two_rates_for_a_pretrained_backbone(workshop):
    backbone, head = workshop.network()
    before = backbone.features[0].weight.clone()
    head_before = head.linear.weight.clone()
    backbone.pretrained = True
    schedule = workshop.schedule(epochs=1, head_rate=1e-2, backbone_rate=1e-6, weight_decay=0.0)
    fine_tune(backbone, head, workshop.images(), workshop.images(8, seed=1), workshop.weight_NK, schedule)
    assert (backbone.features[0].weight - before).abs().max() < 1e-5
    assert (head.linear.weight - head_before).abs().max() > 1e-2


def test_one_image_is_no_step_and_no_crash(workshop):
    one = workshop.images()
    one = type(one)(images=one.images.subset([0]), label_n=one.label_n[:1])
    _, _, log = train(workshop, known=one)
    assert [entry["loss"] for entry in log] == [0.0, 0.0, 0.0]


def test_reading_from_files_with_and_without_workers_is_the_same(workshop, tmp_path):
    from hierclf.data import load_images
    from hierclf.training import TrainingImages
    from tests.synthetic import SHAPES, write_folder

    images = load_images(write_folder(tmp_path, count=6))
    known = TrainingImages(images=images, label_n=torch.tensor([SHAPES.index(label) for label in images.labels]))
    schedule = workshop.schedule(epochs=1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    results = [weights_of(*train(workshop, known=known, schedule=schedule, workers=number)[:2]) for number in (0, 2)]
    assert results[0] == results[1]
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
