"""Few images: every one of them both teaches and calibrates, at the price of a weaker promise.

With forty known images, twenty for calibration leave twenty to learn from. Cross-conformal calibration splits them
into K folds. For each fold a score is fitted on the others, and the fold's own images are scored by it. A new image is
scored by all K, and in each fold it is asked how many of that fold's images look at least as strange:

    p = (1 + Σ_k #{i in fold k: s_i^(k) ≥ s^(k)(x)}) / (n + 1)

All n images count, and each was scored by a model that had not seen it. But the new image is compared with K models
that are not independent, and p is no exact p-value: turning away at p ≤ α is proven to turn away at most

    2α + min {2 (1 - α) (K - 1) / (n + K),  (1 - K/n) / (K + 1)}

of the known images on average. In practice it stays close to α, which no theorem says. The first term holds for any
score and folds of any sizes; the second for folds of one size and scores that do not depend on the order of the images
or the folds that they are fitted on (no random seed, no mini-batches).

Why twice: fold k alone gives a true p-value, ``p_k = (1 + #{…}) / (n_k + 1)``, the sum above is a weighted mean of
them, ``(n + K) Σ w_k p_k - K + 1`` over ``n + 1``, and twice a mean of dependent p-values is a p-value again.

Vovk, *Cross-conformal predictors*, Annals of Mathematics and Artificial Intelligence 2015, arXiv:1208.0806; Vovk and
Wang, *Combining p-values via averaging*, Biometrika 2020, arXiv:1212.4966 (the first term, as Gasparin and Ramdas,
*Improving the statistical efficiency of cross-conformal prediction*, 2025, arXiv:2503.01495, state it); Barber, Candès,
Ramdas and Tibshirani, *Predictive inference with the jackknife+*, Annals of Statistics 2021, arXiv:1905.02928, Theorem
4 (the second term).

B images, n images that teach and calibrate, K folds
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from hierclf.errors import CalibrationError
from hierclf.promises.conformal import exact, minimum_calibration_size
from hierclf.promises.sentence import counted, percent


def stratified_folds(label_n: Tensor, folds: int, generator: Generator) -> Tensor:
    """Deal the images to folds by lot, so that neither the folds nor a class within them differ by more than one.

    Args:
        label_n: class of each image, whole numbers, shape ``(n,)``. With one label for all, the lot alone decides,
            which is what the proofs assume; dealing class by class evens out the classes as a split by class does.
        folds: number of folds K, at least 2 and at most n.
        generator: the source of randomness, on the CPU.

    Returns:
        Each image's fold, 0 to K - 1, int64, shape ``(n,)``; no fold is empty.

    Raises:
        CalibrationError: when there are fewer than two folds, or fewer images than folds.

    >>> stratified_folds(torch.tensor([0, 0, 0, 1, 1, 1]), 3, torch.Generator().manual_seed(0)).bincount()
    tensor([2, 2, 2])
    """
    if not 2 <= folds <= len(label_n):
        raise CalibrationError(
            f"expected 2 folds or more and at least one image for each, got {folds} folds for {len(label_n)} images"
        )
    mixed_n = torch.randperm(len(label_n), generator=generator)
    dealt_n = mixed_n[label_n.cpu()[mixed_n].argsort(stable=True)]
    fold_n = torch.empty(len(label_n), dtype=torch.int64)
    fold_n[dealt_n] = torch.arange(len(label_n)) % folds
    return fold_n


def cross_p_values(held_out_scores_n: Tensor, fold_n: Tensor, scores_BK: Tensor) -> Tensor:
    """Cross-conformal p-values: ``(1 + Σ_k #{i in fold k: s_i ≥ s_k}) / (n + 1)``.

    Args:
        held_out_scores_n: each known image's score by the model that was fitted without its fold, shape ``(n,)``.
        fold_n: each image's fold, 0 to K - 1, shape ``(n,)``.
        scores_BK: each new image's score by each of the K models, larger = more unknown, shape ``(B, K)``.

    Returns:
        float64 on the CPU, shape ``(B,)``, between ``1 / (n + 1)`` and 1.

    Raises:
        CalibrationError: when sizes or folds do not fit each other, or a score is NaN.

    >>> scores_BK = torch.tensor([[0.0, 0.0], [2.0, 9.0]])
    >>> cross_p_values(torch.tensor([1.0, 3.0, 5.0, 7.0]), torch.tensor([0, 0, 1, 1]), scores_BK)
    tensor([1.0000, 0.4000], dtype=torch.float64)
    """
    old_n, fold_n = held_out_scores_n.detach().cpu().double(), fold_n.cpu()
    new_BK = scores_BK.detach().cpu().double()
    if old_n.ndim != 1 or new_BK.ndim != 2 or old_n.shape != fold_n.shape:
        raise CalibrationError(
            "expected held-out scores and folds of shape (n,) and new scores of shape (B, K), got "
            f"{tuple(old_n.shape)}, {tuple(fold_n.shape)} and {tuple(new_BK.shape)}"
        )
    folds = new_BK.shape[1]
    if len(fold_n) and not 0 <= int(fold_n.min()) <= int(fold_n.max()) < folds:
        came = f"{int(fold_n.min())} to {int(fold_n.max())}"
        raise CalibrationError(f"expected folds from 0 to {folds - 1}, one per column of the new scores, got {came}")
    if old_n.isnan().any() or new_BK.isnan().any():
        missing = int(old_n.isnan().sum()) + int(new_BK.isnan().sum())
        raise CalibrationError(f"expected scores without NaN, got {missing} NaN")
    at_least_B = torch.zeros(len(new_BK), dtype=torch.int64)
    for fold in range(folds):
        ascending = old_n[fold_n == fold].sort().values
        at_least_B += len(ascending) - torch.searchsorted(ascending, new_BK[:, fold].contiguous(), side="left")
    return (1 + at_least_B).double() / (len(old_n) + 1)


def cross_bound(alpha: float, n: int, folds: int, *, symmetric: bool = False) -> float:
    """The share of known images that turning away at ``p ≤ α`` is proven not to exceed, on average.

    Args:
        alpha: above 0 and below 1.
        n: number of images.
        folds: number of folds K.
        symmetric: whether the scores depend neither on the order of the images that they are fitted on nor on a random
            seed; then the second term of the bound may be used where K divides n.

    Returns:
        At most 1, which says nothing.

    >>> round(cross_bound(0.05, 1000, 5), 4), round(cross_bound(0.05, 40, 40, symmetric=True), 4)
    (0.1076, 0.1)
    """
    exact(alpha)
    if not 2 <= folds <= n:
        raise CalibrationError(f"expected 2 folds or more and at least one image for each, got {folds} for {n} images")
    more = 2 * (1 - alpha) * (folds - 1) / (n + folds)
    if symmetric and n % folds == 0:
        more = min(more, (1 - folds / n) / (folds + 1))
    return min(2 * alpha + more, 1.0)


@dataclass(frozen=True, kw_only=True)
class CrossPromise:
    """What may be expected of a gate that was calibrated across folds.

    Args:
        alpha: p-values up to this are turned away.
        n: number of images.
        folds: number of folds K.
        symmetric: whether the scores depend on no order and no seed, see `cross_bound`.
    """

    alpha: float
    n: int
    folds: int
    symmetric: bool = False

    @property
    def bound(self) -> float:
        """The share that is proven, see `cross_bound`."""
        return cross_bound(self.alpha, self.n, self.folds, symmetric=self.symmetric)

    @property
    def holds(self) -> bool:
        """Whether anybody can be turned away and the proven share says anything."""
        return self.n >= minimum_calibration_size(self.alpha) and self.bound < 1

    @property
    def sentence(self) -> str:
        """The promise in words.

        >>> CrossPromise(alpha=0.05, n=200, folds=5).sentence
        'As a rule about 5 % of known images are turned away; at most 13.7 % is what is proven (calibrated across 5
        folds of 200 known images that it also learnt from). How many unknown images are noticed cannot be promised.'
        >>> CrossPromise(alpha=0.05, n=12, folds=4).sentence
        'No image is ever turned away: keeping 95 % of known images takes at least 19 images in the folds, and there
        are 12. Add known images, or lower keep.'
        """
        least = minimum_calibration_size(self.alpha)
        if self.n < least:
            return (
                f"No image is ever turned away: keeping {percent(1 - self.alpha)} of known images takes at least "
                f"{least} images in the folds, and there are {self.n}. Add known images, or lower keep."
            )
        proven = f"at most {100 * self.bound:.3g} % is what is proven" if self.bound < 1 else "nothing is proven"
        return (
            f"As a rule about {percent(self.alpha)} of known images are turned away; {proven} (calibrated "
            f"across {self.folds} folds of {counted(self.n, 'known image')} that it also learnt from). How many "
            "unknown images are noticed cannot be promised."
        )
