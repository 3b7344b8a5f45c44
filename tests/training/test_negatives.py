from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hierclf import HierarchicalClassifier
from hierclf.data import load_images
from hierclf.errors import DataError
from hierclf.metrics import auroc
from hierclf.negatives import NegativeRecipe
from hierclf.taxonomy import Taxonomy
from hierclf.training import TrainingImages, negatives
from hierclf.training.bench import FrozenViews
from hierclf.training.embedded_negatives import EmbeddedNegatives
from hierclf.training.negatives import choose_negatives, divided
from tests.synthetic import GLYPHS, SHAPES, glyphs
from tests.training.benches import bench_of


@pytest.mark.parametrize(
    ("frozen", "settings", "usual"),
    [
        (False, {}, ("knn", "vim")),
        (False, {"other_loss": "none"}, ("knn", "vim", "outlier")),
        (False, {"level_weights": [0, 1]}, ("knn", "vim", "outlier")),
        (True, {}, ("knn", "gen", "outlier")),
        # A projection learns from other, and is read as without negatives.
        (True, {"projection": 4}, ("knn", "one_class_svm_per_class")),
    ],
    ids=str,
)
def test_the_gate_reads_what_was_made_beside_what_it_would_read_anyway(monkeypatch, frozen, settings, usual):
    everything = NegativeRecipe(names=("mixed",), allowed_TN=torch.ones(1, 6, dtype=torch.bool))
    monkeypatch.setattr(negatives, "surviving_left_out", lambda *_: everything)
    pictures, _ = glyphs(("dots",), 5)
    other = TrainingImages(images=load_images(pictures), label_n=torch.zeros(5, dtype=torch.int64))
    nothing = torch.zeros(0, 3)
    no_ids = torch.zeros(0, dtype=torch.int64)
    made = EmbeddedNegatives(embedding_MD=nothing, how_M=no_ids, label_M=no_ids, partner_M=no_ids)
    views = FrozenViews(embedding_nD=nothing, other_mD=nothing, made=made)
    bench = bench_of(count=5, negatives=["mixed"], **settings)
    bench = dataclasses.replace(bench, other=other, frozen=views if frozen else None)
    assert choose_negatives(bench).scores == (*usual, "made")


def test_none_costs_nothing(monkeypatch):
    monkeypatch.setattr(negatives, "short_training", None)
    choice = choose_negatives(bench_of(negatives="none"))
    assert (choice.recipe, choice.scores, choice.notes) == (None, (), ())


def test_too_few_classes_are_told(monkeypatch):
    monkeypatch.setattr(negatives, "short_training", None)
    three = Taxonomy.from_edges([("sign", name) for name in GLYPHS[:3]])
    choice = choose_negatives(bench_of(three, negatives="auto"))
    assert choice.recipe is None
    assert choice.notes[0].startswith("No negatives were tried: 3 classes with 96 images to learn from are too few")


def test_too_few_images_are_told(monkeypatch):
    monkeypatch.setattr(negatives, "short_training", None)
    assert (
        choose_negatives(bench_of(count=9, negatives="auto")).notes[0].startswith("No negatives were tried: 5 classes")
    )


@pytest.mark.slow
def test_a_class_is_left_out_of_what_it_survives():
    bench = bench_of(epochs=32, negatives=["mirrored", "rotated_90", "shuffled_4x4"])
    choice = choose_negatives(bench)
    nodes = bench.plan.nodes
    allowed = {
        name: dict(zip(nodes, row.tolist(), strict=True))
        for name, row in zip(choice.recipe.names, choice.recipe.allowed_TN, strict=True)
    }
    assert not allowed["mirrored"]["bar"]  # a mirrored bar is a bar
    assert not allowed["mirrored"]["pole"]
    assert not allowed["rotated_90"]["cross"]
    assert not allowed["rotated_90"]["bar"]  # a pole, and known too
    assert allowed["mirrored"]["slash"]  # a backslash is new
    assert allowed["rotated_90"]["slash"]
    assert allowed["shuffled_4x4"]["square"]
    assert not any(row["sign"] for row in allowed.values())
    assert choice.scores == ("knn", "vim", "made")
    assert "pairs of a transformation and a class that survives it" in choice.notes[0]


@pytest.mark.slow
def test_trials_leave_the_backbone_alone_and_say_what_was_decided():
    bench = bench_of(epochs=8, negatives="auto")
    before = {name: values.clone() for name, values in bench.backbone.state_dict().items()}
    choice, again = choose_negatives(bench), choose_negatives(bench)
    assert all(torch.equal(values, before[name]) for name, values in bench.backbone.state_dict().items())
    assert choice.notes == again.notes
    assert "AUROC of held-out classes" in choice.notes[0]
    assert (choice.recipe is None) == choice.notes[0].startswith("Negatives were tried and not used")


@pytest.mark.parametrize(("gain", "lost", "used"), [(0.02, 0.0, True), (0.005, 0.0, False), (0.02, 0.07, False)])
def test_negatives_have_to_earn_their_place(monkeypatch, gain, lost, used):
    class Fake:
        def __init__(self, recipe):
            self.accuracy = 0.95 - (lost if recipe is not None else 0.0)
            self.made = [0] * 10
            self.best = 0.9 + (gain if recipe is not None else 0.0)

        def auroc(self, score_sets, combine, seed):
            return {
                names: self.best - 0.01 * (len(names) != 2) - 0.001 * ("made" not in names) * (len(score_sets) > 1)
                for names in score_sets
            }

    bench = bench_of(count=60, negatives="auto")
    everything = torch.ones(5, 6, dtype=torch.bool)
    monkeypatch.setattr(
        negatives, "surviving_left_out", lambda _, names: NegativeRecipe(names=names, allowed_TN=everything)
    )
    monkeypatch.setattr(negatives, "_trial", lambda _, held_out, recipe: Fake(recipe))
    choice = choose_negatives(bench)
    assert (choice.recipe is not None) == used
    assert choice.scores == (("knn", "made") if used else ())
    assert ("for they cost 7.0 % accuracy" in choice.notes[0]) == (lost > 0)


def test_a_trial_never_shows_the_network_what_is_held_out(monkeypatch):
    bench = bench_of(count=20)
    held_out = np.array([bench.plan.nodes.index("cross")])
    seen = []

    def short_training(bench, places, recipe):
        seen.append(set(bench.label_n[places].tolist()))
        assert recipe is None
        raise StopIteration

    monkeypatch.setattr(negatives, "short_training", short_training)
    everything = torch.ones(1, len(bench.plan.nodes), dtype=torch.bool)
    rest = negatives._without(NegativeRecipe(names=("mixed",), allowed_TN=everything), held_out)
    assert rest.allowed_TN.sum() == 5
    assert not rest.allowed_TN[:, held_out].any()
    with pytest.raises(StopIteration):
        negatives._trial(bench, held_out, None)
    assert seen == [set(range(1, 6)) - set(held_out.tolist())]


@pytest.mark.slow
def test_a_classifier_reads_what_was_made_and_keeps_doing_so():
    pictures, labels = glyphs((*GLYPHS, "square"), 50)
    model = HierarchicalClassifier(backbone="small_cnn", image_size=12, epochs=8, negatives=["shuffled_4x4"])
    model.fit(pictures, labels)
    assert [part.name for part in model.model_.gate.parts] == ["knn", "vim", "made"]
    assert [part.name for part in model.refit_gate(keep=0.9).model_.gate.parts] == ["knn", "vim", "made"]
    read = model.refit_gate(gate=["made"])
    strange, _ = glyphs(("dots",), 50, seed=3)
    later, _ = glyphs((*GLYPHS, "square"), 10, seed=4)
    assert auroc(read.unknown_score(later), read.unknown_score(strange)) > 0.9
    with pytest.raises(DataError, match="the score 'made' learns from negatives, and none were made"):
        HierarchicalClassifier(backbone="small_cnn", image_size=12, epochs=1, gate="made").fit(pictures, labels)


def test_the_parts_of_a_trial_share_no_image_and_hold_what_they_should():
    bench = bench_of(SHAPES, count=30)
    label_n = bench.label_n.clone()
    label_n[bench.fit[:7]] = SHAPES.index("slanted")  # might show a slash or a cross
    bench = dataclasses.replace(bench, label_n=label_n)
    held_out = np.array([SHAPES.index("cross")])
    parts = divided(bench, held_out)
    everything = np.concatenate([parts.fit, parts.tune, parts.known, parts.held_out])
    assert len(everything) == len(set(everything.tolist()))
    assert set(label_n[parts.held_out].tolist()) == set(held_out.tolist())
    stays = {SHAPES.index(name) for name in ("bar", "pole", "slash")}
    for places in (parts.fit, parts.tune, parts.known):
        assert set(label_n[places].tolist()) == stays
    assert set(parts.tune.tolist()) <= set(bench.tune.tolist())
    assert len(parts.known) == round(0.2 * (len(parts.fit) + len(parts.known)))


@pytest.mark.parametrize("left", [0, 1])
def test_where_hardly_anything_is_a_negative_none_are_used(monkeypatch, left):
    monkeypatch.setattr(negatives, "folds", lambda classes, seed: (np.array([1, 2]), np.array([3, 4])))
    allowed = torch.zeros(5, 6, dtype=torch.bool)
    allowed[0, [3, 5][left]] = True

    class Few:
        made = torch.zeros(9, 1)

    monkeypatch.setattr(
        negatives, "surviving_left_out", lambda _, names: NegativeRecipe(names=names, allowed_TN=allowed)
    )
    monkeypatch.setattr(negatives, "_trial", lambda *_: Few())
    choice = choose_negatives(bench_of(count=60, negatives="auto"))
    assert choice.recipe is None
    assert choice.notes == (
        "Negatives were not used: nearly every class survives every transformation that was tried.",
    )
