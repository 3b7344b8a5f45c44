"""A trained layer on a frozen backbone: embeddings in, embeddings of another width out.

Fine-tuning a network for photos takes minutes to hours; a linear layer on its finished embeddings takes seconds, and
every loss that could shape the network can shape that layer (Chen et al., *A Simple Framework for Contrastive Learning
of Visual Representations*, ICML 2020, arXiv:2002.05709, call it a projection head). The frozen part is computed once
and cached, however many projections are tried on it.

    embedding (B, D) → centred, brought to one scale → linear → batch norm → embedding (B, P)

Legend: B, n images, D embedding of the frozen part, P of the projection.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierclf.backbones.backbone import Backbone

ROWS = 64
"""Go through a projection at once when nothing is learnt, see `project_rows`."""


class Projection(nn.Module):
    """Standardisation, a linear layer and batch norm.

    Args:
        width: D.
        outputs: P.

    Weights are drawn from torch's global generator. Until `standardise` is called, embeddings are read as they are.
    """

    mean_D: Tensor
    scale: Tensor
    pretrained = False  # it always starts from scratch

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean_D", torch.zeros(width))
        self.register_buffer("scale", torch.ones(()))
        self.linear = nn.Linear(width, outputs, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.dim = outputs

    def standardise(self, embedding_nD: Tensor) -> Projection:
        """Centre embeddings like these from now on, and bring them to unit mean variance.

        All directions share one scale: giving each its own would lift the noise of those that hardly vary.
        """
        rows_nD = embedding_nD.double()
        self.mean_D.copy_(rows_nD.mean(0))
        self.scale.copy_(rows_nD.var(0, correction=0).mean().sqrt().clamp(min=1e-12))
        return self

    def forward(self, embedding_BD: Tensor) -> Tensor:
        """Embeddings, shape ``(B, P)``."""
        projected_BP: Tensor = self.norm(self.linear((embedding_BD - self.mean_D) / self.scale))
        return projected_BP


class ProjectedFeatures(nn.Module):
    """A backbone and a projection, one after the other.

    Args:
        backbone: the frozen part.
        projection: reads its embeddings.
    """

    def __init__(self, backbone: Backbone, projection: Projection) -> None:
        super().__init__()
        self.backbone, self.projection = backbone, projection

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Embeddings of images, shape ``(B, P)``."""
        projected_BP: Tensor = self.projection(self.backbone(images_BCHW))
        return projected_BP


def projected(backbone: Backbone, projection: Projection) -> Backbone:
    """A backbone that ends in a projection; it shares its parts with the given ones and is frozen.

    >>> from hierclf.backbones import build_backbone
    >>> backbone = projected(build_backbone("small_cnn", image_size=28), Projection(128, 16))
    >>> backbone.dim, unprojected(backbone).dim
    (16, 128)
    """
    return Backbone(
        ProjectedFeatures(backbone, projection),
        backbone.preprocessing,
        name=backbone.name,
        weights=backbone.weights,
        pretrained=backbone.pretrained,
    ).freeze()


def projection_of(backbone: Backbone) -> Projection | None:
    """The projection that a backbone ends in, or None."""
    return backbone.features.projection if isinstance(backbone.features, ProjectedFeatures) else None


def unprojected(backbone: Backbone) -> Backbone:
    """The part of a backbone before its projection; the backbone itself where there is none."""
    return backbone.features.backbone if isinstance(backbone.features, ProjectedFeatures) else backbone


@torch.no_grad()
def project_rows(projection: Projection, embedding_nD: Tensor) -> Tensor:
    """What a projection, in evaluation mode, makes of embeddings, float32 on the CPU, shape ``(n, P)``.

    A row comes out the very same whatever rows are beside it: they go through in slices of one size, the last filled
    up, since kernels sum in another order for another number of rows.
    """
    projection = projection.to("cpu").eval()
    parts = []
    for rows_BD in torch.split(embedding_nD.float(), ROWS):
        filled_BD = torch.cat([rows_BD, rows_BD.new_zeros(ROWS - len(rows_BD), rows_BD.shape[1])])
        parts.append(projection(filled_BD)[: len(rows_BD)])
    return torch.cat(parts) if parts else embedding_nD.new_empty(0, projection.dim)
