"""Where an image belongs when it may belong to no known class: one distribution over all nodes.

A classifier of known images says which leaf. A gate at an internal node u adds π_u, the chance that an image which
reached u belongs to none of u's known children: "a letter, but none that I know". Each such node gets a virtual child
``u/other`` that takes the share π_u of whatever reaches u, and the known children take the rest in the old proportions:

    P(u/other | u) = π_u,    P(c | u) = (1 - π_u)·q(c | u)

So every image *stops* somewhere: at a leaf (it is of that class) or at an internal node (it belongs under it, to none
of its known children; at the root, to nothing known at all). The stop distribution S has one column per node, that of
an internal node u standing for ``u/other``, and sums to 1. Membership follows from it as before: M(v) is the sum of S
over the distinct nodes at or below v.

On a DAG the classifier gives one probability per leaf and does not say by which parent the image came. The shares
q(c | u) are those of the walk that goes up from the leaves and takes each parent alike; walking down by them gives
every leaf exactly its probability back.

>>> import torch
>>> from hierclf.dag import compile_plan, membership_of_leaves
>>> from hierclf.taxonomy import Taxonomy
>>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "letter"], "digit": ["0", "1"], "letter": ["a"]}))
>>> known_BN = membership_of_leaves(torch.tensor([[0.5, 0.3, 0.2]]).log(), plan)
>>> novel_BN = torch.zeros(1, plan.num_nodes).index_fill(1, torch.tensor([1]), 0.25)  # a quarter of the digits are new
>>> stops_BN = stop_log_probs(known_BN, novel_BN.log(), plan)
>>> plan.nodes, stops_BN.exp()
(('sign', 'digit', 'letter', '0', '1', 'a'), tensor([[0.0000, 0.2000, 0.0000, 0.3750, 0.2250, 0.2000]]))
>>> membership_of_stops(stops_BN, plan).exp()
tensor([[1.0000, 0.8000, 0.2000, 0.3750, 0.2250, 0.2000]])
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.dag.plan import DagPlan
from hierclf.dag.probabilities import _flow
from hierclf.dag.segment import segment_logsumexp

# B images, E edges (parent -> child), N nodes, P pairs (node, ancestor or itself)


def route_log_shares(node_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """Log q(c | u) of each edge: how what reaches a node is divided among its known children.

    Args:
        node_log_probs_BN: log M given that the image is known, any float dtype, shape ``(B, N)``; only the leaves'
            columns are read.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, E)``; those of one parent's edges sum to 1, or are alike where nothing reaches the parent. On a tree
        they are M(c) / M(u).
    """
    return _shares(node_log_probs_BN.T, plan).T


def stop_log_probs(node_log_probs_BN: Tensor, novel_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """Log S(v): the chance that an image belongs to v and to nothing known below it.

    Args:
        node_log_probs_BN: log M given that the image is known, shape ``(B, N)``.
        novel_log_probs_BN: log π, shape ``(B, N)``: at internal nodes the chance that an image which reached the node
            belongs to none of its known children, ``-inf`` where nothing is asked. Leaves' columns are ignored.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, N)``, summing to 1 in each row.
    """
    novel_NB = novel_log_probs_BN.T.index_fill(0, plan.leaf_L, 0.0)  # what reaches a leaf stops there
    passed_NB = _log_complement(novel_NB)
    edges_EB = _shares(node_log_probs_BN.T, plan) + passed_NB.index_select(0, plan.parent_E)
    return (_flow(edges_EB, plan) + novel_NB).T


def membership_of_stops(stop_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """Log M(v) where images may be novel: the stop distribution summed over the distinct nodes at or below each node.

    Args:
        stop_log_probs_BN: log S, shape ``(B, N)``.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, N)``, the root's column 0 where rows of S sum to 1.
    """
    node_P, above_P = plan.ancestor_pairs
    rows_NB = stop_log_probs_BN.T
    summed_NB = segment_logsumexp(rows_NB.index_select(0, node_P), above_P, plan.num_nodes)
    summed_NB[0] = torch.logsumexp(rows_NB, dim=0)
    return summed_NB.T


def _shares(rows_NB: Tensor, plan: DagPlan) -> Tensor:
    """`route_log_shares`, node-major: shape ``(E, B)``."""
    if not plan.is_tree:
        rows_NB = _upward_flow(rows_NB, plan)
    share_E = torch.bincount(plan.child_E, minlength=plan.num_nodes).to(rows_NB.dtype).log().neg()
    edges_EB = rows_NB.index_select(0, plan.child_E) + share_E[plan.child_E, None]
    total_EB = segment_logsumexp(edges_EB, plan.group_E, plan.num_groups).index_select(0, plan.group_E)
    alike_E = torch.bincount(plan.group_E).to(rows_NB.dtype).log().neg()[plan.group_E, None]
    return torch.where(total_EB.isneginf(), alike_E, edges_EB - total_EB.nan_to_num(neginf=0.0))


def _upward_flow(rows_NB: Tensor, plan: DagPlan) -> Tensor:
    """The flow of the walk up from the leaves that takes each parent alike, shape ``(N, B)``; the root's is 0."""
    parents_N = torch.bincount(plan.child_E, minlength=plan.num_nodes).clamp(min=1).to(rows_NB.dtype).log()
    flow_NB = torch.full_like(rows_NB, -torch.inf).index_copy(0, plan.leaf_L, rows_NB.index_select(0, plan.leaf_L))
    level_E = plan.level_N[plan.parent_E]
    for level in range(len(plan.level_sizes) - 2, -1, -1):  # children lie on deeper levels than all their parents
        edges = (level_E == level).nonzero()[:, 0]
        child_E, parent_E = plan.child_E[edges], plan.parent_E[edges]
        messages_EB = flow_NB.index_select(0, child_E) - parents_N[child_E, None]
        arrived_NB = segment_logsumexp(messages_EB, parent_E, plan.num_nodes)
        internal = torch.unique(parent_E)
        flow_NB = flow_NB.index_copy(0, internal, arrived_NB.index_select(0, internal))
    return flow_NB


def _log_complement(log_probs: Tensor) -> Tensor:
    """``log(1 - exp(x))`` for x ≤ 0, precise at both ends; Mächler, *Accurately computing log(1 - exp(-|a|))*, 2012."""
    near_one = log_probs > -0.693
    safe = torch.where(near_one, log_probs, -1.0)
    return torch.where(near_one, (-torch.expm1(safe)).log(), torch.log1p(-log_probs.clamp(max=-0.693).exp()))
