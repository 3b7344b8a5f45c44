from __future__ import annotations

import numpy as np
import pytest
import torch

from hierclf.errors import ConfigError
from hierclf.training import TrainingImages, fine_tune
from hierclf.training.balance import image_weights
from hierclf.training.objective import Objective
from tests.conftest import DEEP_DAG, TWO_LEVEL
from tests.synthetic import SHAPES


def weights_of(names, class_weights, taxonomy=TWO_LEVEL):
    label_n = np.array([taxonomy.index(name) for name in names])
    return image_weights(label_n, class_weights, taxonomy, np.random.default_rng(0))


def test_nothing_asked_nothing_weighed():
    weights = weights_of("012", None)
    assert weights.place_m.tolist() == [0, 1, 2]
    assert weights.weight_m is None


def test_factors_by_class_and_by_meta_class():
    weights = weights_of(["0", "1", "a", "dot", "digit"], {"digit": 2.0, "1": 3.0})
    assert weights.weight_m.tolist() == [2.0, 6.0, 1.0, 1.0, 2.0]


def test_on_a_dag_a_factor_counts_once_although_two_ways_lead_down():
    assert weights_of(["beagle", "robot"], {"thing": 2.0}, DEEP_DAG).weight_m.tolist() == [2.0, 2.0]


def test_balanced_gives_every_class_the_same_sum():
    weights = weights_of(["0"] * 9 + ["1"], "balanced").weight_m
    assert weights[:9].sum() == pytest.approx(weights[9:].sum())
    assert weights.mean() == pytest.approx(1.0)


@pytest.mark.parametrize(("how", "sizes"), [("oversample", [9, 9]), ("undersample", [1, 1])])
def test_sampling_evens_out_the_numbers(how, sizes):
    names = ["0"] * 9 + ["1"]
    weights = weights_of(names, how)
    assert weights.weight_m is None
    chosen = [names[place] for place in weights.place_m]
    assert [chosen.count("0"), chosen.count("1")] == sizes


def test_an_unknown_class_is_told():
    with pytest.raises(ConfigError, match=r"unknown class 'digt' in class_weights; did you mean 'digit'\?"):
        weights_of("01", {"digt": 1.0})


def test_balanced_batches_choose_and_do_not_weigh():
    names = ["0"] * 9 + ["1"]
    weights = weights_of(names, "balanced_batches")
    assert weights.weight_m is None
    chosen = [names[place] for place in weights.place_m]
    assert chosen in (["0", "1"] * 5, ["1", "0"] * 5)


def test_every_batch_of_a_training_is_balanced(workshop, monkeypatch):
    images = workshop.images()
    labels = images.label_n.numpy()
    rare = labels == labels.min()
    places = np.flatnonzero(~rare | (np.cumsum(rare) <= 3))
    labels = labels[places]

    def draw(generator):
        return image_weights(labels, "balanced_batches", SHAPES, generator).place_m

    seen, forward = [], Objective.forward

    def remember(objective, embedding_BD, logits_BO, label_C, **options):
        seen.append(torch.unique(label_C, return_counts=True)[1].tolist())
        return forward(objective, embedding_BD, logits_BO, label_C, **options)

    monkeypatch.setattr(Objective, "forward", remember)
    known = TrainingImages(images=images.images.subset(places), label_n=torch.from_numpy(labels), draw=draw)
    backbone, head = workshop.network()
    schedule = workshop.schedule(epochs=1, batch_size=16, balanced_batches=True)
    fine_tune(backbone, head, known, workshop.images(2, seed=1), workshop.weight_NK, schedule)
    assert seen == [[4, 4, 4, 4]] * 4
