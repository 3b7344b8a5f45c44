"""What a model is worth on the images of one seed, in the words of the declared taxonomy.

================================  ====================================================================================
``leaf_accuracy``                 known images whose likeliest class is the true one
``accuracy_level_1``, …           the likeliest *declared* node of each level above the classes; a declared node is as
                                  likely as its classes together, whatever groups the model was taught
``severity``                      declared edges between a mistake and the truth, mean over the mistakes
``ap_info``, ``said_at_95_right``  see `experiments.worth.back_off`
``bmhd_…``, ``known_rejected`` …  see `experiments.hold_out.judgement`, with translated answers
================================  ====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from experiments.hold_out.answers import read_answers
from experiments.hold_out.judgement import Truth, judge_answers
from experiments.worth.back_off import back_off
from experiments.worth.translation import translate, translated
from hierclf.dag import DagPlan, compile_plan
from hierclf.dag.probabilities import membership_of_leaves
from hierclf.metrics import Ancestry, hop_distance, level_scores
from hierclf.model import Model
from hierclf.taxonomy import Taxonomy

# B images, K known images, S nodes of the model's taxonomy, N nodes of the ruler, L classes

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

Metrics: TypeAlias = dict[str, float | int | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ruler:
    """The declared taxonomy that all answers are measured with.

    Args:
        plan: the taxonomy of the known classes, compiled.
        truth: of the tested images, in its node ids.
    """

    plan: DagPlan
    truth: Truth

    @classmethod
    def of(
        cls, taxonomy: Taxonomy, *, target_B: Ints, class_B: Ints, places: dict[str, slice], alpha: float, count: int
    ) -> Ruler:
        """The ruler of a taxonomy; see `Truth` for the rest, ``count`` being the images that thresholds were set on."""
        plan = compile_plan(taxonomy)
        ancestry = Ancestry.from_plan(plan)
        truth = Truth(
            target_B=target_B, class_B=class_B, places=places, ancestry=ancestry, alpha=alpha, calibrated_on=count
        )
        return cls(plan=plan, truth=truth)

    @property
    def taxonomy(self) -> Taxonomy:
        """The declared taxonomy."""
        return self.plan.taxonomy


def measure(model: Model, embedding_BD: Tensor, ruler: Ruler) -> Metrics:
    """All metrics of a model by name; what is undefined is None.

    Args:
        model: of any taxonomy of the same classes.
        embedding_BD: the tested images, those of known classes first.
        ruler: what they are measured with.
    """
    reading = model.read(embedding_BD)
    node_S = translate(model.taxonomy, ruler.taxonomy)
    known = ruler.truth.places["test"]
    metrics = known_measures(reading.node_log_probs_BN[known], model.plan, node_S, ruler)
    answers = translated(read_answers(model, reading), node_S, ruler.plan.num_nodes)
    return metrics | judge_answers(answers, ruler.truth)


def known_measures(node_log_probs_KS: Tensor, plan: DagPlan, node_S: Ints, ruler: Ruler) -> Metrics:
    """What is measured on images of known classes, the gates left aside."""
    ancestry, truth_K = ruler.truth.ancestry, ruler.truth.target_B[ruler.truth.places["test"]]
    declared_KN = declared_log_probs(node_log_probs_KS, plan, ruler.plan)
    leaf_K = ruler.plan.leaf_L[declared_KN[:, ruler.plan.leaf_L].argmax(1)].numpy()
    hops_K = hop_distance(leaf_K, truth_K, ancestry).astype(np.float64)
    wrong_K = hops_K > 0
    curve = back_off(node_log_probs_KS, plan, node_S, truth_K, ancestry)
    metrics: Metrics = {
        "leaf_accuracy": float((~wrong_K).mean()),
        "severity": float(hops_K[wrong_K].mean()) if wrong_K.any() else None,
        "hops": float(hops_K.mean()),
        "ap_info": curve.average_precision,
        "said_at_95_right": curve.recall_at_correct(),
    }
    table_KN = declared_KN.numpy()
    for level in range(1, ancestry.depth + 1):
        scores = level_scores(table_KN, truth_K, ancestry, level=level)
        if level < ancestry.depth:  # the last level's classes are the leaves
            metrics[f"accuracy_level_{level}"] = scores.accuracy
        else:
            metrics["calibration_error"] = scores.expected_calibration_error
    return metrics


def declared_log_probs(node_log_probs_KS: Tensor, plan: DagPlan, ruler: DagPlan) -> Tensor:
    """Log memberships of the ruler's nodes, from the probabilities that a model gives to the classes.

    Args:
        node_log_probs_KS: of the model's own taxonomy, shape ``(K, S)``.
        plan: that taxonomy, compiled.
        ruler: the ruler, with the same classes.

    Returns:
        Shape ``(K, N)``, the root's column 0.
    """
    names = [ruler.nodes[leaf] for leaf in ruler.leaf_L.tolist()]
    column_L = torch.tensor([plan.taxonomy.index(name) for name in names])
    declared_KN = membership_of_leaves(node_log_probs_KS[:, column_L], ruler).clamp(max=0.0)
    declared_KN[:, 0] = 0.0
    return declared_KN
