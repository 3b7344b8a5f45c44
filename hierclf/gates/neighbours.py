"""The k-th nearest row of a bank, exactly, found by products that are only nearly right.

Comparing every image with every row of a bank is one large matrix product, and all the cost. A product in low precision
is several times faster; its error is small and, what matters, *bounded*. So the search goes in two steps:

1. the cheap product gives each pair a closeness ``c̃`` with ``|c̃ - c| ≤ δ``. At least k rows lie at or above the k-th
   largest ``c̃``, so the k nearest are among those with ``c̃ ≥ c̃_k - 2δ``, a handful;
2. the distances to that handful are taken from the differences themselves in float64.

The answer is the same in any precision and any batch; only the time differs. Where bfloat16 cannot tell rows apart (too
many in the handful), float32 is asked; where that cannot either, the rows are copies of each other for all that float32
knows, and a few of the first will do.

Closeness is ``c = aᵀb - ‖b‖² / 2`` with both moved to the bank's mean first: embeddings lie in a narrow cone, and what
they share would cost digits and tell nothing.

B images, M rows of the bank, D embedding, R images of one tile, W × G the bank in G groups of W, Q pairs (image, row)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from hierclf.gates.evidence import products_are_single

TILE = 256  # images at a time: their closeness to a bank of 10,000 stays in the processor's cache
WIDTH = 16  # rows of the bank in a group; only groups whose best is good enough are looked into
CROWD = 24  # groups with a candidate, beyond which the next precision is cheaper than the handful
SPARE = 8  # candidates beyond the k-th neighbour where float32 cannot tell
ROUNDING = {torch.bfloat16: 2.0**-8, torch.float32: 2.0**-24, torch.float64: 2.0**-24}  # relative; kept in float32
WORTH = 1 << 20  # pairs below which it is not worth asking which precision is faster


@dataclass(frozen=True, eq=False)
class Bank:
    """Rows to be near to, prepared for search.

    Args:
        row_MD: finite, float32, shape ``(M, D)`` with ``M >= 1``.

    >>> bank = Bank(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]]))
    >>> bank.distance(torch.tensor([[0.0, 1.0]]), 2)
    tensor([1.4142], dtype=torch.float64)
    """

    row_MD: Tensor

    def distance(self, embedding_BD: Tensor, k: int) -> Tensor:
        """Euclidean distance from each embedding to its k-th nearest row.

        Args:
            embedding_BD: finite, float32, shape ``(B, D)``.
            k: which neighbour, at least 1; the farthest where the bank has fewer.

        Returns:
            float64, shape ``(B,)``.
        """
        k = min(k, len(self.row_MD))
        distance_B = torch.full((len(embedding_BD),), torch.nan, dtype=torch.float64)
        low = len(embedding_BD) * len(self.row_MD) >= WORTH and bfloat16_pays()
        for search in (self._coarse.search, self._fine.search, self._few) if low else (self._fine.search, self._few):
            left_B = distance_B.isnan().nonzero()[:, 0]
            for row_R in torch.split(left_B, TILE) if len(left_B) else ():
                distance_B[row_R] = search(embedding_BD[row_R], k)
                if 2 * distance_B[row_R].isnan().sum() > len(row_R):
                    break  # the others would fare no better
        return distance_B

    def _few(self, tile_RD: Tensor, k: int) -> Tensor:
        """The k-th smallest of the distances to the few rows that seem nearest."""
        close_RM = self._fine.closeness(tile_RD)[:, : len(self.row_MD)]
        near_RK = close_RM.topk(min(k + SPARE, len(self.row_MD)), dim=1).indices
        exact_RD = tile_RD.double()
        distances = [(exact_RD - self.row_MD[near_R].double()).norm(dim=1) for near_R in near_RK.unbind(1)]
        return torch.stack(distances, dim=1).kthvalue(k, dim=1).values

    @cached_property
    def _coarse(self) -> SearchedBank:
        return SearchedBank.prepare(self.row_MD, torch.bfloat16)

    @cached_property
    def _fine(self) -> SearchedBank:
        return SearchedBank.prepare(self.row_MD, torch.float32 if products_are_single() else torch.float64)


@dataclass(frozen=True, eq=False)
class SearchedBank:
    """A bank in one precision; M is padded to a multiple of the groups' width with rows that are close to nothing.

    Args:
        row_MD: the rows as they are, float32.
        centre_D: their mean, float32.
        low_DM: ``b - centre`` in the precision of the search.
        offset_M: ``-‖b - centre‖² / 2``, float32; -inf for padding.
        longest: largest ``‖b - centre‖``.
        rounded: largest error that the precision made in a row, as a length.
    """

    row_MD: Tensor
    centre_D: Tensor
    low_DM: Tensor
    offset_M: Tensor
    longest: float
    rounded: float

    @classmethod
    def prepare(cls, row_MD: Tensor, precision: torch.dtype) -> SearchedBank:
        """The bank's rows moved, rounded and padded."""
        centre_D = row_MD.double().mean(0).float()
        moved_MD = row_MD - centre_D
        low_MD = moved_MD.to(precision)
        padding = -len(row_MD) % WIDTH
        offset_M = (moved_MD.double().square().sum(1) / -2).float()
        return cls(
            row_MD=row_MD,
            centre_D=centre_D,
            low_DM=torch.nn.functional.pad(low_MD, (0, 0, 0, padding)).T,
            offset_M=torch.nn.functional.pad(offset_M, (0, padding), value=-torch.inf),
            longest=float(moved_MD.norm(dim=1).max()),
            rounded=float((low_MD.float() - moved_MD).norm(dim=1).max()),
        )

    def closeness(self, tile_RD: Tensor) -> Tensor:
        """``c̃`` of each pair, float32, shape ``(R, M)``."""
        product_RM = (tile_RD - self.centre_D).to(self.low_DM.dtype) @ self.low_DM
        return product_RM.float().add_(self.offset_M)

    def error(self, tile_RD: Tensor) -> Tensor:
        """``δ`` of each image, by the inequality of Cauchy and Schwarz, float32, shape ``(R,)``.

        What rounding the image, the rows, the sums and the result can change at most; moving to the mean rounds too.
        """
        moved_RD = tile_RD - self.centre_D
        length_R = moved_RD.norm(dim=1)
        lost_R = (moved_RD.to(self.low_DM.dtype).float() - moved_RD).norm(dim=1)
        single = ROUNDING[torch.float32]
        summed = ROUNDING[self.low_DM.dtype] + len(self.centre_D) * single
        moved = 4 * single * (tile_RD.norm(dim=1) + self.longest)
        size_R = (length_R + lost_R) * (self.longest + self.rounded)
        moving_R = (moved + single * self.longest) * (length_R + self.longest)
        error_R: Tensor = lost_R * self.longest + (length_R + lost_R) * self.rounded + summed * size_R + moving_R
        return error_R

    def search(self, tile_RD: Tensor, k: int) -> Tensor:
        """Distance to the k-th nearest row, float64, shape ``(R,)``; NaN where too many rows might be it."""
        close_RWG = self.closeness(tile_RD).view(len(tile_RD), WIDTH, len(self.offset_M) // WIDTH)
        best_RG = close_RWG.amax(1)
        if k > best_RG.shape[1]:
            return torch.full((len(tile_RD),), torch.nan, dtype=torch.float64)
        floor_R = best_RG.topk(k, dim=1).values[:, -1] - 2 * self.error(tile_RD)
        good_RG = best_RG >= floor_R[:, None]
        crowded_R = good_RG.sum(1) > k + CROWD
        image_P, group_P = (good_RG & ~crowded_R[:, None]).nonzero(as_tuple=True)
        pair_Q, place_Q = (close_RWG[image_P, :, group_P] >= floor_R[image_P, None]).nonzero(as_tuple=True)
        image_Q, row_Q = image_P[pair_Q], place_Q * best_RG.shape[1] + group_P[pair_Q]
        distance_Q = (tile_RD[image_Q].double() - self.row_MD[row_Q].double()).norm(dim=1)
        ascending_Q = distance_Q.argsort()
        ascending_Q = ascending_Q[image_Q[ascending_Q].argsort(stable=True)]
        count_R = torch.bincount(image_Q, minlength=len(tile_RD))
        start_R = count_R.cumsum(0) - count_R
        distance_R = torch.full((len(tile_RD),), torch.nan, dtype=torch.float64)
        distance_R[~crowded_R] = distance_Q[ascending_Q[(start_R + k - 1)[~crowded_R]]]
        return distance_R


@lru_cache(maxsize=1)
def bfloat16_pays() -> bool:
    """Whether this machine multiplies matrices of bfloat16 at least twice as fast, as newer processors do; timed once.

    Without instructions for it bfloat16 is many times slower. The distances do not depend on the answer.
    """
    left, right = torch.ones(TILE, 256), torch.ones(1024, 256)

    def fastest(product: Callable[[], Tensor]) -> float:
        times = []
        for _ in range(4):
            start = time.perf_counter()
            product()
            times.append(time.perf_counter() - start)
        return min(times)

    low_left, low_right = left.bfloat16(), right.bfloat16()
    return 2 * fastest(lambda: low_left @ low_right.T) <= fastest(lambda: left @ right.T)
