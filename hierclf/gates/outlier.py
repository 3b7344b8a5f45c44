"""The outlier head: what other looks like, learnt from images of it.

It can only know the kinds of other that it was shown, so a gate keeps a one-class score beside it.

B images, D embedding, Q classes of the logistic regression
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from hierclf.errors import ConfigError
from hierclf.gates.evidence import CHUNK, Evidence
from hierclf.gates.knn import even_sample
from hierclf.gates.mahalanobis import group_means
from hierclf.gates.score import Score, scores


@scores.register("outlier")
@dataclass(frozen=True, kw_only=True)
class OutlierHead(Score):
    """Log odds of other against known, by logistic regression on the standardised embedding.

    Known and other weigh the same, whatever their numbers.

    Fort, Ren and Lakshminarayanan, *Exploring the Limits of Out-of-Distribution Detection*, NeurIPS 2021,
    arXiv:2106.03004.

    Args:
        known_as: the "classes" each on its own, which tells other from a set of separate clusters better than a
            single plane can, or all as "one". The score is ``logsumexp`` over other minus that over known.
        other_as: "one" class, or its "kinds" by `Evidence.label_B`, which knows these kinds better and others less.
        penalty: L2 penalty per image on the weights of the standardised embedding. Cross-validation on the kinds of
            other at hand picks a weaker one, which then does worse on kinds that come later.
        groups: where there are more known classes, or kinds, they are merged into so many by k-means on their means.
        most: fitted on at most so many images of either side, drawn evenly over the classes.
    """

    needs_other: ClassVar[bool] = True

    known_as: Literal["one", "classes"] = "classes"
    other_as: Literal["one", "kinds"] = "one"
    penalty: float = 0.01
    groups: int = 32
    most: int = 10_000

    def __post_init__(self) -> None:
        if self.known_as not in ("one", "classes") or self.other_as not in ("one", "kinds"):
            raise ConfigError(
                "expected known_as one of 'one', 'classes' and other_as one of 'one', 'kinds', "
                f"got {self.known_as!r} and {self.other_as!r}"
            )
        if not self.penalty > 0 or self.groups < 1 or self.most < 1:
            came = f"penalty={self.penalty}, groups={self.groups}, most={self.most}"
            raise ConfigError(f"expected a penalty above 0, and groups and most of at least 1, got {came}")

    @property
    def learns(self) -> tuple[str, ...]:
        """A linear map from embedding to logits, and which of these speak for other."""
        return ("weight", "bias", "is_other")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """The logistic regression, with the standardisation folded into its weights."""
        assert other is not None
        known, other = (side[even_sample(labels(side), self.most, generator)] for side in (known, other))
        embedding_BD = torch.cat([known.embedding_BD, other.embedding_BD]).double()
        mean_D, spread_D = embedding_BD.mean(0), embedding_BD.std(0, correction=0)
        spread_D = torch.where(spread_D > 1e-9 * spread_D.max(), spread_D, torch.inf)  # constant features say nothing
        standardised_BD = (embedding_BD - mean_D) / spread_D
        seed = int(torch.randint(2**31, (), generator=generator))
        known_BD, other_BD = torch.split(standardised_BD, [len(known), len(other)])
        known_B = merged(labels(known), known_BD, self.groups if self.known_as == "classes" else 1, seed)
        other_B = merged(labels(other), other_BD, self.groups if self.other_as == "kinds" else 1, seed)
        first = int(known_B.max()) + 1
        balance_B = torch.cat([torch.full_like(part[:, 0], 1 / len(part)) for part in (known_BD, other_BD)])
        weight_QD, bias_Q = logistic(standardised_BD, torch.cat([known_B, first + other_B]), balance_B, self.penalty)
        weight_QD = weight_QD / spread_D
        is_other_Q = torch.arange(len(bias_Q)) >= first
        return {"weight": weight_QD, "bias": bias_Q - weight_QD @ mean_D, "is_other": is_other_Q}

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """Log odds of other."""
        logits_BQ = torch.addmm(learnt["bias"], evidence.embedding_BD.double(), learnt["weight"].T)
        is_other_Q = learnt["is_other"]
        log_odds_B: Tensor = logits_BQ[:, is_other_Q].logsumexp(1) - logits_BQ[:, ~is_other_Q].logsumexp(1)
        return log_odds_B


def labels(evidence: Evidence) -> Tensor:
    """The images' labels, or 0 for all where there are none, shape ``(B,)``."""
    return torch.zeros(len(evidence), dtype=torch.int64) if evidence.label_B is None else evidence.label_B


def merged(label_B: Tensor, embedding_BD: Tensor, most: int, seed: int) -> Tensor:
    """At most so many groups of images, numbered from 0: the labels, or clusters of their mean embeddings.

    Args:
        label_B: any whole numbers, int64, shape ``(B,)``.
        embedding_BD: float64, shape ``(B, D)``.
        most: how many groups there may be.
        seed: of the clustering.

    Returns:
        int64, shape ``(B,)``; every number up to the largest occurs.
    """
    from sklearn.cluster import KMeans  # takes a second to import, and only fitting needs it

    group_B: Tensor = torch.unique(label_B, return_inverse=True)[1]
    if most == 1:
        return torch.zeros_like(group_B)
    if int(group_B.max()) < most:
        return group_B
    mean_KD = group_means(iter(torch.split(embedding_BD, CHUNK)), group_B)
    cluster_K = KMeans(most, n_init=1, random_state=seed).fit(mean_KD.numpy()).labels_
    return merged(torch.from_numpy(cluster_K).long()[group_B], embedding_BD, most, seed)


def logistic(embedding_BD: Tensor, target_B: Tensor, balance_B: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weighted logistic regression with an L2 penalty on the weights, not on the biases.

    Minimises ``Σ_i b_i (-log p_i) / Σ_i b_i + penalty ‖W‖² / 2``.

    Args:
        embedding_BD: standardised, float64, shape ``(B, D)``.
        target_B: classes ``0 … Q - 1``, each of which occurs, int64, shape ``(B,)``.
        balance_B: weight ``b`` of each image, float64, shape ``(B,)``.
        penalty: above 0.

    Returns:
        Weights, shape ``(Q, D)``, and biases, shape ``(Q,)``, float64.
    """
    from sklearn.linear_model import LogisticRegression

    share_B = balance_B / balance_B.sum()
    model = LogisticRegression(C=1 / penalty, max_iter=1000, tol=1e-6)
    model.fit(embedding_BD.numpy(), target_B.numpy(), sample_weight=share_B.numpy())
    weight, bias = torch.from_numpy(model.coef_).double(), torch.from_numpy(model.intercept_).double()
    if len(bias) == 1:  # scikit-learn keeps one row for two classes: the log odds of the second
        weight, bias = torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(bias), bias])
    return weight, bias
