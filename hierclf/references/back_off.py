"""Closed-world rules that back off to a larger class when they are unsure, read as if unsure meant novel.

Neither knows of novelty: both read the memberships M of a classifier over the known leaves, and an image is "novel" at
the node that they back off to. They give decisions and no distribution.

*Climbing* answers with the lowest ancestor of the likeliest leaf with M ≥ θ. The bias is θ on the logit scale,
``θ = 1 / (1 + exp(-bias))``: at 0 the method asks for a majority, θ = 1/2. An image is answered with its leaf as long
as ``bias ≤ log M - log(1 - M)``.

*DARTS* answers with the node of the largest (I(v) + λ)·M(v), I being the information of a node, I_L that of a leaf, in
bits. The bias is λ in units of a leaf's information, ``λ = I_L·(exp(bias) - 1)``: at 0 it maximises the expected
information, at -∞ it takes leaves only, at ∞ the root. A leaf l is answered as long as for every larger M(u)

    exp(bias) ≤ (1 - I(u) / I_L) / (1 - M(l) / M(u))

The classifier is the flat softmax over leaves, fitted as `hierclf.training.fit_head` fits it; the papers' are
one-vs-all support vector machines with calibrated outputs. Both work on DAGs as they are.

Deng, Krause, Berg and Fei-Fei, *Hedging Your Bets: Optimizing Accuracy-Specificity Trade-offs in Large Scale Visual
Recognition*, CVPR 2012 (DARTS); climbing as in Valmadre, *Hierarchical Classification at Multiple Operating Points*,
NeurIPS 2022, arXiv:2210.10929.

B images, n training images, N nodes, L leaves
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from hierclf.dag import DagPlan, membership_of_leaves
from hierclf.decisions import climb, likeliest_leaf, rules
from hierclf.errors import ConfigError
from hierclf.heads import FlatHead
from hierclf.losses import label_weights
from hierclf.references.linear import LinearMap
from hierclf.references.reference import no_stops, references, require_usable
from hierclf.training import LabelledEmbeddings, fit_head

LARGEST = 700.0
"""Biases beyond it, either way, count as it: exp of more is no number."""


@dataclass(frozen=True, kw_only=True)
class BackOff:
    """One of the two rules.

    Args:
        rule: ``"climbing"`` or ``"darts"``.
    """

    rule: str

    def __post_init__(self) -> None:
        if self.rule not in ("climbing", "darts"):
            raise ConfigError(f"rule is 'climbing' or 'darts', got {self.rule!r}")

    @property
    def name(self) -> str:
        """``climbing`` or ``darts``."""
        return self.rule

    def fit(
        self,
        embedding_nD: Tensor,
        label_n: Tensor,
        plan: DagPlan,
        *,
        held_out: tuple[Tensor, Tensor],
        generator: Generator,
    ) -> FittedBackOff:
        """The flat softmax over leaves; its penalty is chosen by held-out log-loss."""
        require_usable(embedding_nD, label_n, plan, held_out, self.name)
        layer = flat_classifier(embedding_nD, label_n, plan, held_out, generator)
        return FittedBackOff(rule=self.rule, plan=plan, leaf_logits=layer)


references.register("darts")(BackOff(rule="darts"))
references.register("climbing")(BackOff(rule="climbing"))


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedBackOff:
    """A classifier over the leaves and a rule that backs off.

    Args:
        rule: ``"climbing"`` or ``"darts"``.
        plan: the compiled taxonomy.
        leaf_logits: embeddings, shape ``(B, D)``, to logits, shape ``(B, L)``.
    """

    rule: str
    plan: DagPlan
    leaf_logits: Callable[[Tensor], Tensor]
    gives_stops: ClassVar[bool] = False

    def __call__(self, embedding_BD: Tensor) -> Tensor:
        """Refused: there is no distribution.

        Raises:
            ConfigError: always.
        """
        raise no_stops(self.rule)

    def known_score(self, embedding_BD: Tensor) -> Tensor:
        """The bias up to which the likeliest leaf is the answer, in closed form."""
        return critical_bias(self._memberships(embedding_BD), self.plan, self.rule)

    def decide(self, embedding_BD: Tensor, bias: float = 0.0) -> Tensor:
        """The rule's answers at this bias."""
        node_log_probs_BN = self._memberships(embedding_BD)
        plan, leaf_B = self.plan, likeliest_leaf(node_log_probs_BN, self.plan)
        known_B = critical_bias(node_log_probs_BN, plan, self.rule) >= bias
        point = torch.tensor(max(min(bias, LARGEST), -LARGEST), dtype=torch.float64)
        if self.rule == "climbing":  # above the leaf's own M, however that and θ are rounded
            leaf_prob_B = node_log_probs_BN.gather(1, leaf_B[:, None])[:, 0].exp()
            backed_B = climb(node_log_probs_BN, plan, torch.maximum(point.sigmoid(), leaf_prob_B * (1 + 1e-12)))
        else:
            inner_BN = node_log_probs_BN.index_fill(1, plan.leaf_L, -torch.inf)
            backed_B = rules["information"].decide(inner_BN, plan, leaf_information(plan) * torch.expm1(point))
        return torch.where(known_B, leaf_B, backed_B)

    def _memberships(self, embedding_BD: Tensor) -> Tensor:
        with torch.no_grad():
            return membership_of_leaves(self.leaf_logits(embedding_BD).log_softmax(1), self.plan)


def flat_classifier(
    embedding_nD: Tensor, label_n: Tensor, plan: DagPlan, held_out: tuple[Tensor, Tensor], generator: Generator
) -> LinearMap:
    """The leaf softmax as `fit_head` fits it, as a map to leaf logits."""
    head = FlatHead(embedding_nD.shape[1], plan, generator=generator)
    parts = ((embedding_nD, label_n), held_out)
    train, tune = (LabelledEmbeddings(embedding_BD=part.double(), label_B=label) for part, label in parts)
    fit_head(head, train, tune, label_weights(plan, "leaf"))
    return LinearMap(weight_OD=head.linear.weight.detach(), bias_O=head.linear.bias.detach())


def leaf_information(plan: DagPlan) -> float:
    """I_L, at least 1 bit so that a taxonomy of one leaf has a scale too."""
    return max(float(plan.information_N[plan.leaf_L[0]]), 1.0)


def critical_bias(node_log_probs_BN: Tensor, plan: DagPlan, rule: str) -> Tensor:
    """The largest bias at which the likeliest leaf is the answer, by the module's formulas, float64, shape ``(B,)``."""
    table_BN = node_log_probs_BN.double()
    leaf_B1 = table_BN[:, plan.leaf_L].max(1, keepdim=True).values.clamp(max=0.0)
    if rule == "climbing":
        return (leaf_B1 - (-torch.expm1(leaf_B1)).log())[:, 0]
    larger_BN = (table_BN > leaf_B1) & (plan.leaf_count_N > 1)
    missing_N = (1 - plan.information_N / leaf_information(plan)).log()
    excess_BN = (-torch.expm1((leaf_B1 - table_BN).clamp(max=0.0))).log()
    return torch.where(larger_BN, missing_N - excess_BN, torch.inf).min(1).values
