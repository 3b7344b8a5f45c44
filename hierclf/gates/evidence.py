"""What a gate score may read about a batch of images: embeddings, logits and, while fitting, labels.

A gate asks of each image "is this any of ours?". It never sees pixels: all that it knows is where the backbone put the
image (the embedding) and what the head said about it (one logit for each known leaf class). `Evidence` holds just
that, so that each score is a function of one value and no score can reach for anything else.

B images, D embedding, C known leaf classes, R rows of one chunk
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from hierclf.errors import DataError

CHUNK = 2048  # images at a time: intermediate results stay within some 200 MB even beside a bank of 10,000


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the model says about ``B`` images.

    Args:
        embedding_BD: the backbone's output, any float dtype, shape ``(B, D)`` with ``D >= 1``.
        logits_BC: one unnormalised score for each known leaf class, any float dtype, shape ``(B, C)``, ``C >= 1``.
        label_B: class of each image, int64, shape ``(B,)``, only needed for fitting. ``-1`` marks a known image
            without a leaf class (labelled at an internal node): it counts for the Gaussian of all images, not for
            the mean of a class. Among images of *other* the labels are kinds of other.

    Raises:
        DataError: when shapes or dtypes do not fit.

    >>> evidence = Evidence(torch.zeros(3, 8), torch.zeros(3, 2), torch.tensor([0, 1, -1]))
    >>> len(evidence), len(evidence[1:])
    (3, 2)
    """

    embedding_BD: Tensor
    logits_BC: Tensor
    label_B: Tensor | None = None

    def __post_init__(self) -> None:
        for name, values in (("embeddings", self.embedding_BD), ("logits", self.logits_BC)):
            if values.ndim != 2 or values.shape[1] == 0 or not values.is_floating_point():
                came = f"{values.dtype} of shape {tuple(values.shape)}"
                raise DataError(f"expected {name} as floats of shape (images, at least 1), got {came}")
        if len(self.embedding_BD) != len(self.logits_BC):
            counts = f"{len(self.embedding_BD)} embeddings and {len(self.logits_BC)} rows of logits"
            raise DataError(f"expected one row of logits for each embedding, got {counts}")
        if self.label_B is not None and (self.label_B.shape != (len(self),) or self.label_B.dtype != torch.int64):
            came = f"{self.label_B.dtype} of shape {tuple(self.label_B.shape)}"
            raise DataError(f"expected one int64 label for each of {len(self)} images, got {came}")

    def __len__(self) -> int:
        return len(self.embedding_BD)

    def __getitem__(self, rows: slice | Tensor) -> Evidence:
        """The evidence of some of the images, chosen by a slice, an index tensor or a mask."""
        label = None if self.label_B is None else self.label_B[rows]
        return Evidence(self.embedding_BD[rows], self.logits_BC[rows], label)

    def chunks(self, size: int = CHUNK) -> Iterator[Evidence]:
        """The images a few thousand at a time, on the CPU; no image at all makes one empty chunk."""
        for start in range(0, max(len(self), 1), size):
            yield self[start : start + size].cpu()

    def cpu(self) -> Evidence:
        """The same evidence on the CPU, where the statistics are done in float64, and without gradients."""
        label = None if self.label_B is None else self.label_B.detach().cpu()
        return Evidence(self.embedding_BD.detach().cpu(), self.logits_BC.detach().cpu(), label)

    def require_finite(self) -> None:
        """Refuse NaN and infinity, which would otherwise pass some scores unnoticed.

        The tensors are looked at once, however many scores read the evidence: do not change them afterwards.

        Raises:
            DataError: naming the first rows that are not finite.
        """
        if self._is_finite:
            return
        finite_B = self.embedding_BD.isfinite().all(1) & self.logits_BC.isfinite().all(1)
        holes = torch.nonzero(~finite_B).flatten().tolist()
        if holes:
            shown = ", ".join(f"#{row}" for row in holes[:5]) + (", …" if len(holes) > 5 else "")
            raise DataError(
                f"expected finite embeddings and logits, got NaN or infinity for {len(holes)} of {len(self)} images "
                f"(rows {shown}); leave these images out, or check the backbone's weights and precision"
            )

    @cached_property
    def _is_finite(self) -> bool:
        """False also where a sum of finite values is not finite, which only a look at every value can tell."""
        return bool(self.embedding_BD.sum().isfinite() and self.logits_BC.sum().isfinite())


def in_chunks(measure: Callable[[Evidence], Tensor], evidence: Evidence) -> Tensor:
    """Apply a function of single images a chunk at a time, so that memory does not grow with their number.

    Args:
        measure: maps evidence of ``R`` images to ``R`` values.
        evidence: any number of images.

    Returns:
        The values, float64 on the CPU, shape ``(B,)``.
    """
    return torch.cat([measure(chunk).double() for chunk in evidence.chunks()])


def at_least_single(values: Tensor) -> Tensor:
    """The values in float32 or float64, whichever holds them all: float64 stays float64, half precision becomes single.

    Logits in float32 are rounded already; what is computed from them in float32 with care stays as exact as they are.

    >>> at_least_single(torch.zeros(1, dtype=torch.float16)).dtype, at_least_single(torch.zeros(1).double()).dtype
    (torch.float32, torch.float64)
    """
    return values if values.dtype == torch.float64 else values.float()


def products_are_single() -> bool:
    """Whether torch multiplies matrices of float32 in float32; a program may have asked it for faster, coarser ones.

    Where it has (`torch.set_float32_matmul_precision`), scores take float64 instead.
    """
    return torch.get_float32_matmul_precision() == "highest"
