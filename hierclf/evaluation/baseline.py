"""The plainest method there is, on the same images: what the hierarchy and the gate must beat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from hierclf.dag import DagPlan, membership_of_leaves
from hierclf.errors import DataError
from hierclf.evaluation.evidence import label_nodes
from hierclf.evaluation.promise import chance_error, with_promise
from hierclf.metrics import Ancestry, Metric, Outcome, summarise
from hierclf.metrics.ancestry import Bools


def flat_baseline(
    leaf_probs_nL: npt.ArrayLike,
    label_n: npt.ArrayLike,
    plan: DagPlan,
    *,
    threshold: float,
    alpha: float,
    calibration_images: int | None = None,
    novel_n: Bools | None = None,
) -> dict[str, Metric]:
    """The same metrics of a flat softmax whose largest probability is the gate.

    Every image is decided at its most probable leaf, or turned away when its score −max p exceeds the threshold, which
    split conformal chose on the calibration images that the model itself was calibrated on.

    Args:
        leaf_probs_nL: softmax over the leaves in the plan's order, shape ``(n, L)``; rows of NaN, images that could
            not be read, are left out and counted.
        label_n: node ids, -1 for images of other, shape ``(n,)``.
        plan: the compiled taxonomy.
        threshold: the largest score −max p that is accepted.
        alpha: the share of known images that may be turned away.
        calibration_images: how many images chose the threshold.
        novel_n: which images are new below the node of their label, bool, shape ``(n,)``; the baseline knows no such
            answer.

    Hendrycks and Gimpel, *A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks*,
    ICLR 2017, arXiv:1610.02136.
    """
    probs_nL = np.asarray(leaf_probs_nL, dtype=np.float64)
    labels_n = label_nodes(label_n, plan, len(probs_nL))
    if probs_nL.shape != (len(labels_n), plan.num_leaves):
        raise DataError(f"expected probabilities of shape ({len(labels_n)}, {plan.num_leaves}), got {probs_nL.shape}")
    read_n = ~np.isnan(probs_nL).any(axis=1)
    probs_BL = probs_nL[read_n]
    score_B = -probs_BL.max(axis=1)
    accepted_B = score_B <= threshold
    leaf_B = np.asarray(plan.leaf_L)[probs_BL.argmax(axis=1)]
    outcome = Outcome(
        truth_B=labels_n[read_n],
        node_log_probs_BN=membership_of_leaves(torch.from_numpy(probs_BL).log(), plan).contiguous().numpy(),
        unknown_score_B=score_B,
        decided_B=np.where(accepted_B, leaf_B, 0),
        status_B=np.where(accepted_B, "known", "other"),
        novel_B=None if novel_n is None else novel_n[read_n],
    )
    metrics, known = summarise(outcome, Ancestry.from_plan(plan)).metrics, int(outcome.known_B.sum())
    error = chance_error(alpha, known, calibration_images) if known else None
    return with_promise(metrics, float(alpha), error, errors=int((~read_n).sum()))
