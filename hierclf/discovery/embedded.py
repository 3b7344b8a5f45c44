"""Distances between classes, from embeddings of their images.

Four steps make a class mean worth comparing:

1. *Length*. In the embeddings of some networks, classes differ in scale: the longer the mean of a class, the farther
   its images scatter. There images are brought to length 1 first. Whether that is so is read off the slope between the
   logarithms of the two over the classes: 0 where they have nothing to do with each other, 1 where one is proportional
   to the other.
2. *Whitening* by the covariance within classes, pooled over all of them and shrunk by Ledoit and Wolf: directions in
   which images of one class differ anyway count less. After it, one image scatters by about 1 in every direction.
3. *Denoising*. A mean of ``n`` images is off by ``1/n`` in each of ``D`` directions, so with many directions and few
   images all means seem far apart and the heights of a dendrogram close in on each other. How much of each principal
   direction of the means is such noise is known, and is taken out: with singular values ``s`` of the means weighted by
   ``√n``, each direction keeps the share ``1 - s₀²/s²`` of its length, and none below the noise ``s₀² = σ² max(K, D)``
   (the empirical-Bayes shrinkage of Efron and Morris, *Multivariate empirical Bayes and estimation of covariance
   matrices*, Annals of Statistics 1976, applied direction by direction).
4. *Cosine distance*, seen from the mean of all classes: in real embeddings the length of a mean says how typical a
   class is of the network's training images, not what it is akin to.

n images, K classes, D embedding, R directions that are left
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hierclf.discovery.distances import ClassDistances, Floats, cosine_distances, named
from hierclf.errors import DataError
from hierclf.gates.mahalanobis import shrunk_covariance

CHUNK = 8192
SMALLEST, LARGEST = 1e-100, 1e100
"""Numbers between which squares of embeddings are safe."""
PROPORTIONAL = 0.5
"""Slope from which on the scatter of a class counts as proportional to the length of its mean."""
FEWEST = 5
"""Classes that a slope takes."""
Floats32 = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


def distances_from_embeddings(
    embeddings: npt.ArrayLike, labels: npt.ArrayLike | None = None, *, denoise: bool = True
) -> ClassDistances:
    """Distances between the whitened, denoised means of classes.

    Args:
        embeddings: of images, any float dtype, shape ``(n, D)``.
        labels: a class for each, text or whole numbers, shape ``(n,)``; None takes each row for a class of its own,
            called by its place.
        denoise: whether to take the expected error of the means out of them.

    Returns:
        Distances of the classes in sorted order (numbers by value). Where no class has two images there is nothing to
        whiten by and nothing to draw from, which a note says.

    Raises:
        DataError: shapes that do not fit, no rows, or values that are not finite.
    """
    embedding_nD = _matrix(embeddings)
    classes, group_n = _groups(labels, len(embedding_nD))
    order_n = _canonical_order(embedding_nD, group_n)
    embedding_nD, group_n = embedding_nD[order_n], group_n[order_n]
    count_K = np.bincount(group_n)
    if count_K.max() == 1:
        told = "Every class has a single embedding, so there is no spread to whiten by and no support to estimate."
        return _compared(classes, embedding_nD.astype(np.float64), notes=(told,))
    mean_KD = _means(embedding_nD, count_K)
    if scale_slope(embedding_nD, mean_KD, count_K) >= PROPORTIONAL:
        length_n1 = np.linalg.norm(embedding_nD, axis=1, keepdims=True)
        embedding_nD = embedding_nD / np.where(length_n1 > 0, length_n1, 1)
        mean_KD = _means(embedding_nD, count_K)
    spread = _spread(embedding_nD, mean_KD, count_K)
    if spread is None:
        told = "The images of each class are all the same, so there is no spread to whiten by."
        return _compared(classes, mean_KD, notes=(told,))
    whitening_DD, noise = spread
    sample = _Sample(
        classes=classes,
        white_nD=((embedding_nD - mean_KD.mean(0)) @ whitening_DD).astype(np.float32),
        count_K=count_K,
        noise=noise if denoise else 0.0,
    )
    return sample.distances(mean_KD @ whitening_DD, count_K, resample=True)


def scale_slope(sorted_nD: npt.NDArray[Any], mean_KD: Floats, count_K: Integers) -> float:
    """How the scatter of a class grows with the length of its mean: the slope of the logarithms, over the classes.

    Args:
        sorted_nD: embeddings, sorted by class, shape ``(n, D)``.
        mean_KD: their means, shape ``(K, D)``.
        count_K: images of each class, shape ``(K,)``.

    Returns:
        0 for no relation, also where there are too few classes to see one; 1 for proportionality.
    """
    group_n = np.repeat(np.arange(len(count_K)), count_K)
    square_K = np.zeros(len(count_K))
    for start in range(0, len(group_n), CHUNK):
        rows = slice(start, start + CHUNK)
        off_RD = sorted_nD[rows] - mean_KD[group_n[rows]]
        square_K += np.bincount(group_n[rows], weights=np.square(off_RD).sum(1), minlength=len(count_K))
    scatter_K = square_K / np.maximum(count_K - 1, 1)
    length_K = np.square(mean_KD).sum(1) - scatter_K / count_K  # less what the error of the mean adds
    told_K = (count_K > 1) & (scatter_K > 0) & (length_K > 0)
    if told_K.sum() < FEWEST:
        return 0.0
    x, y, weight = np.log(length_K[told_K]) / 2, np.log(scatter_K[told_K]) / 2, count_K[told_K] - 1
    x, y = x - np.average(x, weights=weight), y - np.average(y, weights=weight)
    spread = np.average(x * x, weights=weight)
    return float(np.average(x * y, weights=weight) / spread) if spread > 1e-12 else 0.0


def denoised(mean_KD: Floats, count_K: npt.NDArray[Any], noise: float) -> Floats:
    """Means of classes without the part that is expected to be error, in coordinates of their own.

    Args:
        mean_KD: means, shape ``(K, D)``.
        count_K: images behind each, shape ``(K,)``, more than 0.
        noise: variance of one image in one direction, averaged over the ``D`` directions.

    Returns:
        Shape ``(K, R)`` with R = min(K, D); inner products are those of the denoised means, seen from their mean.
    """
    k, d = mean_KD.shape
    root_K1 = np.sqrt(count_K.astype(np.float64))[:, None]
    weighted_KD = (mean_KD - mean_KD.mean(0)) * root_K1
    floor = noise * max(k, d)
    if k <= d:
        square_R, left_KR = np.linalg.eigh(weighted_KD @ weighted_KD.T)
    else:
        square_R, right_DR = np.linalg.eigh(weighted_KD.T @ weighted_KD)
        left_KR = weighted_KD @ right_DR
        left_KR /= np.sqrt(np.maximum(square_R, np.finfo(np.float64).tiny))
    square_R = np.where(square_R > square_R.max(initial=0.0) * 1e-12, square_R, 0.0)
    kept_R = np.divide(
        np.maximum(square_R - floor, 0), np.sqrt(square_R), out=np.zeros_like(square_R), where=square_R > 0
    )
    points: Floats = left_KR * kept_R / root_K1
    return points


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sample:
    """Whitened images, sorted by class, to draw from."""

    classes: tuple[str, ...]
    white_nD: Floats32
    count_K: Integers
    noise: float

    def distances(self, mean_KD: Floats, count_K: npt.NDArray[Any], *, resample: bool = False) -> ClassDistances:
        points_KR = denoised(mean_KD, count_K, self.noise)
        return _compared(self.classes, points_KR, resample=self.resampled if resample else None)

    def resampled(self, generator: np.random.Generator) -> ClassDistances:
        """From images drawn with replacement: their means are twice as uncertain, and are denoised accordingly."""
        first_n = np.repeat(np.cumsum(self.count_K) - self.count_K, self.count_K)
        size_n = np.repeat(self.count_K, self.count_K)
        drawn_n = first_n + (generator.random(len(size_n)) * size_n).astype(np.int64)
        return self.distances(_means(self.white_nD[drawn_n], self.count_K), self.count_K / 2)


def _compared(classes: tuple[str, ...], point_KD: Floats, **rest: Any) -> ClassDistances:
    return ClassDistances(classes=classes, distance_P=cosine_distances(point_KD), point_KD=point_KD, **rest)


def _matrix(embeddings: npt.ArrayLike) -> npt.NDArray[Any]:
    if isinstance(embeddings, torch.Tensor):
        embeddings = embeddings.detach().cpu()
        embeddings = (embeddings.float() if embeddings.dtype == torch.bfloat16 else embeddings).numpy()
    try:
        matrix = np.asarray(embeddings)
        matrix = matrix if matrix.dtype in (np.float32, np.float64) else matrix.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"embeddings must be a table of numbers: {error}") from error
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise DataError(f"expected embeddings of shape (n, d) with at least one row, got {matrix.shape}")
    bad = ~np.isfinite(matrix).all(1)
    if bad.any():
        raise DataError(
            f"{bad.sum()} of {len(bad)} embeddings are not finite (the first is row {int(bad.argmax())}); "
            "leave them out"
        )
    scale = float(np.abs(matrix).max())
    if matrix.dtype == np.float64 and scale > 0 and not SMALLEST < scale < LARGEST:
        matrix = matrix / scale  # squares would leave what float64 can hold; only directions count
    return matrix


def _groups(labels: npt.ArrayLike | None, n: int) -> tuple[tuple[str, ...], Integers]:
    """Names of the classes, in order, and the class of each row."""
    if labels is None:
        return named(range(n)), np.arange(n)
    if isinstance(labels, torch.Tensor):
        labels = labels.detach().cpu().numpy()
    label_n = np.asarray(labels)
    if label_n.shape != (n,):
        raise DataError(f"expected one label for each of the {n} embeddings, got labels of shape {label_n.shape}")
    if label_n.dtype.kind not in "iuUO":
        raise DataError(f"labels are texts or whole numbers, got dtype {label_n.dtype}")
    if label_n.dtype.kind == "O":
        values = label_n.tolist()
        whole = all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in values)
        label_n = np.array(values if whole else named(values))
    values, group_n = np.unique(label_n, return_inverse=True)
    return named(values.tolist()), group_n.astype(np.int64)


def _canonical_order(embedding_nD: npt.NDArray[Any], group_n: Integers) -> Integers:
    """Rows by class, and within a class by their content, so that the order in which they came counts for nothing."""
    rows_nD = np.ascontiguousarray(embedding_nD)
    content_n = rows_nD.view(np.dtype((np.void, rows_nD.dtype.itemsize * rows_nD.shape[1])))[:, 0]
    order_n = np.argsort(content_n, kind="stable")
    order_n = order_n[np.argsort(group_n[order_n], kind="stable")]
    return order_n.astype(np.int64)


def _means(sorted_nD: npt.NDArray[Any], count_K: Integers) -> Floats:
    """Mean of each class; rows are sorted by class."""
    start_K = np.cumsum(count_K) - count_K
    sums: Floats = np.add.reduceat(sorted_nD, start_K, axis=0, dtype=np.float64)
    return sums / count_K[:, None]


def _spread(sorted_nD: npt.NDArray[Any], mean_KD: Floats, count_K: Integers) -> tuple[Floats, float] | None:
    """What whitens deviations within classes, and the variance that an image then has in an average direction."""
    group_n = np.repeat(np.arange(len(count_K)), count_K)

    def deviations() -> Iterator[torch.Tensor]:
        for start in range(0, len(group_n), CHUNK):
            rows = slice(start, start + CHUNK)
            yield torch.from_numpy(sorted_nD[rows] - mean_KD[group_n[rows]])

    covariance_DD = shrunk_covariance(deviations()).numpy()
    if not covariance_DD.any():
        return None
    value_D, vector_DD = np.linalg.eigh(covariance_DD)
    whitening_DD = vector_DD / np.sqrt(value_D)
    total = sum(float(np.square(part.numpy() @ whitening_DD).sum()) for part in deviations())
    freedom = max(len(group_n) - len(count_K), 1)
    return whitening_DD, total / freedom / len(value_D)
