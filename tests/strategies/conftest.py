"""Tiny images that a small network learns in seconds, and each network fitted once for all strategies that share it."""

import numpy as np
import pytest
import torch

from hierclf import Taxonomy
from hierclf.data import load_images
from hierclf.strategies import strategies

torch.set_num_threads(1)

SIGNS = Taxonomy.from_edges({"sign": ["round", "straight"], "round": ["0", "6"], "straight": ["1", "7"]})
SMALL = {"backbone": "small_cnn", "epochs": 4, "augmentation": "none", "cache": False}


def glyphs(kinds, count, seed=0):
    """Noisy 8×8 images, one fixed pattern per kind."""
    patterns = {kind: np.random.default_rng(ord(kind)).integers(0, 2, (8, 8)) * 180 for kind in kinds}
    source = np.random.default_rng(seed)
    pictures = [patterns[kind] + source.integers(0, 60, (8, 8)) for kind in kinds for _ in range(count)]
    return load_images(np.array(pictures, dtype=np.uint8), [kind for kind in kinds for _ in range(count)])


@pytest.fixture(scope="session")
def known():
    return glyphs("0167", 50)


@pytest.fixture(scope="session")
def other():
    return glyphs("ab", 30, seed=1)


@pytest.fixture(scope="session")
def fresh():
    """Test images: 30 of each known class, then 30 of each kind of other."""
    return glyphs("0167ab", 30, seed=2)


@pytest.fixture(scope="session")
def fitted(known, other):
    """A registered strategy fitted on these images; those that share a network share it here as well."""
    networks, finished = {}, {}

    def fit(name):
        if name not in finished:
            strategy = strategies[name].but(**SMALL).checked()
            key = strategy.training_key
            if key in networks:
                finished[name] = strategy.refit(networks[key])
            else:
                finished[name] = strategy.fit(SIGNS, known, other=other)
                if key is not None:
                    networks[key] = finished[name]
        return finished[name]

    return fit
