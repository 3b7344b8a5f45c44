"""The two probabilities that a DAG gives every node, both exact.

*Flow* F(v) is the chance that the route from the root passes v: F(root) = 1 and F(v) = Σ_u F(u)·P(v|u) over the
parents u. *Membership* M(v) is the chance that the image belongs under v: the sum of the flow over the distinct leaves
below v. On a tree the two agree. On a DAG M ≥ F, and M(child) ≤ M(parent) always, which is why training, thresholds
and reports read M.

Everything is in logarithms and any float dtype. Inputs and outputs are batch-first, ``(B, …)``; inside, tensors are
node-major, and the transposes are free when the caller's tensor was made node-major (a head's ``W @ zᵀ``).

>>> import torch
>>> from hierclf.dag import compile_plan
>>> from hierclf.taxonomy import Taxonomy
>>> plan = compile_plan(Taxonomy.from_edges({"root": ["l", "r"], "l": ["x", "p"], "r": ["x"]}))
>>> plan.nodes
('root', 'l', 'r', 'p', 'x')
>>> logits_BE = torch.zeros(1, plan.num_edges)
>>> flow(edge_log_softmax(logits_BE, plan), plan).exp()
tensor([[1.0000, 0.5000, 0.5000, 0.2500, 0.7500]])
>>> node_log_probs(logits_BE, plan).exp()  # x has two parents, so r holds all of x's 0.75
tensor([[1.0000, 1.0000, 0.7500, 0.2500, 0.7500]])
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.dag.plan import DagPlan
from hierclf.dag.segment import segment_log_softmax, segment_logsumexp

# B images, E edges (parent -> child), N nodes, L leaves, P pairs (node, distinct leaf at or below it)


def edge_log_softmax(logits_BE: Tensor, plan: DagPlan) -> Tensor:
    """Log P(child | parent), normalised over the edges that leave each parent.

    Args:
        logits_BE: scores of any float dtype, shape ``(B, E)``, edges in the plan's order.
        plan: the compiled taxonomy, on the same device.

    Returns:
        Shape ``(B, E)``; the probabilities of one parent's edges sum to 1, so an only child has log-probability 0.

    This is the WordTree of Redmon and Farhadi, *YOLO9000*, CVPR 2017, arXiv:1612.08242, for DAGs as for trees.
    """
    return segment_log_softmax(logits_BE.T.contiguous(), plan.group_E, plan.num_groups).T


def flow(edge_log_probs_BE: Tensor, plan: DagPlan) -> Tensor:
    """Log F(v): the chance that the route passes each node.

    Args:
        edge_log_probs_BE: log P(child | parent), shape ``(B, E)``. Unnormalised scores are welcome: the result is then
            the log of the sum over paths of the exponential of the path's summed scores.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, N)``, the root's column 0.
    """
    return _flow(edge_log_probs_BE.T.contiguous(), plan).T


def membership(flow_BN: Tensor, plan: DagPlan) -> Tensor:
    """Log M(v) from log F(v): the flow summed over the distinct leaves at or below each node.

    Args:
        flow_BN: log flow, shape ``(B, N)``.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, N)``; the same values on a tree.
    """
    if plan.is_tree:
        return flow_BN
    return membership_of_leaves(select_nodes(flow_BN, plan.leaf_L), plan)


def membership_of_leaves(leaf_log_probs_BL: Tensor, plan: DagPlan) -> Tensor:
    """Log M(v) from the log-probabilities of the leaves, summed upwards over distinct leaves.

    Args:
        leaf_log_probs_BL: shape ``(B, L)``, leaves in the plan's order.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, N)``; leaves keep their values exactly.
    """
    leaves_LB = leaf_log_probs_BL.T.contiguous()
    rows_NB = _sum_up_tree(leaves_LB, plan) if plan.is_tree else _sum_up_pairs(leaves_LB, plan)
    return rows_NB.T


def node_log_probs(logits_BE: Tensor, plan: DagPlan) -> Tensor:
    """Log M(v) from the logits of the edges: softmax per parent, flow, membership.

    Args:
        logits_BE: shape ``(B, E)``.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, N)``, the root's column 0.
    """
    return membership(flow(edge_log_softmax(logits_BE, plan), plan), plan)


def conditional_log_probs(node_log_probs_BN: Tensor, plan: DagPlan) -> Tensor:
    """Log M(child) - log M(parent) for each edge: the per-node classifier that memberships imply.

    On a tree, the values of one parent's edges form a distribution. On a DAG they are the chance of belonging under
    the child given that one belongs under the parent, and siblings that share leaves sum to more than 1.

    Returns:
        Shape ``(B, E)``, at most 0 but for rounding; a parent of probability 0 gives 0.
    """
    parent_BE = node_log_probs_BN[:, plan.parent_E]
    return torch.where(
        parent_BE.isneginf(), torch.zeros_like(parent_BE), node_log_probs_BN[:, plan.child_E] - parent_BE
    )


def ancestor_sum(values_BN: Tensor, plan: DagPlan) -> Tensor:
    """For each node, the sum of the values over the *set* of its ancestors and itself, the root left out.

    Args:
        values_BN: one number per node, shape ``(B, N)``; the root's column is ignored.
        plan: the compiled taxonomy.

    Returns:
        Shape ``(B, N)``, the root's column 0.

    At the leaves these are the scores of the parameter-sharing softmax: Valmadre, *Hierarchical classification at
    multiple operating points*, NeurIPS 2022, arXiv:2210.10929.
    """
    rows_NB = values_BN.T.contiguous()
    if plan.is_tree:
        return _flow(rows_NB[1:], plan).T
    node_P, above_P = plan.ancestor_pairs
    return torch.zeros_like(rows_NB).index_add(0, node_P, rows_NB.index_select(0, above_P)).T


def select_nodes(values_BN: Tensor, index_X: Tensor) -> Tensor:
    """Some columns of a node-major table: ``values_BN[:, index_X]``, but copying whole rows, forwards and backwards."""
    return values_BN.T.index_select(0, index_X).T


# ------------------------------------------------------------------------------------------------- node-major helpers


def _flow(edges_EB: Tensor, plan: DagPlan) -> Tensor:
    root_1B = edges_EB.new_zeros(1, edges_EB.shape[1])
    levels = [root_1B]
    if plan.is_tree:  # every parent of a level stands in the level before, and edge e leads to node e + 1
        # one split: slices would each fill a gradient of full size
        arriving = torch.split(edges_EB, list(plan.level_sizes[1:]))
        for above, nodes, level_EB in zip(plan.node_slices, plan.node_slices[1:], arriving, strict=False):
            parent_E = plan.parent_E[nodes.start - 1 : nodes.stop - 1] - above.start
            levels.append(levels[-1].index_select(0, parent_E) + level_EB)
        return torch.cat(levels)
    arriving_EB = edges_EB.index_select(0, plan.arrival_E)
    parent_E, child_E = plan.parent_E[plan.arrival_E], plan.child_E[plan.arrival_E]
    reached_NB = root_1B
    for nodes, edges in zip(plan.node_slices[1:], plan.arrival_slices, strict=True):
        messages_EB = reached_NB.index_select(0, parent_E[edges]) + arriving_EB[edges]
        level_NB = segment_logsumexp(messages_EB, child_E[edges] - nodes.start, nodes.stop - nodes.start)
        reached_NB = torch.cat([reached_NB, level_NB])
    return reached_NB


def _sum_up_tree(leaves_LB: Tensor, plan: DagPlan) -> Tensor:
    """Level by level from the deepest: a node is a leaf, or the log-sum-exp of its children."""
    below: list[Tensor] = []
    leaves = torch.split(leaves_LB, list(plan.leaf_sizes))
    for depth in range(len(plan.level_sizes) - 1, -1, -1):
        nodes, level_NB = plan.node_slices[depth], leaves[depth]
        if below:  # the children of this level's internal nodes fill the next level, in order
            group_E = plan.group_E[nodes.stop - 1 : nodes.stop - 1 + len(below[-1])]
            internal = plan.level_sizes[depth] - plan.leaf_sizes[depth]
            summed_GB = segment_logsumexp(below[-1], group_E - group_E[0], internal)
            level_NB = torch.cat([level_NB, summed_GB]).index_select(0, plan.leaves_first_N[nodes])
        below.append(level_NB)
    return torch.cat(below[::-1])


def _sum_up_pairs(leaves_LB: Tensor, plan: DagPlan) -> Tensor:
    summed_NB = segment_logsumexp(leaves_LB.index_select(0, plan.closure_leaf_P), plan.closure_node_P, plan.num_nodes)
    return summed_NB.index_copy(0, plan.leaf_L, leaves_LB)
