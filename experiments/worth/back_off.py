"""How well a taxonomy backs off: climbing in its own words, judged in those of the ruler, at many thresholds.

An unsure model climbs from the likeliest class until a node is likely enough. Each threshold gives one answer per
image; each answer is translated, and its information precision and recall are measured in the ruler's bits (see
`hierclf.metrics.information`). AP(info) is the area below precision over recall as the threshold rises; "said at 95 %
right" is the largest share of the information that is given while 95 % of the answers are the truth or above it.

The thresholds are the probabilities at which some image changes its answer, all of them up to `MOST_THRESHOLDS` and so
many quantiles beyond; between two of them a straight line is what choosing between the two by chance would reach.

Valmadre, *Hierarchical classification at multiple operating points*, NeurIPS 2022, arXiv:2210.10929.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.decisions import rules
from hierclf.metrics import Ancestry, information_scores
from hierclf.metrics.information import area, ways_up

# B images, S nodes of the taxonomy that answers, N nodes of the ruler, T thresholds

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MOST_THRESHOLDS = 200
RIGHT = 0.95


class BackOff(NamedTuple):
    """Means over all images at each threshold, from "always a class" to "always the root", shape ``(T,)`` each."""

    precision_T: Floats
    recall_T: Floats
    correct_T: Floats

    @property
    def average_precision(self) -> float:
        """AP(info)."""
        return area(self.recall_T, self.precision_T)

    def recall_at_correct(self, share: float = RIGHT) -> float:
        """The largest information recall among the thresholds with at least this share right or above the truth."""
        return float(self.recall_T[self.correct_T >= share - 1e-12].max())


def back_off(node_log_probs_BS: Tensor, plan: DagPlan, node_S: Ints, truth_B: Ints, ruler: Ancestry) -> BackOff:
    """Climb at many thresholds.

    Args:
        node_log_probs_BS: log memberships of the taxonomy that answers, float64, at least one image.
        plan: that taxonomy, compiled.
        node_S: the ruler's node for each of its nodes, see `experiments.worth.translation`.
        truth_B: the ruler's node ids of the true classes, int64.
        ruler: the ruler's tables.
    """
    climb = rules["threshold"].decide
    truth_U, place_B = np.unique(truth_B, return_inverse=True)
    pairs = np.tile(np.arange(ruler.num_nodes), len(truth_U)), np.repeat(truth_U, ruler.num_nodes)
    scores = information_scores(*pairs, ruler)
    table_UN = np.stack([scores.precision_B, scores.recall_B, scores.correct_B.astype(np.float64)])
    table_UN = table_UN.reshape(3, len(truth_U), ruler.num_nodes)
    means: list[Floats] = []
    for threshold in thresholds(node_log_probs_BS.numpy(), Ancestry.from_plan(plan)):
        answer_B = node_S[climb(node_log_probs_BS, plan, threshold).numpy()]
        means.append(table_UN[:, place_B, answer_B].mean(axis=1))
    return BackOff(*np.array(means).T)


def thresholds(node_log_probs_BS: Floats, ancestry: Ancestry) -> list[float]:
    """Thresholds θ that lead to different answers, ascending: from 0, "always a class", to beyond 1, "always the root".

    The answer at θ holds down to the next smaller threshold, so every answer is met where all changes are listed.
    """
    log_prob_J = ways_up(node_log_probs_BS, ancestry)[2]
    changes_T = np.unique(np.exp(log_prob_J[np.isfinite(log_prob_J)]))
    if len(changes_T) > MOST_THRESHOLDS:
        changes_T = np.unique(np.quantile(changes_T, np.linspace(0, 1, MOST_THRESHOLDS), method="nearest"))
    return [0.0, *(changes_T * (1 + 1e-12)).tolist(), 1.0 + 1e-6]
