"""A feature extractor together with what one must know to use it.

Any module that maps images ``(B, C, H, W)`` to something with B rows can be a backbone: `Backbone` adds the
preprocessing its weights expect, the width of the embedding, and where the weights came from. It is never subclassed;
a new architecture is a new ``features`` module.

Legend: B images, C channels, H height, W width, D embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierclf.backbones.preprocessing import Preprocessing
from hierclf.errors import BackboneError


class Backbone(nn.Module):
    """Images in, embeddings out.

    Args:
        features: maps float images ``(B, C, H, W)`` to a tensor whose first axis is B; the other axes are flattened.
        preprocessing: how an image becomes the tensor that `features` expects.
        name: the name it is built by, or the class of a module of the user's own.
        weights: where the weights came from, in words for a report (``"IMAGENET1K_V2"``, ``"random"``, a file name).
        pretrained: whether the weights know something already, so that freezing them makes sense.

    Raises:
        BackboneError: `features` cannot read images of this size, or returns no usable embedding.

    The width D of the embedding is found by a dry run on two black images. Weights are laid out with channels last.
    """

    def __init__(
        self, features: nn.Module, preprocessing: Preprocessing, *, name: str, weights: str = "random", pretrained: bool
    ) -> None:
        super().__init__()
        if not any(parameter.ndim == 5 for parameter in features.parameters()):  # convolutions over time keep theirs
            features = features.to(memory_format=torch.channels_last)  # on processors twice as fast
        self.features = features
        self.preprocessing = preprocessing
        self.name = name
        self.weights = weights
        self.pretrained = pretrained
        self.frozen = False
        self.dim = embedding_width(features, preprocessing, name)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Embeddings, shape ``(B, D)``, of preprocessed images."""
        images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
        embedding: Tensor = self.features(images_BCHW).flatten(1)
        return embedding

    def freeze(self) -> Backbone:
        """Keep the weights as they are from now on: no gradients, and evaluation mode whatever `train` is told.

        Batch norm in training mode would use the batch's statistics and overwrite its own, which changes embeddings
        although no weight was trained.
        """
        self.frozen = True
        self.requires_grad_(False)
        return self.eval()

    def unfreeze(self) -> Backbone:
        """Let the weights be trained again."""
        self.frozen = False
        return self.requires_grad_(True)

    def train(self, mode: bool = True) -> Backbone:
        """Training or evaluation mode; a frozen backbone stays in evaluation mode."""
        return super().train(mode and not self.frozen)

    def extra_repr(self) -> str:
        """What the module list of ``repr`` does not tell."""
        return f"name={self.name!r}, weights={self.weights!r}, dim={self.dim}, frozen={self.frozen}"


def embedding_width(features: nn.Module, preprocessing: Preprocessing, name: str) -> int:
    """Width D of the flattened output, by a dry run on two black images that leaves the module as it was.

    Raises:
        BackboneError: the module fails on images of this size, or returns something else than a float tensor with one
            row per image.
    """
    given = next(features.parameters(), torch.empty(0))
    images_BCHW = torch.zeros((2, *preprocessing.shape), device=given.device, dtype=given.dtype)
    modes = {module: module.training for module in features.modules()}
    features.eval()
    try:
        with torch.no_grad():
            output = features(images_BCHW)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        shape = tuple(images_BCHW.shape)
        raise BackboneError(
            f"backbone {name!r} fails on images of shape {shape}: {error}; set image_size, or mode and number of means "
            f"in its preprocessing, to what it takes"
        ) from error
    finally:
        for module, mode in modes.items():
            module.training = mode
    if not isinstance(output, Tensor) or not output.is_floating_point():
        got = f"a tensor of {output.dtype}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise BackboneError(f"backbone {name!r} must return one float tensor of embeddings; it returned {got}")
    if output.ndim < 2 or len(output) != 2 or output[0].numel() == 0:
        raise BackboneError(
            f"backbone {name!r} must return one embedding per image; for 2 images it returned shape "
            f"{tuple(output.shape)}"
        )
    return output[0].numel()
