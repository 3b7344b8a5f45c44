"""Embeddings of many images, batch by batch, without gradients.

Legend: B images of a batch, n images in all, C channels, H height, W width, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from hierclf.backbones.backbone import Backbone

SLICE_PIXELS = 1 << 18
SMALLEST_SLICE, LARGEST_SLICE = 4, 64
"""Images that go through a backbone at once; see `slice_size`."""


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

    An image gives the very same row in a batch of any size. Kernels sum in another order for another number of images,
    so images go through the backbone in slices of one size, the last filled up.
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
                size = slice_size(images_BCHW.shape[2] * images_BCHW.shape[3], device)
                rows = [
                    backbone(_filled(part, size))[: len(part)].float().cpu() for part in torch.split(images_BCHW, size)
                ]
                result_nD[index_B] = torch.cat(rows)
                if progress is not None:
                    progress(len(index_B))
    finally:
        backbone.train(was_training)
    return result_nD


def slice_size(pixels: int, device: torch.device) -> int:
    """How many images of this size go through a backbone at once.

    It depends on nothing else, so that a lone image meets the kernels that it meets among others. On a CPU a lone
    large image must not wait for many blank ones: 64 images up to 64 x 64, 4 of 224 x 224.

    >>> slice_size(28 * 28, torch.device("cpu")), slice_size(224 * 224, torch.device("cpu"))
    (64, 4)
    """
    if device.type != "cpu":
        return LARGEST_SLICE
    return min(max(1 << (SLICE_PIXELS // max(pixels, 1)).bit_length() >> 1, SMALLEST_SLICE), LARGEST_SLICE)


def _filled(images_BCHW: Tensor, size: int) -> Tensor:
    """The images, and copies of the last up to this number."""
    missing = size - len(images_BCHW)
    return torch.cat([images_BCHW, images_BCHW[-1:].expand(missing, -1, -1, -1)]) if missing else images_BCHW
