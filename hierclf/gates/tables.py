"""How close an image lies to each class: one table per kind of evidence, from which every node reads its own.

A gate at an internal node asks "does it fit one of the classes below me?". The answer needs nothing but how well the
image fits each leaf class, so that is computed once for all nodes:

* ``distance``: squared Mahalanobis distance to the class mean, embeddings of length 1, one covariance shared by all
  classes (as in the score ``mahalanobis++``);
* ``neighbour``: distance to the k-th nearest known image of the class (as in ``knn``, class by class);
* ``scores``: what the head says, one unnormalised score per class.

To ask as if a class had never been seen, `ClassStatistics` are learnt without its images: its column is then infinite
and no node reads it.

B images, D embedding, L leaf classes, M images in the bank
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from hierclf.errors import BundleError
from hierclf.gates.evidence import CHUNK, Evidence
from hierclf.gates.knn import unit_rows
from hierclf.gates.mahalanobis import group_means, shrunk_covariance, whitening

NEIGHBOUR = 2
"""Which neighbour of a class counts: the nearest alone is misled by one wrong image, and by near copies."""
LARGEST_BANK = 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassTables:
    """How close ``B`` images lie to each class, all float64.

    Args:
        white_BD: embeddings of length 1, centred and whitened by the covariance within classes.
        distance_BL: squared Mahalanobis distance to each class mean; infinite for a class without images.
        neighbour_BL: distance to the k-th nearest image of each class; infinite for a class without images.
        scores_BL: the head's score of each class; ``-inf`` for a class without images.
    """

    white_BD: Tensor
    distance_BL: Tensor
    neighbour_BL: Tensor
    scores_BL: Tensor

    def __len__(self) -> int:
        return len(self.white_BD)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassStatistics:
    """What is remembered of the images of each class.

    Args:
        centre: what is subtracted before whitening, float64, shape ``(D,)``.
        whitening: ``A`` with ``AᵀA = Σ⁻¹``, float64, shape ``(D, D)``.
        mean: whitened class means, zero where a class has no images, float64, shape ``(L, D)``.
        count: images of each class, int64, shape ``(L,)``.
        bank: embeddings of length 1, float32, shape ``(M, D)``, sorted by class.
        bank_label: class of each, int64, ascending, shape ``(M,)``.
    """

    centre: Tensor
    whitening: Tensor
    mean: Tensor
    count: Tensor
    bank: Tensor
    bank_label: Tensor

    @classmethod
    def fit(cls, known: Evidence, generator: Generator, *, bank: int = LARGEST_BANK) -> ClassStatistics:
        """Statistics of known images.

        Args:
            known: images with labels, at least one of them with a class; those without (-1) are left out.
            generator: the source of randomness (for thinning the bank).
            bank: at most so many images are kept to look for neighbours among, as many of each class.
        """
        assert known.label_B is not None
        known = known[known.label_B >= 0].cpu()
        assert known.label_B is not None
        unit_BD = normalize(known.embedding_BD.double(), dim=1)
        count_L = torch.bincount(known.label_B, minlength=known.logits_BC.shape[1])
        present_K, group_B = torch.unique(known.label_B, return_inverse=True)
        parts = torch.split(unit_BD, CHUNK)
        mean_KD = group_means(iter(parts), group_B)
        near = (part_RD - mean_KD[group_R] for part_RD, group_R in zip(parts, torch.split(group_B, CHUNK), strict=True))
        covariance_DD = shrunk_covariance(near)
        if not covariance_DD.any():  # every class is a point
            covariance_DD = shrunk_covariance(part_RD - unit_BD.mean(0) for part_RD in parts)
        whitening_DD, centre_D = whitening(covariance_DD), mean_KD.mean(0)
        white_LD = torch.zeros(len(count_L), unit_BD.shape[1], dtype=torch.float64)
        white_LD[present_K] = (mean_KD - centre_D) @ whitening_DD.T
        rows_M = _some_of_each(known.label_B, max(bank // len(present_K), NEIGHBOUR), generator)
        return cls(
            centre=centre_D,
            whitening=whitening_DD.contiguous(),  # as it comes out of a file, so that products round alike
            mean=white_LD,
            count=count_L,
            bank=unit_rows(known.embedding_BD[rows_M]),
            bank_label=known.label_B[rows_M],
        )

    def tables(self, evidence: Evidence) -> ClassTables:
        """How close images lie to each class.

        Args:
            evidence: images, with as many logits as there are classes.
        """
        unit_BD = normalize(evidence.embedding_BD.detach().cpu().double(), dim=1)
        white_BD = (unit_BD - self.centre) @ self.whitening.T
        absent_L = self.count == 0
        offset_BL = torch.addmm(self.mean.square().sum(1), white_BD, self.mean.T, alpha=-2)
        distance_BL = (white_BD.square().sum(1, keepdim=True) + offset_BL).clamp(min=0)
        scores_BL = evidence.logits_BC.detach().cpu().double()
        return ClassTables(
            white_BD=white_BD,
            distance_BL=distance_BL.masked_fill(absent_L, torch.inf),
            neighbour_BL=self._neighbours(unit_BD).masked_fill(absent_L, torch.inf),
            scores_BL=scores_BL.masked_fill(absent_L, -torch.inf),
        )

    def _neighbours(self, unit_BD: Tensor) -> Tensor:
        """Distance to the k-th nearest image of each class (the farthest where it has fewer), shape ``(B, L)``."""
        bank_MD = self.bank.double()
        gap_BM = torch.addmm(bank_MD.square().sum(1), unit_BD, bank_MD.T, alpha=-2)
        kept_L = torch.bincount(self.bank_label, minlength=len(self.count))
        width = int(kept_L.max())
        rank_M = torch.arange(len(self.bank)) - torch.searchsorted(self.bank_label, self.bank_label)
        padded_BX = gap_BM.new_full((len(gap_BM), len(kept_L) * width), torch.inf)
        padded_BX.index_copy_(1, self.bank_label * width + rank_M, gap_BM)
        gap_BLR = padded_BX.view(len(gap_BM), len(kept_L), width)
        nearest_BL, place_BL = gap_BLR.min(2)
        for _ in range(NEIGHBOUR - 1):  # strike out the nearest and look again, where the class has another one
            next_BL, next_place_BL = gap_BLR.scatter_(2, place_BL[:, :, None], torch.inf).min(2)
            nearest_BL, place_BL = torch.where(next_BL.isinf(), nearest_BL, next_BL), next_place_BL
        distance_BL: Tensor = (nearest_BL + unit_BD.square().sum(1, keepdim=True)).clamp(min=0).sqrt()
        return distance_BL

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], *, size: int, classes: int) -> ClassStatistics:
        """The statistics that gave these tensors.

        Raises:
            BundleError: they do not fit each other, or embeddings of ``size`` numbers and so many classes.
        """
        statistics = cls(**tensors)
        rows = len(statistics.bank)
        wanted = {
            "centre": (size,),
            "whitening": (size, size),
            "mean": (classes, size),
            "count": (classes,),
            "bank": (rows, size),
            "bank_label": (rows,),
        }
        for name, shape in wanted.items():
            if tuple(getattr(statistics, name).shape) != shape:
                raise BundleError(f"the stored statistics of the classes do not fit the model: {name} is no {shape}")
        labels = statistics.bank_label
        if (rows and not (labels.diff() >= 0).all()) or ((labels < 0) | (labels >= classes)).any():
            raise BundleError("the stored statistics of the classes name classes that there are none of; save it anew")
        return statistics


def _some_of_each(label_B: Tensor, most: int, generator: Generator) -> Tensor:
    """Rows of at most `most` images of each class, drawn at random, sorted by class."""
    shuffled_B = torch.randperm(len(label_B), generator=generator)
    rows_B = shuffled_B[label_B[shuffled_B].argsort(stable=True)]
    sorted_B = label_B[rows_B]
    rank_B = torch.arange(len(rows_B)) - torch.searchsorted(sorted_B, sorted_B)
    return rows_B[rank_B < most]
