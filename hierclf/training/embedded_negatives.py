"""Embeddings of negatives that are made of known images batch by batch.

n images, M negatives, D embedding, N nodes
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.backbones import Backbone
from hierclf.data import ImageSet
from hierclf.embedding import BATCH, batches
from hierclf.negatives import NegativeRecipe, make_negatives


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddedNegatives:
    """Negatives as a backbone sees them.

    Args:
        embedding_MD: float32, shape ``(M, D)``.
        how_M: places of the transformations in the recipe, int64.
        label_M: labels of the images that were transformed, int64.
        partner_M: labels of their partners, int64.
    """

    embedding_MD: Tensor
    how_M: Tensor
    label_M: Tensor
    partner_M: Tensor

    def __len__(self) -> int:
        return len(self.label_M)

    def __getitem__(self, rows: Tensor) -> EmbeddedNegatives:
        """Some of them, by a mask or places."""
        return EmbeddedNegatives(
            embedding_MD=self.embedding_MD[rows],
            how_M=self.how_M[rows],
            label_M=self.label_M[rows],
            partner_M=self.partner_M[rows],
        )


@torch.no_grad()
def embed_negatives(
    backbone: Backbone,
    images: ImageSet,
    label_n: Tensor,
    recipe: NegativeRecipe,
    generator: torch.Generator,
    *,
    device: torch.device | str = "cpu",
    workers: int = 0,
) -> EmbeddedNegatives:
    """Embeddings of negatives, about as many as there are images; the backbone is left on the CPU.

    Args:
        backbone: frozen.
        images: n known images.
        label_n: their node ids, int64.
        recipe: which negatives to make.
        generator: where chance comes from, on the CPU.
        device: where to compute.
        workers: processes that decode files.
    """
    places = torch.randperm(len(images), generator=generator).tolist()  # so that a batch holds several classes
    backbone.to(device).eval()
    parts = [(torch.empty(0, backbone.dim), *torch.empty(3, 0, dtype=torch.int64))]
    for batch in batches(images, backbone.preprocessing, places, batch_size=BATCH, workers=workers):
        label_B = label_n[batch.index_B]
        made = make_negatives(batch.images_BCHW.to(device), label_B, recipe, generator, count=len(label_B))
        if len(made):
            parts.append((backbone(made.images_MCHW).float().cpu(), made.how_M, made.label_M, made.partner_M))
    backbone.to("cpu")
    embedding_MD, how_M, label_M, partner_M = (torch.cat(column) for column in zip(*parts, strict=True))
    return EmbeddedNegatives(embedding_MD=embedding_MD, how_M=how_M, label_M=label_M, partner_M=partner_M)


def of_recipe(made: EmbeddedNegatives, recipe: NegativeRecipe, label_B: Tensor) -> EmbeddedNegatives:
    """The negatives that a narrower recipe allows and in which none but some classes took part."""
    seen_N = torch.zeros(recipe.allowed_TN.shape[1], dtype=torch.bool)
    seen_N[label_B] = True
    return made[recipe.allowed_TN[made.how_M, made.label_M] & seen_N[made.label_M] & seen_N[made.partner_M]]
