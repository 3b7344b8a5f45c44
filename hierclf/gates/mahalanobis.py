"""Mahalanobis distances: how far an image lies from the nearest class, in units of the spread within classes.

All classes share one covariance, estimated from the images' deviations from their class means. Three registered scores
use it:

* ``mahalanobis``: on the embedding as it is, the reference that the others improve on;
* ``mahalanobis++``: on embeddings of unit length, an *absolute* distance fit to answer "is it any of ours?";
* ``relative_mahalanobis++``: the same minus the distance to one Gaussian of all images: "it fits the whole, but no
  class". It is made for novelty near the classes, and ranks far images as known; never use it alone for scope.

The covariance is shrunk towards a multiple of the identity by the rule of Ledoit and Wolf, so it can be inverted with
fewer images than dimensions, with one image in a class, with constant features and with duplicates.

B images, D embedding, K groups (classes that have images), R rows of one chunk
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from hierclf.errors import ConfigError
from hierclf.gates.evidence import CHUNK, Evidence
from hierclf.gates.score import Score, scores

LEAST_SHRINKAGE = 1e-9  # keeps the covariance invertible in float64 when the rule asks for none


@dataclass(frozen=True, kw_only=True)
class Mahalanobis(Score):
    """Squared Mahalanobis distance to the nearest class mean under one shared covariance.

    ``min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c)``, with ``- (z - μ)ᵀ Σ₀⁻¹ (z - μ)`` under the Gaussian of all images if relative.

    Lee et al., *A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks*,
    NeurIPS 2018, arXiv:1807.03888; Ren et al., *A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection*,
    2021, arXiv:2106.09022; Müller and Hein, *Mahalanobis++: Improving OOD Detection via Feature Normalization*,
    ICML 2025, arXiv:2505.18032.

    Args:
        normalise: whether embeddings are scaled to length 1 first.
        relative: whether the distance to the Gaussian of all images is subtracted. With a single class both Gaussians
            are the same and the score is 0 for every image.
        shrinkage: weight of the identity in the covariance, from 0 to 1; None takes the one of Ledoit and Wolf.
    """

    normalise: bool = False
    relative: bool = False
    shrinkage: float | None = None

    def __post_init__(self) -> None:
        if self.shrinkage is not None and not 0 <= self.shrinkage <= 1:
            raise ConfigError(f"expected shrinkage from 0 to 1 or None (found from the data), got {self.shrinkage}")

    @property
    def learns(self) -> tuple[str, ...]:
        """One Gaussian per class, and one of all images if relative."""
        return ("mean", "whitening", "pooled_mean", "pooled_whitening") if self.relative else ("mean", "whitening")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """Class means and the matrix that whitens deviations from them.

        Images without a class (label -1) take no part, unless no image has one: then all form a single group.
        Where every class is a point (one image each, or copies), the spread of all images stands in for the spread
        within classes.
        """
        everyone_B = torch.zeros(len(known), dtype=torch.int64)
        group_B = everyone_B if known.label_B is None or (known.label_B < 0).all() else known.label_B
        has_class_B = group_B >= 0
        group_B = torch.unique(group_B[has_class_B], return_inverse=True)[1]
        embedding_BD = known.embedding_BD[has_class_B]
        mean_KD, covariance_DD = self._gaussians(embedding_BD, group_B)
        if not covariance_DD.any():
            covariance_DD = self._gaussians(known.embedding_BD, everyone_B)[1]
        learnt = {"mean": mean_KD, "whitening": whitening(covariance_DD)}
        if self.relative:
            mean_1D, pooled_DD = self._gaussians(known.embedding_BD, everyone_B)
            learnt |= {"pooled_mean": mean_1D, "pooled_whitening": whitening(pooled_DD)}
        return learnt

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """The (relative) distance to the nearest class."""
        embedding_BD = self._scaled(evidence.embedding_BD)
        distance_B = squared_distance(embedding_BD, learnt["mean"], learnt["whitening"])
        if self.relative:
            distance_B = distance_B - squared_distance(embedding_BD, learnt["pooled_mean"], learnt["pooled_whitening"])
        return distance_B

    def _scaled(self, embedding_BD: Tensor) -> Tensor:
        return normalize(embedding_BD.double(), dim=1) if self.normalise else embedding_BD.double()

    def _gaussians(self, embedding_BD: Tensor, group_B: Tensor) -> tuple[Tensor, Tensor]:
        """Mean of each group and the shrunk covariance around them, a chunk of images at a time."""
        mean_KD = group_means(map(self._scaled, torch.split(embedding_BD, CHUNK)), group_B)
        parts = zip(torch.split(embedding_BD, CHUNK), torch.split(group_B, CHUNK), strict=True)
        deviations = (self._scaled(part_RD) - mean_KD[group_R] for part_RD, group_R in parts)
        return mean_KD, shrunk_covariance(deviations, self.shrinkage)


@scores.register("mahalanobis")
def mahalanobis(*, shrinkage: float | None = None) -> Mahalanobis:
    """Mahalanobis distance of the embedding as it is."""
    return Mahalanobis(shrinkage=shrinkage)


@scores.register("mahalanobis++")
def mahalanobis_plus_plus(*, shrinkage: float | None = None) -> Mahalanobis:
    """Mahalanobis distance of the embedding scaled to length 1."""
    return Mahalanobis(normalise=True, shrinkage=shrinkage)


@scores.register("relative_mahalanobis++")
def relative_mahalanobis_plus_plus(*, shrinkage: float | None = None) -> Mahalanobis:
    """Mahalanobis distance of the embedding scaled to length 1, less the distance to the Gaussian of all images."""
    return Mahalanobis(normalise=True, relative=True, shrinkage=shrinkage)


def group_means(parts: Iterator[Tensor], group_B: Tensor) -> Tensor:
    """Mean embedding of each group.

    Args:
        parts: embeddings in chunks of `CHUNK` rows, each float64, shape ``(R, D)``; together ``B >= 1`` rows.
        group_B: group of each image, ``0 … K - 1``, each of which occurs, int64, shape ``(B,)``.

    Returns:
        float64, shape ``(K, D)``.
    """
    size_K = torch.bincount(group_B)
    total_KD = torch.zeros(())
    for part_RD, group_R in zip(parts, torch.split(group_B, CHUNK), strict=True):
        if total_KD.ndim == 0:
            total_KD = part_RD.new_zeros(len(size_K), part_RD.shape[1])
        total_KD.index_add_(0, group_R, part_RD)
    return total_KD / size_K[:, None]


def shrunk_covariance(deviations: Iterator[Tensor], shrinkage: float | None = None) -> Tensor:
    """Covariance of deviations from a mean, shrunk towards a multiple of the identity.

    ``Σ = (1 - δ) S + δ (tr S / D) I`` with ``S`` the mean outer product and ``δ`` the weight of least expected squared
    error: the estimated noise of ``S`` over its distance from the target.

    Ledoit and Wolf, *A well-conditioned estimator for large-dimensional covariance matrices*, Journal of
    Multivariate Analysis 88, 2004.

    Args:
        deviations: chunks of rows, each float64, shape ``(R, D)``.
        shrinkage: ``δ``; None finds it.

    Returns:
        Symmetric, float64, shape ``(D, D)``; zero only where all deviations are.
    """
    count, scatter_DD, fourth = 0, torch.zeros(()), torch.zeros(())
    for part_RD in deviations:
        count += len(part_RD)
        scatter_DD = scatter_DD + part_RD.T @ part_RD
        fourth = fourth + part_RD.square().sum(1).square().sum()
    sample_DD = scatter_DD / count
    size = len(sample_DD)
    target_DD = torch.eye(size, dtype=sample_DD.dtype) * (sample_DD.trace() / size)
    if shrinkage is None:
        distance = (sample_DD - target_DD).square().sum()
        noise = (fourth / count - sample_DD.square().sum()) / count
        shrinkage = min(max(float(noise / distance), 0.0), 1.0) if distance > 0 else 0.0
    weight = max(shrinkage, LEAST_SHRINKAGE)
    return (1 - weight) * sample_DD + weight * target_DD


def whitening(covariance_DD: Tensor) -> Tensor:
    """A matrix ``A`` with ``AᵀA = Σ⁻¹``, lower triangular, float64; the identity where the covariance is zero."""
    if not covariance_DD.any():
        return torch.eye(len(covariance_DD), dtype=covariance_DD.dtype)
    factor_DD = torch.linalg.cholesky(covariance_DD)
    identity_DD = torch.eye(len(covariance_DD), dtype=covariance_DD.dtype)
    inverse_DD: Tensor = torch.linalg.solve_triangular(factor_DD, identity_DD, upper=False)
    return inverse_DD


def squared_distance(embedding_BD: Tensor, mean_KD: Tensor, whitening_DD: Tensor) -> Tensor:
    """Squared Mahalanobis distance to the nearest mean, float64, shape ``(B,)``.

    One matrix product whitens, one more compares with all means: ``‖a - b‖² = ‖a‖² - 2 aᵀb + ‖b‖²``.
    """
    centre_D = mean_KD.mean(0)  # close to everything, so that little is lost to cancellation
    white_BD = (embedding_BD - centre_D) @ whitening_DD.T
    white_KD = (mean_KD - centre_D) @ whitening_DD.T
    offset_BK = torch.addmm(white_KD.square().sum(1), white_BD, white_KD.T, alpha=-2)
    distance_B: Tensor = (white_BD.square().sum(1) + offset_BK.amin(1)).clamp(min=0)
    return distance_B
