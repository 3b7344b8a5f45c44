"""What a model is worth on tested images, level by level and class by class; gates are left aside.

================================  ====================================================================================
``leaf_accuracy``                 images whose likeliest class is the true one
``balanced_accuracy``             the same with every class counting alike: the mean recall
``worst_class_recall``            recall of the class that fares worst
``accuracy_level_1``, …           images whose likeliest node of that level is the true one
``severity``                      edges between a mistake and the truth, mean over the mistakes
``recall_0``, ``precision_0``, …  of the raised nodes, in the order of the config; an image is said to be a node when
                                  its likeliest class lies at or below it
``others_0``, …                   all images that are not of the node: those whose likeliest class is the true one
``recalls``                       recall of each class by its name
================================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.metrics import Ancestry, hop_distance, level_scores

# B images, N nodes, K nodes on the longest path


def measure(node_log_probs_BN: Tensor, truth_B: np.ndarray, plan: DagPlan, raised: Sequence[str]) -> dict[str, Any]:
    """All metrics of a model by name; what is undefined is None.

    Args:
        node_log_probs_BN: log memberships of the tested images, float64, at least one image.
        truth_B: node ids of their classes, all leaves, int64.
        plan: the compiled taxonomy.
        raised: nodes whose recall and precision are wanted.
    """
    ancestry = Ancestry.from_plan(plan)
    answer_B = plan.leaf_L[node_log_probs_BN[:, plan.leaf_L].argmax(1)].numpy()
    right_B = answer_B == truth_B
    hops_B = hop_distance(answer_B, truth_B, ancestry).astype(np.float64)
    recalls = {plan.nodes[leaf]: float(right_B[truth_B == leaf].mean()) for leaf in np.unique(truth_B).tolist()}
    table_BN = node_log_probs_BN.numpy()
    levels = range(1, ancestry.depth)
    return {
        "leaf_accuracy": float(right_B.mean()),
        "balanced_accuracy": float(np.mean(list(recalls.values()))),
        "worst_class_recall": min(recalls.values()),
        **{f"accuracy_level_{k}": level_scores(table_BN, truth_B, ancestry, level=k).accuracy for k in levels},
        "severity": float(hops_B[~right_B].mean()) if not right_B.all() else None,
        **_of_nodes(answer_B, truth_B, right_B, plan, raised),
        "recalls": recalls,
    }


def _of_nodes(
    answer_B: np.ndarray, truth_B: np.ndarray, right_B: np.ndarray, plan: DagPlan, raised: Sequence[str]
) -> dict[str, float | None]:
    """Recall, precision and the accuracy on all others, of each node."""
    found: dict[str, float | None] = {}
    path_NK = plan.path_NK.numpy()
    for place, node in enumerate(raised):
        said_B, is_B = ((path_NK[ids] == plan.taxonomy.index(node)).any(1) for ids in (answer_B, truth_B))
        found[f"recall_{place}"] = float(said_B[is_B].mean()) if is_B.any() else None
        found[f"precision_{place}"] = float(is_B[said_B].mean()) if said_B.any() else None
        found[f"others_{place}"] = float(right_B[~is_B].mean()) if not is_B.all() else None
    return found
