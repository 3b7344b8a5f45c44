from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from hierclf.backbones import Backbone, EmbeddingCache, Preprocessing, build_backbone, projection_of, unprojected
from hierclf.dag import compile_plan
from hierclf.errors import ConfigError, DataError
from hierclf.losses import label_weights
from hierclf.progress import silent
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training import prepare_embeddings, prepare_images
from hierclf.training.chance import seeded
from hierclf.training.features import frozen_features, given_features, trained_features
from tests.synthetic import GLYPHS, LETTERS, SHAPES, STRANGE, clouds, glyphs, write_folder

DIVISION = {"keep": 0.95, "calibration_share": 0.15, "seed": 0}


class Rows(nn.Module):
    """Mean of each row of pixels, times a weight; counts the images it was asked for."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(12))
        self.seen = 0

    def forward(self, images):
        self.seen += len(images.unique(dim=0))  # a slice is filled up with copies
        return images.mean((1, 3)) * self.weight


def backbone_of(*, pretrained=True):
    preprocessing = Preprocessing(height=12, width=12, mode="L", mean=(0.5,), std=(0.5,))
    backbone = Backbone(Rows(), preprocessing, name="rows", pretrained=pretrained)
    backbone.features.seen = 0
    return backbone


@pytest.fixture(scope="module")
def shapes():
    return prepare_images(*glyphs(count=10), glyphs(STRANGE, 5)[0], SHAPES, **DIVISION)


def test_given_embeddings_are_taken_as_they_are():
    prepared = prepare_embeddings(*clouds(), None, LETTERS, **DIVISION)
    features = given_features(prepared, Settings())
    assert features.embedding_nD is prepared.images
    assert features.other_mD is features.head is None


def test_a_frozen_backbone_sees_each_image_once(shapes, tmp_path):
    backbone, cache = backbone_of(), EmbeddingCache(tmp_path)
    features = frozen_features(shapes, backbone, Settings(), cache=cache, progress=silent)
    assert backbone.features.seen == 50
    assert features.embedding_nD.shape == (40, 12)
    assert features.other_mD.shape == (10, 12)
    again = frozen_features(shapes, backbone_of(), Settings(), cache=cache, progress=silent)
    assert torch.equal(again.embedding_nD, features.embedding_nD)
    assert features.notes == ()


def test_a_frozen_backbone_with_random_weights_is_told(shapes):
    features = frozen_features(
        shapes, backbone_of(pretrained=False), Settings(embedding_loss="supcon"), cache=None, progress=silent
    )
    assert features.notes == (
        "The backbone is frozen although its weights are random; freeze=False trains it.",
        "embedding_loss='supcon' was not used: the backbone is frozen.",
    )


def test_a_trained_backbone_embeds_with_what_it_has_become(shapes):
    backbone = backbone_of()
    plan = compile_plan(SHAPES)
    features = trained_features(
        shapes,
        backbone,
        Settings(epochs=2, backbone_rate=0.05),
        plan,
        label_weights(plan, "leaf"),
        progress=silent,
        state=None,
        on_epoch=None,
    )
    assert len(features.log) == 2
    assert not torch.equal(backbone.features.weight, torch.ones(12))
    pixels = backbone.preprocessing.batch(shapes.images.images)
    with torch.no_grad():
        torch.testing.assert_close(features.embedding_nD, backbone(pixels))


def test_an_image_that_goes_bad_between_scan_and_embedding_is_named(tmp_path):
    prepared = prepare_images(write_folder(tmp_path, count=3), None, None, SHAPES, **DIVISION)
    prepared.images.images[4].write_bytes(b"")
    with pytest.raises(DataError, match=r"could be embedded a moment ago: .*png: the file is empty"):
        frozen_features(prepared, backbone_of(), Settings(), cache=None, progress=silent)


@pytest.mark.parametrize("how", [None, "undersample"])
def test_the_length_of_a_training_follows_from_what_an_epoch_visits(shapes, monkeypatch, how):
    monkeypatch.setattr("hierclf.training.schedule.STEPS_FROM_SCRATCH", 30)
    plan = compile_plan(SHAPES)
    fit = np.concatenate([shapes.parts.fit, shapes.parts.tune, shapes.parts.calibration])
    rare = shapes.label_n[fit] == shapes.label_n[fit].max()
    fit = fit[~rare | (np.cumsum(rare) <= 3)]
    prepared = dataclasses.replace(shapes, parts=dataclasses.replace(shapes.parts, fit=fit))
    asked = {}

    def fine_tune(*given, **options):
        asked["epochs"] = given[5].epochs
        raise StopIteration

    monkeypatch.setattr("hierclf.training.features.fine_tune", fine_tune)
    with pytest.raises(StopIteration):
        trained_features(
            prepared,
            backbone_of(pretrained=False),
            Settings(class_weights=how),
            plan,
            label_weights(plan, "leaf"),
            progress=silent,
            state=None,
            on_epoch=None,
        )
    assert asked["epochs"] == (20 if how else 7)  # 12 or 33 of 33 images an epoch, 8 at a time


def test_negatives_of_a_trained_backbone_are_embedded_with_what_it_has_become():
    shapes = prepare_images(*glyphs(count=30), glyphs(STRANGE, 5)[0], SHAPES, **DIVISION)
    plan = compile_plan(SHAPES)
    with seeded(0):
        backbone = build_backbone("small_cnn", weights=None, image_size=(12, 12), grey=True)
    features = trained_features(
        shapes,
        backbone,
        Settings(epochs=8, negatives=["shuffled_4x4"]),
        plan,
        label_weights(plan, "leaf"),
        progress=silent,
        state=None,
        on_epoch=None,
    )
    assert features.made.scores == ("knn", "vim", "made")
    assert features.made.embedding_MD.shape == (len(features.made.kind_M), 128)
    assert 0 < len(features.made.kind_M) <= len(shapes.parts.fit)
    assert features.notes[0].startswith("Learnt from negatives made of the known images (shuffled_4x4)")


def test_a_frozen_backbone_embeds_negatives_once(shapes):
    backbone = backbone_of()
    settings = Settings(negatives=["upside_down", "shuffled_4x4"])
    features = frozen_features(shapes, backbone, settings, cache=None, progress=silent)
    assert 50 < backbone.features.seen <= 50 + len(shapes.parts.fit)
    assert features.made.scores == ("knn", "gen", "outlier", "made")
    assert features.made.embedding_MD.shape == (len(features.made.kind_M), 12)


def test_with_a_frozen_backbone_held_out_classes_decide_too():
    five = Taxonomy.from_edges([("sign", name) for name in (*GLYPHS, "square")])
    signs = prepare_images(*glyphs((*GLYPHS, "square"), 120), None, five, **DIVISION)
    with seeded(0):
        backbone = build_backbone("small_cnn", weights=None, image_size=(12, 12), grey=True)
    features = frozen_features(signs, backbone, Settings(negatives="auto"), cache=None, progress=silent)
    assert "AUROC of held-out classes" in features.notes[-1]
    assert (features.made is None) == ("not used" in features.notes[-1])


def test_of_given_embeddings_no_negatives_can_be_made():
    prepared = prepare_embeddings(*clouds(), None, LETTERS, **DIVISION)
    assert given_features(prepared, Settings(negatives=["mixed"])).notes == (
        "No negatives were made: they are made of images, and embeddings were given.",
    )


def test_without_negatives_there_are_none(shapes):
    assert frozen_features(shapes, backbone_of(), Settings(), cache=None, progress=silent).made is None


# ---------------------------------------------------------------------------------------------------------- projections


def test_a_projection_is_trained_on_embeddings_that_are_computed_once(shapes, tmp_path):
    cache = EmbeddingCache(tmp_path)
    plain = frozen_features(shapes, backbone_of(), Settings(), cache=cache, progress=silent)
    for name in ("hierarchical", "one_vs_rest"):
        backbone = backbone_of()
        settings = Settings(projection=5, epochs=3, loss=name, embedding_loss="supcon", averaging=0.9)
        features = frozen_features(shapes, backbone, settings, cache=cache, progress=silent)
        assert backbone.features.seen <= 2  # a dry run
        assert features.embedding_nD.shape == (40, 5)
        assert features.other_mD.shape == (10, 5)
        assert len(features.log) == 3
        assert {"embedding_loss", "other_loss", "held_out_accuracy"} <= set(features.log[0])
        assert features.head.linear.weight.shape[1] == 5
        assert features.notes == ()
        assert unprojected(features.backbone) is backbone
        with torch.no_grad():
            expected = projection_of(features.backbone)(plain.embedding_nD)
            pixels = backbone.preprocessing.batch(shapes.images.images)
            torch.testing.assert_close(features.backbone(pixels), expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(features.embedding_nD, expected)


def test_a_projection_follows_from_the_seed(shapes):
    def rows(seed):
        settings = Settings(projection=4, epochs=2, seed=seed)
        return frozen_features(shapes, backbone_of(), settings, cache=None, progress=silent).embedding_nD

    first = rows(0)
    torch.manual_seed(5)
    assert torch.equal(rows(0), first)
    assert not torch.equal(rows(1), first)


def test_the_gate_reads_negatives_as_they_are_projected(shapes):
    settings = Settings(projection=4, epochs=2, negatives=["upside_down", "shuffled_4x4"])
    made = frozen_features(shapes, backbone_of(), settings, cache=None, progress=silent).made
    plain = Settings(negatives=["upside_down", "shuffled_4x4"])
    before = frozen_features(shapes, backbone_of(), plain, cache=None, progress=silent).made
    assert made.embedding_MD.shape == (len(before.embedding_MD), 4)
    assert torch.equal(made.kind_M, before.kind_M)


def test_without_a_classification_loss_no_head_has_learnt(shapes):
    settings = {"classification_weight": 0.0, "embedding_loss": "supcon", "epochs": 2}
    plan = compile_plan(SHAPES)
    backbone = backbone_of()
    trained = trained_features(
        shapes,
        backbone,
        Settings(**settings),
        plan,
        label_weights(plan, "leaf"),
        progress=silent,
        state=None,
        on_epoch=None,
    )
    frozen = frozen_features(shapes, backbone_of(), Settings(projection=4, **settings), cache=None, progress=silent)
    for features in (trained, frozen):
        assert features.head is None
        assert len(features.log) == 2
        assert "classification_loss" not in features.log[0]
    assert not torch.equal(backbone.features.weight, torch.ones(12))


def test_a_projection_needs_a_frozen_backbone(shapes):
    plan = compile_plan(SHAPES)
    with pytest.raises(ConfigError, match=r"projection=4 is for a frozen backbone, .*freeze it"):
        trained_features(
            shapes,
            backbone_of(),
            Settings(projection=4),
            plan,
            label_weights(plan, "leaf"),
            progress=silent,
            state=None,
            on_epoch=None,
        )
    prepared = prepare_embeddings(*clouds(), None, LETTERS, **DIVISION)
    with pytest.raises(ConfigError, match=r"projection=4 is trained on a frozen backbone .*give images and a backbone"):
        given_features(prepared, Settings(projection=4))
