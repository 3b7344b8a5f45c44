"""A bench with glyphs on it, for trials."""

from __future__ import annotations

import numpy as np
import torch

from hierclf.backbones import build_backbone
from hierclf.dag import compile_plan
from hierclf.data import load_images
from hierclf.losses import label_weights
from hierclf.progress import silent
from hierclf.settings import Settings
from hierclf.taxonomy import Taxonomy
from hierclf.training import Schedule
from hierclf.training.bench import Bench
from hierclf.training.chance import seeded
from tests.synthetic import GLYPHS, glyphs

SIGNS = Taxonomy.from_edges([("sign", name) for name in (*GLYPHS, "square")])


def bench_of(taxonomy=SIGNS, count=40, epochs=8, **settings):
    plan = compile_plan(taxonomy)
    pictures, labels = glyphs(tuple(taxonomy.leaves), count)
    order = np.random.default_rng(0).permutation(len(labels))
    fit, tune = np.split(order, [4 * len(order) // 5])
    with seeded(0):
        backbone = build_backbone("small_cnn", weights=None, image_size=(12, 12), grey=True)
    return Bench(
        images=load_images(pictures),
        label_n=torch.tensor([taxonomy.index(label) for label in labels]),
        fit=np.sort(fit),
        tune=np.sort(tune),
        other=None,
        backbone=backbone,
        plan=plan,
        weight_NK=label_weights(plan, "leaf"),
        schedule=Schedule(epochs=epochs, batch_size=16, augmentation="none"),
        settings=Settings(**settings),
        progress=silent,
    )
