from __future__ import annotations

import pytest
import torch

from hierclf.negatives import transformations

SHAPES = [(5, 1, 12, 12), (3, 3, 17, 9), (1, 3, 4, 6), (0, 1, 8, 8)]
NAMES = sorted(transformations)


def pair(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_type_stay(name, shape):
    images, partners = pair(shape)
    made = transformations[name](images, partners, torch.Generator().manual_seed(0))
    assert made.shape == images.shape
    assert made.dtype == images.dtype
    assert made.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_generator_makes_the_same_images_and_leaves_the_given_ones_alone(name):
    images, partners = pair((6, 1, 12, 12))
    before = images.clone(), partners.clone()
    first, again = (transformations[name](images, partners, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, images)
    assert torch.equal(images, before[0])
    assert torch.equal(partners, before[1])


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_made_of_its_own_source_and_partner_alone(name):
    images, partners = pair((6, 1, 12, 12))
    made = transformations[name](images, partners, torch.Generator().manual_seed(3))
    images[2:], partners[2:] = 7.0, -7.0
    other = transformations[name](images, partners, torch.Generator().manual_seed(3))
    assert torch.equal(made[:2], other[:2])
