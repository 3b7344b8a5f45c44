"""One promise for the whole route: how strange is the strangest step on the best way to a node?

Gates at several nodes each ask "is this any of my children?". Calibrated one by one at 5 %, three of them turn away
not 5 % of the known images but up to three times that, since an image must pass all. So the gates are not calibrated
one by one. Each gives its surprise, -log p, the route is summed up in a single number, and that is calibrated once:

    T(v) = min over routes from the root to v of the largest surprise on the route

On a tree there is one route, and T is -log of the smallest p-value along it. On a DAG a node passes if it passes on
any route, so the route counts whose smallest p-value is largest. T obeys, with s(v) the surprise of v's own gate,

    T(v) = max {s(v), min over parents u of T(u)}

because the largest of a set that always holds s(v) is smallest where the rest is smallest; one pass over the levels
computes it exactly, without a list of routes. The surprises may come from anywhere (split A, one map per gate); the
promise comes from conformal calibration of T on images that nothing else has seen (split B): *at most a share α of
known images is turned away anywhere on the way to the leaf that they are taken for.* It holds because the leaf that an
image is taken for, and T at that leaf, are functions of the image alone.

B images, N nodes, E edges (parent -> child), n calibration images
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hierclf.dag import DagPlan
from hierclf.errors import CalibrationError
from hierclf.promises.conformal import minimum_calibration_size
from hierclf.promises.sentence import counted, percent


def route_surprise(surprise_BN: Tensor, plan: DagPlan) -> Tensor:
    """The largest surprise on the best route to each node, that of the node's own gate included.

    Args:
        surprise_BN: -log p of each node's gate, larger = more unknown, any float dtype, shape ``(B, N)``; NaN or minus
            infinity where a node has no gate. The columns of the leaves are ignored: a leaf has no gate.
        plan: the compiled taxonomy, on the same device.

    Returns:
        float64, shape ``(B, N)``; minus infinity where no gate stands on some route to the node. It never falls from a
        node to its only parent's child, and at a leaf it is the statistic to calibrate.

    Raises:
        CalibrationError: when the table has not one column per node.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"root": ["l", "r"], "l": ["x", "p"], "r": ["x"]}))
    >>> plan.nodes
    ('root', 'l', 'r', 'p', 'x')
    >>> route_surprise(torch.tensor([[1.0, 3.0, 2.0, 9.0, 9.0]]), plan)  # x is reached best through r
    tensor([[1., 3., 2., 3., 2.]], dtype=torch.float64)
    """
    own_NB = _own(surprise_BN, plan)
    return torch.maximum(_entering(own_NB, plan), own_NB).T


def entering_surprise(surprise_BN: Tensor, plan: DagPlan) -> Tensor:
    """The largest surprise on the best route to each node, before its own gate is asked: ``min over parents T(u)``.

    Args:
        surprise_BN: as for `route_surprise`, shape ``(B, N)``.
        plan: the compiled taxonomy.

    Returns:
        float64, shape ``(B, N)``; minus infinity at the root. It is the statistic of a decision *at* an internal node
        ("I came as far as this"), and the same as `route_surprise` at a leaf.
    """
    return _entering(_own(surprise_BN, plan), plan).T


def surprise_at(route_BN: Tensor, node_B: Tensor) -> Tensor:
    """The statistic at one node per image, as the leaf that it is taken for.

    Args:
        route_BN: from `route_surprise`, shape ``(B, N)``.
        node_B: node id per image, int64, shape ``(B,)``.

    Returns:
        Shape ``(B,)``.

    >>> surprise_at(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0]))
    tensor([2., 3.])
    """
    return route_BN.gather(1, node_B[:, None])[:, 0]


def stopping_node(surprise_BN: Tensor, node_B: Tensor, threshold: float, plan: DagPlan) -> Tensor:
    """Where an image on its way to a node is stopped: the gate that turns it away, or the node itself.

    Args:
        surprise_BN: as for `route_surprise`, shape ``(B, N)``.
        node_B: the node that each image is on its way to, as its most probable leaf, int64, shape ``(B,)``.
        threshold: the largest surprise that passes, from `conformal_threshold` of T at the leaf.
        plan: the compiled taxonomy.

    Returns:
        Node ids, int64, shape ``(B,)``: `node_B` if and only if T at that node is at most the threshold; else the
        ancestor (or the internal node itself) whose gate was reached and did not let it pass, the root for other. Where
        routes on a DAG end at several gates, the one that says most (the most information), among equals the deepest.

    Raises:
        CalibrationError: when the table has not one column per node.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"digit": ["0", "1"], "letter": ["a"]}, root="sign"))
    >>> plan.nodes
    ('sign', 'digit', 'letter', '0', '1', 'a')
    >>> surprise_BN = torch.tensor([[0.1, 4.0, 0.2, 0, 0, 0]]).expand(3, -1)
    >>> stopping_node(surprise_BN, torch.tensor([3, 4, 5]), 3.0, plan)  # no digit that I know; an "a"
    tensor([1, 1, 5])
    """
    own_NB = _own(surprise_BN, plan)
    entering_NB = _entering(own_NB, plan)
    stops_BN = ((entering_NB <= threshold) & (own_NB > threshold)).T
    passed_B = surprise_at(torch.maximum(entering_NB, own_NB).T, node_B) <= threshold
    path_BK = plan.path_NK[node_B]
    on_way_BK = torch.cat([torch.zeros_like(path_BK[:, :1]), path_BK], dim=1)  # the root, then its path
    stopped_BK = stops_BN.gather(1, on_way_BK.clamp(min=0)) & (on_way_BK >= 0)
    rank_N = _rank(plan)
    best_B = torch.where(stopped_BK, rank_N[on_way_BK.clamp(min=0)], -1).argmax(1, keepdim=True)
    return torch.where(passed_B, node_B, on_way_BK.gather(1, best_B)[:, 0])


@dataclass(frozen=True, kw_only=True)
class RoutePromise:
    """What may be expected of the gates of a whole route together.

    Args:
        alpha: largest share of known images that is turned away anywhere on the way, on average over calibration sets.
        n: number of calibration images (split B).
        gates: number of gated nodes.
    """

    alpha: float
    n: int
    gates: int

    @property
    def holds(self) -> bool:
        """Whether there are enough calibration images to turn anybody away and keep the promise."""
        return self.n >= minimum_calibration_size(self.alpha) and self.gates > 0

    @property
    def sentence(self) -> str:
        """The promise in words.

        >>> RoutePromise(alpha=0.05, n=200, gates=3).sentence
        'At most 5 % of known images are turned away on the whole way from the root to a leaf, by all 3 gates together
        (calibrated on 200 known images kept for this alone). How many unknown images are noticed, and at which gate,
        cannot be promised.'
        >>> RoutePromise(alpha=0.05, n=12, gates=3).sentence
        'No gate ever turns an image away: keeping 95 % of known images on the whole way takes at least 19 calibration
        images, and there are 12. Add known images, or lower keep.'
        >>> RoutePromise(alpha=0.05, n=200, gates=0).sentence
        'There is no gate on the way, so no image is ever turned away.'
        """
        if self.gates == 0:
            return "There is no gate on the way, so no image is ever turned away."
        if self.holds:
            together = f"all {self.gates} gates together" if self.gates > 1 else "its one gate"
            return (
                f"At most {percent(self.alpha)} of known images are turned away on the whole way from the root to a "
                f"leaf, by {together} (calibrated on {counted(self.n, 'known image')} kept for this alone). How many "
                "unknown images are noticed, and at which gate, cannot be promised."
            )
        return (
            f"No gate ever turns an image away: keeping {percent(1 - self.alpha)} of known images on the whole way "
            f"takes at least {minimum_calibration_size(self.alpha)} calibration images, and there are {self.n}. Add "
            "known images, or lower keep."
        )


# ------------------------------------------------------------------------------------------------- node-major helpers


def _own(surprise_BN: Tensor, plan: DagPlan) -> Tensor:
    """Each gate's own surprise, (N, B) float64; minus infinity where there is none."""
    if surprise_BN.ndim != 2 or surprise_BN.shape[1] != plan.num_nodes:
        raise CalibrationError(
            f"expected one column of surprise per node, shape (B, {plan.num_nodes}), got {tuple(surprise_BN.shape)}"
        )
    own_NB = surprise_BN.double().T.contiguous()
    silent_NB = own_NB.isnan() | (plan.leaf_slot_N >= 0)[:, None]
    return own_NB.masked_fill(silent_NB, -torch.inf)


def _entering(own_NB: Tensor, plan: DagPlan) -> Tensor:
    """T before each node's own gate, (N, B): one pass over the levels."""
    entering_NB = torch.full_like(own_NB, -torch.inf)
    route_NB = own_NB.clone()
    for nodes, edges in zip(plan.node_slices[1:], plan.arrival_slices, strict=True):
        edge_X = plan.arrival_E[edges]
        place_X = (plan.child_E[edge_X] - nodes.start)[:, None].expand(-1, own_NB.shape[1])
        above_NB = own_NB.new_full((nodes.stop - nodes.start, own_NB.shape[1]), torch.inf)
        above_NB = above_NB.scatter_reduce(0, place_X, route_NB[plan.parent_E[edge_X]], "amin")
        entering_NB[nodes] = above_NB
        route_NB[nodes] = torch.maximum(above_NB, own_NB[nodes])
    return entering_NB


def _rank(plan: DagPlan) -> Tensor:
    """Nodes by information, then by id, as ranks: what says more, or lies deeper, ranks higher; int64, (N,)."""
    by_leaves = torch.argsort(plan.leaf_count_N, descending=True, stable=True)  # ids ascend among equals
    rank_N = torch.empty_like(by_leaves)
    rank_N[by_leaves] = torch.arange(plan.num_nodes, device=by_leaves.device)
    return rank_N
