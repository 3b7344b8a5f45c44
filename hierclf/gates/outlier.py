"""The outlier head: what other looks like, learnt from images of it.

It can only know the kinds of other that it was shown, so a gate keeps a one-class score beside it.

B images, D embedding, Q classes of the logistic regression
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Generator, Tensor

from hierclf.errors import ConfigError
from hierclf.gates.evidence import Evidence
from hierclf.gates.score import Score, scores

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # of the penalty on standardised embeddings, per image


@scores.register("outlier")
@dataclass(frozen=True, kw_only=True)
class OutlierHead(Score):
    """Log odds of other against known, by logistic regression on the standardised embedding.

    Known and other weigh the same, whatever their numbers. The penalty is the one with the least log-loss in 3-fold
    cross-validation.

    Fort, Ren and Lakshminarayanan, *Exploring the Limits of Out-of-Distribution Detection*, NeurIPS 2021,
    arXiv:2106.03004.

    Args:
        known_as: "one" class, or its "classes" each on its own, which tells other from a set of separate clusters
            better than a single plane can. The score is then ``logsumexp`` over other minus that over known.
        other_as: "one" class, or its "kinds" by `Evidence.label_B`.
        penalty: L2 penalty per image; None finds it.
    """

    needs_other: ClassVar[bool] = True

    known_as: Literal["one", "classes"] = "one"
    other_as: Literal["one", "kinds"] = "one"
    penalty: float | None = None

    def __post_init__(self) -> None:
        if self.known_as not in ("one", "classes") or self.other_as not in ("one", "kinds"):
            raise ConfigError(
                "expected known_as one of 'one', 'classes' and other_as one of 'one', 'kinds', "
                f"got {self.known_as!r} and {self.other_as!r}"
            )
        if self.penalty is not None and not self.penalty > 0:
            raise ConfigError(f"expected a penalty above 0 or None (found by cross-validation), got {self.penalty}")

    @property
    def learns(self) -> tuple[str, ...]:
        """A linear map from embedding to logits, and which of these speak for other."""
        return ("weight", "bias", "is_other")

    def learn(self, known: Evidence, generator: Generator, other: Evidence | None) -> dict[str, Tensor]:
        """The logistic regression, with the standardisation folded into its weights."""
        assert other is not None
        embedding_BD = torch.cat([known.embedding_BD, other.embedding_BD]).double()
        mean_D, spread_D = embedding_BD.mean(0), embedding_BD.std(0, correction=0)
        spread_D = torch.where(spread_D > 1e-9 * spread_D.max(), spread_D, torch.inf)  # constant features say nothing
        known_B = groups(known, split=self.known_as == "classes")
        other_B = groups(other, split=self.other_as == "kinds") + int(known_B.max()) + 1
        target_B = torch.cat([known_B, other_B]).numpy()
        balance_B = np.repeat([0.5 / len(known), 0.5 / len(other)], [len(known), len(other)]) * len(embedding_BD)
        standardised_BD = ((embedding_BD - mean_D) / spread_D).numpy()
        seed = int(torch.randint(2**31, (), generator=generator))
        penalties = STRENGTHS if self.penalty is None else (self.penalty,)
        penalty = best_penalty(standardised_BD, target_B, balance_B, penalties, seed)
        weight_QD, bias_Q = logistic(standardised_BD, target_B, balance_B, penalty)
        weight_QD = weight_QD / spread_D
        is_other_Q = torch.arange(len(bias_Q)) > int(known_B.max())
        return {"weight": weight_QD, "bias": bias_Q - weight_QD @ mean_D, "is_other": is_other_Q}

    def measure(self, evidence: Evidence, learnt: Mapping[str, Tensor]) -> Tensor:
        """Log odds of other."""
        logits_BQ = torch.addmm(learnt["bias"], evidence.embedding_BD.double(), learnt["weight"].T)
        is_other_Q = learnt["is_other"]
        log_odds_B: Tensor = logits_BQ[:, is_other_Q].logsumexp(1) - logits_BQ[:, ~is_other_Q].logsumexp(1)
        return log_odds_B


def groups(evidence: Evidence, *, split: bool) -> Tensor:
    """Numbers ``0 …`` of the distinct labels, or 0 for every image when not split, shape ``(B,)``."""
    if not split or evidence.label_B is None:
        return torch.zeros(len(evidence), dtype=torch.int64)
    return torch.unique(evidence.label_B, return_inverse=True)[1]


def logistic(
    embedding_BD: np.ndarray, target_B: np.ndarray, weight_B: np.ndarray, penalty: float
) -> tuple[Tensor, Tensor]:
    """Weights ``(Q, D)`` and biases ``(Q,)`` of a weighted logistic regression with an L2 penalty per image."""
    from sklearn.linear_model import LogisticRegression  # takes a second to import, and only fitting needs it

    model = LogisticRegression(C=1 / (penalty * len(embedding_BD)), max_iter=1000, tol=1e-4)
    model.fit(embedding_BD, target_B, sample_weight=weight_B)
    weight, bias = torch.from_numpy(model.coef_), torch.from_numpy(model.intercept_)
    if len(bias) == 1:  # scikit-learn keeps one row for two classes: the log odds of the second
        weight, bias = torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(bias), bias])
    return weight.double(), bias.double()


def best_penalty(
    embedding_BD: np.ndarray, target_B: np.ndarray, weight_B: np.ndarray, penalties: Sequence[float], seed: int
) -> float:
    """The penalty with the least weighted log-loss in 3-fold cross-validation.

    Where a class has fewer images than folds there is nothing to measure, and the one in the middle is taken.

    Args:
        embedding_BD: standardised embeddings, shape ``(B, D)``.
        target_B: class numbers from 0, shape ``(B,)``.
        weight_B: weight of each image, shape ``(B,)``.
        penalties: candidates, in ascending order.
        seed: of the folds.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = 3
    if len(penalties) == 1 or np.bincount(target_B).min() < folds:
        return penalties[len(penalties) // 2]
    loss = np.zeros(len(penalties))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(embedding_BD, target_B):
        for place, penalty in enumerate(penalties):
            weight_QD, bias_Q = logistic(embedding_BD[train], target_B[train], weight_B[train], penalty)
            log_p_BQ = (torch.from_numpy(embedding_BD[test]) @ weight_QD.T + bias_Q).log_softmax(1).numpy()
            loss[place] -= weight_B[test] @ log_p_BQ[np.arange(len(test)), target_B[test]]
    return penalties[int(loss.argmin())]
