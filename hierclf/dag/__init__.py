"""L2: the taxonomy as tensors, and the probabilities on it as pure functions."""

from hierclf.dag.distance import hop_table
from hierclf.dag.plan import DagPlan, compile_plan
from hierclf.dag.probabilities import (
    ancestor_sum,
    conditional_log_probs,
    edge_log_softmax,
    flow,
    membership,
    membership_of_leaves,
    node_log_probs,
    select_nodes,
)
from hierclf.dag.segment import segment_log_softmax, segment_logsumexp, segment_max

__all__ = [
    "DagPlan",
    "ancestor_sum",
    "compile_plan",
    "conditional_log_probs",
    "edge_log_softmax",
    "flow",
    "hop_table",
    "membership",
    "membership_of_leaves",
    "node_log_probs",
    "segment_log_softmax",
    "segment_logsumexp",
    "segment_max",
    "select_nodes",
]
