"""Embeddings of many images, batch by batch, without gradients.

Legend: B images of a batch, n images in all, C channels, H height, W width, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from hierclf.backbones.backbone import Backbone


def embed(
    backbone: Backbone,
    batches: Iterable[tuple[Tensor, Tensor]],
    count: int,
    *,
    device: torch.device | str = "cpu",
    autocast: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Embed images in evaluation mode.

    Args:
        backbone: moved to the device; its training mode is restored afterwards.
        batches: pairs of preprocessed images ``(B, C, H, W)`` and the places ``(B,)`` of their rows in the result, for
            instance a ``DataLoader``. Empty batches are skipped.
        count: number of rows n.
        device: where to compute.
        autocast: half precision on CUDA. It is off unless asked for, because a threshold that was calibrated in one
            precision must not meet scores in another.
        progress: called with the number of images of each batch that is done.

    Returns:
        float32 on the CPU, shape ``(n, D)``. Rows that no batch names, such as those of unreadable images, are NaN.

    An image gives the same row in a batch of any size, to about 1e-6 of the row's length: kernels sum in another order.
    """
    device = torch.device(device)
    result_nD = torch.full((count, backbone.dim), torch.nan)
    was_training = backbone.training
    backbone.to(device).eval()
    try:
        with torch.inference_mode(), torch.autocast(device.type, enabled=autocast and device.type == "cuda"):
            for images_BCHW, index_B in batches:
                if len(index_B) == 0:
                    continue
                images_BCHW = images_BCHW.to(device, non_blocking=True)
                result_nD[index_B] = backbone(images_BCHW).float().cpu()
                if progress is not None:
                    progress(len(index_B))
    finally:
        backbone.train(was_training)
    return result_nD
