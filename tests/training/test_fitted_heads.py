from __future__ import annotations

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan
from hierclf.losses import label_weights
from hierclf.settings import Settings
from hierclf.training import prepare_embeddings
from hierclf.training.favour import FACTORS
from hierclf.training.fitted_heads import cross_answers, evened_out_rows, heads_on
from tests.synthetic import LETTERS, clouds

PLAN = compile_plan(LETTERS)
LEAF = label_weights(PLAN, "leaf")
DIVISION = {"keep": 0.95, "calibration_share": 0.15, "seed": 0}


def prepared_from(values, labels):
    return prepare_embeddings(values, labels, None, LETTERS, **DIVISION)


def right(prepared, **settings):
    """Share of the images that are answered rightly by heads that have not seen them."""
    places = np.union1d(prepared.parts.fit, prepared.parts.tune)
    leaf_FB = cross_answers(places, "a", 1e-3, prepared.images, prepared, Settings(**settings), LEAF)
    leaf_B = PLAN.leaf_L.numpy()[leaf_FB[FACTORS.index(1.0)]]
    return np.mean(leaf_B == prepared.label_n[places])


def noise(count, seed=0):
    source = np.random.default_rng(seed)
    return source.normal(size=(count, 100)), source.permutation(np.repeat(list("aebc"), count // 4))


def test_clear_classes_are_answered_rightly():
    assert right(prepared_from(*clouds())) > 0.95


def test_labels_without_a_meaning_cannot_be_answered_by_a_head_that_has_not_seen_them():
    prepared = prepared_from(*noise(120))
    fitted = heads_on("flat", prepared.images, prepared, Settings(), PLAN, LEAF).head
    with torch.no_grad():
        seen_B = PLAN.leaf_L[fitted(prepared.images).argmax(1)].numpy()
    learnt = np.union1d(prepared.parts.fit, prepared.parts.tune)
    assert np.mean(seen_B[learnt] == prepared.label_n[learnt]) > 0.6
    assert right(prepared) < 0.45


def test_copies_are_held_out_together():
    values, labels = noise(60)
    assert right(prepared_from(np.concatenate([values] * 3), np.concatenate([labels] * 3))) < 0.5


@pytest.mark.parametrize("weights", ["balanced", "balanced_batches", "oversample", {"vowel": 3.0}], ids=str)
def test_class_weights_count_in_every_fold(weights):
    assert right(prepared_from(*clouds()), class_weights=weights) > 0.95


def test_a_fit_with_balanced_batches_reads_every_image_and_each_class_counts_the_same():
    label_B = np.array([PLAN.nodes.index(name) for name in "aaaaaaaab"])
    rows_BD = torch.arange(9.0)[:, None]
    chance = np.random.default_rng(0)
    read = evened_out_rows(rows_BD, label_B, Settings(class_weights="balanced_batches"), LETTERS, chance)
    assert torch.equal(read.embedding_BD, rows_BD)
    assert read.label_B.tolist() == label_B.tolist()
    assert read.weight_B[:8].sum().item() == pytest.approx(read.weight_B[8].item())
    again = evened_out_rows(rows_BD, label_B, Settings(class_weights="oversample"), LETTERS, chance)
    assert (again.weight_B, np.bincount(again.label_B.numpy())[label_B[[0, -1]]].tolist()) == (None, [8, 8])


def test_the_same_seed_gives_the_same_answers():
    prepared = prepared_from(*clouds(spread=3.0))
    places = prepared.parts.fit
    one, two = (cross_answers(places, "vowel", 0.01, prepared.images, prepared, Settings(), LEAF) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.shape == (len(FACTORS), len(places))


def test_factors_multiply_the_odds_that_the_temperature_has_left():
    """``z / 2 + log w`` has its maximum where ``z + log w²`` has it."""
    prepared = prepared_from(*clouds(spread=4.0))
    given = prepared.parts.fit, "e", 0.01, prepared.images, prepared, Settings(), LEAF
    plain, cooler = (cross_answers(*given, temperature=temperature) for temperature in (1.0, 2.0))
    for factor in (0.5, 1.0, 2.0, 4.0):
        assert np.array_equal(cooler[FACTORS.index(factor)], plain[FACTORS.index(factor**2)])
    assert not np.array_equal(cooler[FACTORS.index(4.0)], plain[FACTORS.index(4.0)])


def test_the_penalty_is_told_and_the_earlier_head_is_another():
    prepared = prepared_from(*clouds(spread=3.0))
    found = heads_on("shared", prepared.images, prepared, Settings(), PLAN, LEAF)
    assert 0.001 <= found.penalty <= 1
    assert not torch.equal(found.head.linear.weight, found.earlier.linear.weight)
    assert not any(parameter.requires_grad for parameter in found.head.parameters())
