"""L2: the taxonomy as tensors, and the probabilities on it as pure functions."""

from hierclf.dag.below import smallest_below
from hierclf.dag.borrowed import BorrowedTree
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
from hierclf.dag.stops import membership_of_stops, route_log_shares, stop_log_probs

__all__ = [
    "BorrowedTree",
    "DagPlan",
    "ancestor_sum",
    "compile_plan",
    "conditional_log_probs",
    "edge_log_softmax",
    "flow",
    "hop_table",
    "membership",
    "membership_of_leaves",
    "membership_of_stops",
    "node_log_probs",
    "route_log_shares",
    "segment_log_softmax",
    "segment_logsumexp",
    "segment_max",
    "select_nodes",
    "smallest_below",
    "stop_log_probs",
]
