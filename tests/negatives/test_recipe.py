from __future__ import annotations

import pytest
import torch

from hierclf.errors import ConfigError, UnknownName
from hierclf.negatives import NegativeRecipe, make_negatives
from hierclf.negatives import recipe as module

LABELS = torch.tensor([1, 2, 3] * 8)
IMAGES = LABELS.float()[:, None, None, None] * 10 + torch.arange(24.0)[:, None, None, None] / 100
IMAGES = IMAGES.expand(24, 1, 4, 4) + torch.arange(16.0).reshape(4, 4) * 1000


def recipe_of(*names, allowed=None):
    table = torch.ones(len(names), 4, dtype=torch.bool) if allowed is None else torch.tensor(allowed).bool()
    return NegativeRecipe(names=names, allowed_TN=table)


def made_of(recipe, labels=LABELS, images=IMAGES, count=200, seed=0):
    return make_negatives(images, labels, recipe, torch.Generator().manual_seed(seed), count=count)


def test_each_kind_is_one_transformation_of_one_class():
    recipe = recipe_of("mirrored", "mixed", allowed=[[0, 1, 0, 1], [0, 0, 1, 1]])
    assert recipe.num_kinds == 4
    kinds = recipe.kind_TN[recipe.allowed_TN]
    assert kinds.tolist() == [0, 1, 2, 3]
    assert (recipe.kind_TN[~recipe.allowed_TN] == -1).all()


def test_too_many_kinds_become_one_for_each_transformation(monkeypatch):
    monkeypatch.setattr(module, "MOST_KINDS", 3)
    recipe = recipe_of("mirrored", "warped", "mixed", allowed=[[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1]])
    assert recipe.num_kinds == 2
    assert recipe.kind_TN.tolist() == [[-1, 0, -1, 0], [-1, -1, -1, -1], [-1, -1, 1, 1]]


def test_only_what_is_allowed_is_made_and_every_bit_of_it():
    recipe = recipe_of("mirrored", "upside_down", allowed=[[0, 1, 0, 1], [0, 0, 1, 0]])
    made = made_of(recipe)
    pairs = set(zip(made.how_M.tolist(), made.label_M.tolist(), strict=True))
    assert pairs == {(0, 1), (0, 3), (1, 2)}
    assert 60 < len(made) < 140  # half of the pairs that are drawn
    assert (recipe.kind_TN[made.how_M, made.label_M] >= 0).all()


def test_the_images_are_what_their_columns_say():
    made = made_of(recipe_of("mirrored", "mixed"))
    assert (made.label_M != made.partner_M).all()
    for image, how, label, partner in zip(made.images_MCHW, made.how_M, made.label_M, made.partner_M, strict=True):
        corner = image[0, 0, 0].item()
        if how == 0:  # mirrored: the last of the first row comes first
            assert corner == pytest.approx(3000 + 10 * label.item(), abs=0.25)
        else:
            assert corner == pytest.approx(5 * (label + partner).item(), abs=0.25)


def test_the_same_generator_makes_the_same_negatives():
    recipe = recipe_of("mixed", "shuffled_2x2")
    first, again, third = made_of(recipe), made_of(recipe), made_of(recipe, seed=1)
    assert torch.equal(first.images_MCHW, again.images_MCHW)
    assert not torch.equal(first.label_M[:20], third.label_M[:20])


@pytest.mark.parametrize("count", [0, 5])
def test_a_batch_of_one_class_or_none_makes_nothing(count):
    made = made_of(recipe_of("mixed", "mirrored"), labels=torch.full((count,), 2), images=IMAGES[:count])
    assert len(made) == 0
    assert made.images_MCHW.shape == (0, 1, 4, 4)


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        (("mirored",), UnknownName, "no transformation named 'mirored'; did you mean 'mirrored'?"),
        ((), ConfigError, "expected at least one transformation, got none; negatives='none' makes no negatives"),
        (("mixed", "mixed"), ConfigError, "expected each transformation once, got mixed more than once"),
    ],
)
def test_names_that_cannot_be_used_are_refused(names, error, words):
    with pytest.raises(error) as caught:
        recipe_of(*names)
    assert words in str(caught.value)


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(ConfigError, match=r"a table of 2 transformations and all nodes, got shape \(1, 4\)"):
        NegativeRecipe(names=("mixed", "mirrored"), allowed_TN=torch.ones(1, 4, dtype=torch.bool))
