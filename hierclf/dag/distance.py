"""Hops between nodes: up to a common ancestor and down again, the shortest way."""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.dag.plan import DagPlan
from hierclf.errors import ConfigError

# N nodes, X targets

LARGEST = 5_000
"""Number of nodes beyond which the table of a DAG would take too much memory (``N²`` float32)."""


def hop_table(plan: DagPlan, target_X: Tensor | None = None) -> Tensor:
    """Hops from every node to every target through the best common ancestor, float32, shape ``(N, X)``.

    Args:
        plan: the compiled taxonomy.
        target_X: node ids, int64; None takes the leaves.

    Raises:
        ConfigError: more than `LARGEST` nodes.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> hop_table(compile_plan(Taxonomy.from_edges({"r": ["a", "b"], "a": ["x", "y"], "b": ["y"]})))
    tensor([[2., 2.],
            [1., 1.],
            [3., 1.],
            [0., 2.],
            [2., 0.]])
    """
    if plan.num_nodes > LARGEST:
        raise ConfigError(f"a table of hops for {plan.num_nodes} nodes is too large (at most {LARGEST})")
    up_NN = torch.full((plan.num_nodes, plan.num_nodes), torch.inf, device=plan.device)
    up_NN.fill_diagonal_(0)
    for parent, child in zip(plan.parent_E.tolist(), plan.child_E.tolist(), strict=True):  # parents come first
        up_NN[child] = torch.minimum(up_NN[child], up_NN[parent] + 1)
    target_X = plan.leaf_L if target_X is None else target_X
    hops_NX = torch.full((plan.num_nodes, len(target_X)), torch.inf, device=plan.device)
    for above_N in up_NN.T:
        torch.minimum(hops_NX, above_N[:, None] + above_N[target_X][None, :], out=hops_NX)
    return hops_NX
