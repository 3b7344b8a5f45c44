"""Loss weights: how much each node on the way from the root to the label counts.

The classification loss of one image with label y is ``-Σ_a w(y, a)·log M(a)`` over y's ancestors and y itself, the root
left out. A *level rule* fills the table ``w``:

======================  ================================================================================================
``"leaf"``              1 at the label itself, 0 above: plain cross-entropy over the leaves
``"uniform"``           1 everywhere: the sum of the cross-entropies of all levels
``("decay", d)``        ``d ** level``: with d < 1 the coarse levels count most, with d > 1 the fine ones
``(w0, w1, w2, …)``     the first weight belongs to the gate known / other, the next to level 1, …; the last repeats
======================  ================================================================================================

On top, a node's own weight multiplies every term at that node.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean
from hierclf.taxonomy import LevelWeights

# N nodes, K nodes on the longest path, without the root


def gate_weight(level_weights: LevelWeights) -> float:
    """The weight of the gate known / other: the first of a list, else 1."""
    if isinstance(level_weights, str) or level_weights[0] == "decay":
        return 1.0
    return float(level_weights[0])


def label_weights(
    plan: DagPlan, level_weights: LevelWeights = "uniform", node_weights: Mapping[str, float] | None = None
) -> Tensor:
    """The table w(y, a), aligned with `DagPlan.path_NK`.

    Args:
        plan: the compiled taxonomy.
        level_weights: a level rule as in the module's table.
        node_weights: factors by node name; nodes that are not named count 1.

    Returns:
        float64, shape ``(N, K)``; 0 where the path table is padded.

    Raises:
        ConfigError: an unknown rule, a weight that is negative or not finite, or a name that is no node.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "dot"], "digit": ["0", "1"]}))
    >>> label_weights(plan, (1.0, 0.5, 2.0), {"digit": 10.0})[plan.nodes.index("1")]
    tensor([5., 2.], dtype=torch.float64)
    """
    own_NK = plan.path_NK == torch.arange(plan.num_nodes, device=plan.device)[:, None]
    on_path_NK = plan.path_NK >= 0
    factor_N = torch.ones(plan.num_nodes, dtype=torch.float64)
    for node, factor in (node_weights or {}).items():
        if node not in plan.taxonomy:
            raise ConfigError(f"unknown class {node!r} in node_weights{did_you_mean(node, plan.nodes)}")
        factor_N[plan.taxonomy.index(node)] = _weight(factor, f"the weight of {node!r}")
    if level_weights == "leaf":
        rule_NK = own_NK.double()
    else:
        rule_NK = _by_level(level_weights, int(plan.level_N[-1]))[plan.level_N.cpu()][plan.path_NK.cpu()]
    table_NK = rule_NK.to(plan.device) * factor_N.to(plan.device)[plan.path_NK]
    return torch.where(on_path_NK, table_NK, torch.zeros_like(table_NK))


def hxe_weights(plan: DagPlan, alpha: float) -> Tensor:
    """The table with which the loss equals the hierarchical cross-entropy on a tree.

    HXE is ``-Σ_a λ(a)·log P(a | parent of a)`` along the path, with ``λ(a) = exp(-α·height of a)``. Since
    ``log P(a | parent) = log M(a) - log M(parent)``, the coefficient of ``log M(a)`` is λ(a) - λ(child of a on the
    path), and λ(y) at the label itself. A leaf right under the root is no special case.

    Args:
        plan: the compiled taxonomy, a tree.
        alpha: how fast the weight falls with height; 0 is plain cross-entropy.

    Returns:
        float64, shape ``(N, K)``, aligned with `DagPlan.path_NK`.

    Raises:
        ConfigError: the taxonomy is no tree.

    Bertinetto et al., *Making better mistakes*, CVPR 2020, arXiv:1912.09393.
    """
    if not plan.is_tree:
        raise ConfigError(
            "the hierarchical cross-entropy is defined on trees; this taxonomy has a node with two parents"
        )
    height_N = torch.zeros(plan.num_nodes, dtype=torch.float64)
    for parent, child in zip(plan.parent_E.flip(0).tolist(), plan.child_E.flip(0).tolist(), strict=True):
        height_N[parent] = max(float(height_N[parent]), float(height_N[child]) + 1)
    decay_N = torch.exp(-alpha * height_N)
    on_path_NK = plan.path_NK >= 0
    lambda_NK = torch.where(on_path_NK, decay_N[plan.path_NK], 0.0)
    below_NK = torch.cat([lambda_NK[:, 1:], torch.zeros(plan.num_nodes, 1, dtype=torch.float64)], dim=1)
    return torch.where(on_path_NK, lambda_NK - below_NK, 0.0)


def _by_level(level_weights: LevelWeights, depth: int) -> Tensor:
    """One weight per level, 0 (the gate) to the deepest."""
    if level_weights == "uniform":
        return torch.ones(depth + 1, dtype=torch.float64)
    if isinstance(level_weights, str):
        rules = ("leaf", "uniform", "decay")
        raise ConfigError(
            f"no level weights named {level_weights!r}{did_you_mean(level_weights, rules)} (known: {rules})"
        )
    if not level_weights:
        raise ConfigError("level_weights is an empty list; give one weight for the gate and one per level")
    if level_weights[0] == "decay":
        rate = _weight(level_weights[1], "the decay of level_weights")
        return rate ** torch.arange(depth + 1, dtype=torch.float64)
    listed = [_weight(weight, "a weight in level_weights") for weight in level_weights]
    listed += listed[-1:] * (depth + 1 - len(listed))
    return torch.tensor(listed[: depth + 1], dtype=torch.float64)


def _weight(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ConfigError(f"{what} must be a finite number of at least 0, got {value!r}")
    return float(value)
