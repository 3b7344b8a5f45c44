"""Evaluations of random models and of one worked by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hierclf.dag import compile_plan, membership_of_leaves
from hierclf.decisions import Decision, Decisions, decide
from hierclf.evaluation import Terms
from hierclf.gates import Average
from tests.conftest import TWO_LEVEL


def usual_terms(threshold, alpha, *, calibration_images=200, **fields):
    """The average promise, calibrated on images that give this threshold; an infinite one takes too few of them."""
    scores = torch.full((calibration_images if np.isfinite(threshold) else 0,), threshold, dtype=torch.float64)
    guarantee = Average(keep=round(1 - alpha, 12), scores=scores)
    return Terms(guarantee=guarantee, promise=guarantee.promise(1), **fields)


def build_case(taxonomy, *, known=80, other=40, unreadable=(), seed=0, alpha=0.1):
    """What a random model saw and decided; labels at any node, other last."""
    random = np.random.default_rng(seed)
    plan = compile_plan(taxonomy)
    count = known + other
    leaf_probs = random.dirichlet(np.full(plan.num_leaves, 0.4), size=count) + 1e-9
    leaf_probs /= leaf_probs.sum(axis=1, keepdims=True)
    labels = np.append(random.integers(1, plan.num_nodes, known), np.full(other, -1))
    score = random.normal(np.where(labels < 0, 1.5, 0), 1)
    threshold = float(np.quantile(score[:known], 1 - alpha)) if known else 0.0
    reading = SimpleNamespace(
        names=tuple(f"{place}.png" for place in range(count)),
        node_log_probs_BN=membership_of_leaves(torch.from_numpy(leaf_probs).log(), plan),
        unknown_score_B=torch.from_numpy(score),
        stop_log_probs_BN=torch.full((count, plan.num_nodes), -torch.inf),
        surprise_BG=torch.empty(count, 0),
        errors=dict.fromkeys(unreadable, "broken"),
    )
    p_value = torch.where(reading.unknown_score_B > threshold, 0.0, 1.0)
    decisions = decide(
        reading.names,
        reading.node_log_probs_BN,
        p_value,
        plan,
        rule="threshold",
        point=0.6,
        alpha=alpha,
        errors=reading.errors,
    )
    return SimpleNamespace(
        taxonomy=taxonomy,
        plan=plan,
        labels=labels,
        reading=reading,
        decisions=decisions,
        threshold=threshold,
        alpha=alpha,
        leaf_probs=leaf_probs,
    )


def scrambled(taxonomy, *, known=80, other=20, novel=40, seed=0):
    """A random model with every status, and images that are new below a node other than the root."""
    case = build_case(taxonomy, known=known + novel, other=other, seed=seed)
    random = np.random.default_rng(seed + 1)
    inner = [node for node in taxonomy.internal_nodes if node != taxonomy.root]
    case.novel = np.zeros(known + novel + other, dtype=bool)
    case.novel[:novel] = bool(inner)
    case.labels = [
        taxonomy.index(str(random.choice(inner))) if new else label
        for new, label in zip(case.novel, case.labels, strict=True)
    ]
    rows = []
    for row in case.decisions:
        status = str(random.choice(["known", "ambiguous", "novel_child", "other", "uncertain"]))
        places = {"known": taxonomy.leaves, "novel_child": inner, "ambiguous": inner, "other": (taxonomy.root,)}
        choices = places.get(status, taxonomy.leaves) or taxonomy.leaves
        node = str(random.choice(np.array(choices, dtype=object)))
        rows.append(replace(row, status=status, node=node, probability=float(random.random())))
    case.decisions = Decisions(rows)
    stops = random.dirichlet(np.full(len(taxonomy.nodes), 0.5), size=len(rows)) + 1e-12
    case.reading.stop_log_probs_BN = torch.from_numpy(stops).log()
    return case


@pytest.fixture
def case(taxonomy):
    return build_case(taxonomy)


HAND = (  # truth, likeliest leaf, its probability, status, decided node, unknown score
    ("0", "0", 0.9, "known", "0", 0.1),
    ("0", "1", 0.8, "known", "1", 0.2),  # a mistake within digits
    ("1", "1", 0.6, "ambiguous", "digit", 0.3),  # backed off, rightly
    ("a", "dot", 0.9, "known", "dot", 0.2),  # a mistake across the root
    ("b", "b", 0.9, "other", "character", 0.9),  # turned away
    ("digit", "2", 0.7, "known", "2", 0.1),  # more than the label says
    ("other", "a", 0.7, "known", "a", 0.4),  # slipped through
    ("other", "a", 0.5, "other", "character", 0.8),
    ("0", "0", 0.9, "", "", 0.0),  # unreadable
)


@pytest.fixture
def by_hand():
    """Nine images of digits, letters and a dot, decided by hand."""
    taxonomy, plan = TWO_LEVEL, compile_plan(TWO_LEVEL)
    rows, leaf_probs = [], np.zeros((len(HAND), plan.num_leaves))
    for place, (_, leaf, probability, status, node, _) in enumerate(HAND):
        leaf_probs[place] = (1 - probability) / (plan.num_leaves - 1)
        leaf_probs[place, taxonomy.leaves.index(leaf)] = probability
        rows.append(
            Decision(
                image=f"{place}.png",
                status=status,
                node=node,
                probability=probability,
                p_value=0.5,
                leaf=leaf,
                leaf_probability=probability,
                route=(),
                reason=f"reason {place}",
                error="" if status else "broken",
            )
        )
    labels = [-1 if truth == "other" else taxonomy.index(truth) for truth, *_ in HAND]
    reading = SimpleNamespace(
        names=tuple(row.image for row in rows),
        node_log_probs_BN=membership_of_leaves(torch.from_numpy(leaf_probs).log(), plan),
        unknown_score_B=torch.tensor([score for *_, score in HAND]),
        stop_log_probs_BN=torch.full((len(HAND), plan.num_nodes), -torch.inf),
        surprise_BG=torch.empty(len(HAND), 0),
        errors={len(HAND) - 1: "broken"},
    )
    return SimpleNamespace(
        taxonomy=taxonomy,
        plan=plan,
        labels=labels,
        reading=reading,
        decisions=Decisions(rows),
        threshold=0.5,
        alpha=0.05,
        leaf_probs=leaf_probs,
    )
