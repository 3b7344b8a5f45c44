"""Tiny images that a small network learns in seconds."""

import numpy as np
import pytest

from hierclf.data import load_images


def glyphs(kinds, count, seed=0):
    """Noisy 8×8 images, one fixed pattern per kind."""
    patterns = {kind: np.random.default_rng(ord(kind)).integers(0, 2, (8, 8)) * 180 for kind in kinds}
    source = np.random.default_rng(seed)
    pictures = [patterns[kind] + source.integers(0, 60, (8, 8)) for kind in kinds for _ in range(count)]
    return load_images(np.array(pictures, dtype=np.uint8), [kind for kind in kinds for _ in range(count)])


@pytest.fixture(scope="session")
def known():
    return glyphs("016", 60)


@pytest.fixture(scope="session")
def other():
    return glyphs("ab", 30, seed=1)


@pytest.fixture(scope="session")
def fresh():
    """Test images: 30 of each known class, then 30 of each kind of other."""
    return glyphs("016ab", 30, seed=2)
