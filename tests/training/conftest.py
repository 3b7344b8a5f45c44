"""A small network and glyphs to train it on."""

from __future__ import annotations

import pytest
import torch

from hierclf.backbones import build_backbone
from hierclf.dag import compile_plan
from hierclf.data import load_images
from hierclf.heads import heads
from hierclf.losses import label_weights
from hierclf.training import Schedule, TrainingImages
from hierclf.training.chance import seeded
from tests.synthetic import SHAPES, STRANGE, glyphs


class Workshop:
    """Everything that a training of glyphs needs, made anew from a seed at each call."""

    plan = compile_plan(SHAPES)
    weight_NK = label_weights(plan, "leaf").float()

    def network(self, seed=0):
        with seeded(seed):
            backbone = build_backbone("small_cnn", image_size=12, grey=True)
            return backbone, heads["shared"](backbone.dim, self.plan)

    def images(self, count=20, seed=0, **options):
        pictures, labels = glyphs(count=count, seed=seed)
        label_n = torch.tensor([SHAPES.index(label) for label in labels])
        return TrainingImages(images=load_images(pictures), label_n=label_n, **options)

    def other(self, count=10):
        pictures, labels = glyphs(STRANGE, count, seed=7)
        return TrainingImages(
            images=load_images(pictures), label_n=torch.tensor([STRANGE.index(label) for label in labels])
        )

    def schedule(self, **settings):
        return Schedule(**({"epochs": 3, "batch_size": 16, "augmentation": "none"} | settings))


@pytest.fixture
def workshop():
    return Workshop()
