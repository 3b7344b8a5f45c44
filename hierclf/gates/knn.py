"""Distance to the k-th nearest known image: no model of the classes at all, only their images.

B images, D embedding, M images in the bank
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from hierclf.errors import ConfigError
from hierclf.gates.evidence import Evidence
from hierclf.gates.neighbours import Bank
from hierclf.gates.score import Score, scores


@scores.register("knn")
@dataclass(frozen=True, kw_only=True)
class NearestNeighbours(Score):
    """Distance from an embedding of length 1 to the k-th nearest of a bank of known ones.

    Sun et al., *Out-of-Distribution Detection with Deep Nearest Neighbors*, ICML 2022, arXiv:2204.06507.

    Args:
        k: which neighbour counts (the last one, where the bank is smaller). The smaller, the fewer unknown images are
            accepted. But the nearest alone is misled by a single wrong image among the known, and by near copies: a
            calibration image whose twin is in the bank looks nearer than any image that comes later. So the second.
        bank: at most so many images are kept. Where there are more, the large classes are thinned out first, so that
            a rare class stays whole.
    """

    k: int = 2
    bank: int = 10_000

    def __post_init__(self) -> None:
        if self.k < 1 or self.bank < 1:
            raise ConfigError(f"expected k and bank of at least 1, got k={self.k} and bank={self.bank}")

    @property
    def learns(self) -> tuple[str, ...]:
        """The known embeddings, of length 1."""
        return ("bank",)

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """A bank of known embeddings."""
        label_B = known.label_B if known.label_B is not None else torch.zeros(len(known), dtype=torch.int64)
        return {"bank": unit_rows(known.embedding_BD[even_sample(label_B, self.bank, generator)])}

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """The distance to the k-th neighbour, between 0 and 2."""
        return Bank(learnt["bank"]).distance(unit_rows(evidence.embedding_BD), self.k)

    def prepare(self, learnt: Mapping[str, Tensor]) -> Callable[[Evidence], Tensor]:
        """`measure` with the bank prepared for search once."""
        bank = Bank(learnt["bank"])
        return lambda evidence: bank.distance(unit_rows(evidence.embedding_BD), self.k)


def unit_rows(embedding_BD: Tensor) -> Tensor:
    """Embeddings scaled to length 1 and rounded to float32, which halves the bank's file; zeros stay zeros."""
    return normalize(embedding_BD.double(), dim=1).float()


def even_sample(label_B: Tensor, size: int, generator: Generator) -> Tensor:
    """Rows of at most `size` images drawn at random, as evenly over the labels as their counts allow.

    Args:
        label_B: any whole numbers, int64, shape ``(B,)``.
        size: how many to draw.
        generator: the source of randomness.

    Returns:
        Different rows in ascending order, int64, shape ``(min(B, size),)``.

    >>> rows = even_sample(torch.tensor([0] * 90 + [1] * 10), 30, torch.Generator().manual_seed(0))
    >>> (rows < 90).sum(), (rows >= 90).sum()
    (tensor(20), tensor(10))
    """
    if len(label_B) <= size:
        return torch.arange(len(label_B))
    shuffled_B = torch.randperm(len(label_B), generator=generator)
    group_B, size_K = torch.unique(label_B[shuffled_B], return_inverse=True, return_counts=True)[1:]
    by_group_B = group_B.argsort(stable=True)
    turn_B = torch.empty_like(group_B)  # the place of each image among the shuffled images of its group
    turn_B[by_group_B] = torch.arange(len(label_B)) - (size_K.cumsum(0) - size_K)[group_B[by_group_B]]
    return shuffled_B[turn_B.argsort(stable=True)[:size]].sort().values
