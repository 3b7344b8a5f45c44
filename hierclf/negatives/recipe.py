"""Which transformations to use on which classes, and how a batch of negatives is made by them.

A negative of a class is an image of it under a transformation that this class does not survive. Every transformation of
every class is a kind of its own, as long as these are not too many: a network that must tell "a 2 upside down" from "a
7 upside down" learns more about strokes than one that must only tell both from digits.

Lee, Hwang and Shin, *Self-supervised Label Augmentation via Input Transformations*, ICML 2020, arXiv:1910.05872.

B images, M negatives, C channels, H height, W width, T transformations, N nodes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from hierclf.errors import ConfigError
from hierclf.negatives.transformation import transformations

DRAWS = 4
"""How often a partner is drawn anew because it is of the same class."""

MOST_KINDS = 1024
"""Where transformations and classes make more pairs than this, each transformation is one kind."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NegativeRecipe:
    """Transformations, and the classes that each is used on.

    Args:
        names: transformations, at least one, none twice.
        allowed_TN: whether a transformation is used on images labelled with a node, bool, shape ``(T, N)``.

    Raises:
        UnknownName: no such transformation.
        ConfigError: none, one twice, or a table of another shape.

    >>> recipe = NegativeRecipe(names=("mirrored", "mixed"), allowed_TN=torch.tensor([[0, 1, 0], [0, 1, 1]]).bool())
    >>> recipe.num_kinds, recipe.kind_TN.tolist()
    (3, [[-1, 0, -1], [-1, 1, 2]])
    """

    names: tuple[str, ...]
    allowed_TN: Tensor

    def __post_init__(self) -> None:
        require_transformations(self.names)
        if self.allowed_TN.ndim != 2 or len(self.allowed_TN) != len(self.names):
            came = tuple(self.allowed_TN.shape)
            raise ConfigError(f"expected a table of {len(self.names)} transformations and all nodes, got shape {came}")

    @cached_property
    def kind_TN(self) -> Tensor:
        """The number of each kind of negatives, int64; -1 where none is made."""
        pairs_TN = self.allowed_TN.flatten().cumsum(0).reshape(self.allowed_TN.shape) - 1
        rows_TN = (self.allowed_TN.any(1).cumsum(0) - 1)[:, None].expand_as(pairs_TN)
        return torch.where(self.allowed_TN, pairs_TN if self.allowed_TN.sum() <= MOST_KINDS else rows_TN, -1)

    @property
    def num_kinds(self) -> int:
        """How many kinds of negatives there are."""
        return int(self.kind_TN.max()) + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Negatives:
    """Images that are hardly any known class.

    Args:
        images_MCHW: like the images they were made of.
        how_M: the place of the transformation in the recipe, int64.
        label_M: label of the image that was transformed, int64.
        partner_M: label of the partner, whether or not it took part, int64.
    """

    images_MCHW: Tensor
    how_M: Tensor
    label_M: Tensor
    partner_M: Tensor

    def __len__(self) -> int:
        return len(self.label_M)


def make_negatives(
    images_BCHW: Tensor, label_B: Tensor, recipe: NegativeRecipe, generator: Generator, *, count: int
) -> Negatives:
    """Negatives of a batch, by transformations, images and partners drawn at random.

    Args:
        images_BCHW: preprocessed images, float, on any device.
        label_B: node ids, int64, on the CPU.
        recipe: what to do with which class.
        generator: where chance comes from, on the CPU.
        count: how many to try. Fewer come where a transformation is not used on the image that was drawn, or where no
            partner of another class was found; none where the batch holds a single class.

    Returns:
        At most ``count`` of them, those of one transformation next to each other.
    """
    if len(label_B) == 0:
        return Negatives(images_MCHW=images_BCHW, how_M=label_B, label_M=label_B, partner_M=label_B)
    source_M, partner_M = (torch.randint(len(label_B), (count,), generator=generator) for _ in range(2))
    how_M = torch.randint(len(recipe.names), (count,), generator=generator).sort().values
    for _ in range(DRAWS):
        again_M = torch.randint(len(label_B), (count,), generator=generator)
        partner_M = torch.where(label_B[partner_M] == label_B[source_M], again_M, partner_M)
    good_M = recipe.allowed_TN[how_M, label_B[source_M]] & (label_B[partner_M] != label_B[source_M])
    source_M, partner_M, how_M = source_M[good_M], partner_M[good_M], how_M[good_M]
    sizes = torch.bincount(how_M, minlength=len(recipe.names)).tolist()
    sources, partners = (torch.split(rows_M.to(images_BCHW.device), sizes) for rows_M in (source_M, partner_M))
    made = [
        transformations[name](images_BCHW[mine], images_BCHW[theirs], generator)
        for name, mine, theirs in zip(recipe.names, sources, partners, strict=True)
    ]
    return Negatives(images_MCHW=torch.cat(made), how_M=how_M, label_M=label_B[source_M], partner_M=label_B[partner_M])


def require_transformations(names: Sequence[str]) -> None:
    """Refuse names of transformations that do not exist, no name at all, and one name twice.

    Raises:
        UnknownName: no such transformation.
        ConfigError: none, or one twice.
    """
    if not names:
        raise ConfigError("expected at least one transformation, got none; negatives='none' makes no negatives")
    for name in names:
        transformations[name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"expected each transformation once, got {', '.join(twice)} more than once")
