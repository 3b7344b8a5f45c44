"""Which classes share a threshold, where single classes have too few images for their own.

A class with fewer than `least` images is pooled under its parent, then under its grandparent, and so on. The pools must
not overlap. It is tempting to calibrate a small class by *all* images under its parent while its big sibling keeps its
own threshold, but then nothing holds: not for the small class, whose own images hardly count, nor for the two together.
So the classes are split into groups, each calibrated by its own images alone, and the promise holds within each group.
A class that stands alone has its promise for itself. A group of several classes shares one: on average over its images,
in the shares in which they come.

The groups must be chosen without the scores and, for a proof to the letter, without the calibration images: count the
classes in the training images or in split A. If the calibration images themselves are counted, then the promise of a
class that stands alone is still exact, since images of one class are exchangeable however many they are; that of a
group is exact only for the class shares that the calibration images happen to have.

Ding et al., *Class-Conditional Conformal Prediction with Many Classes*, NeurIPS 2023, arXiv:2306.09335, group
classes whose scores are spread alike; here the taxonomy says who is alike, and no score is looked at.

n images, N nodes, K nodes on the longest path
"""

from __future__ import annotations

import torch
from torch import Tensor

from hierclf.errors import CalibrationError


def pool_classes(label_n: Tensor, path_NK: Tensor, least: int) -> Tensor:
    """Split the nodes into groups with at least `least` images each, as low in the taxonomy as possible.

    Nodes are visited from those with the fewest leaves to the root, children before parents. At each, what is still
    open at or below it becomes a group of that name if it has enough images. If not, it joins the smallest group that
    lies wholly below, which then takes this node's name. If there is none, it stays open for a node further up. So a
    class with enough images stands alone, a small one goes with its small siblings or with its smallest big one, and
    on a DAG it is pooled under the parent that says most and has enough images below.

    Args:
        label_n: the node of each image that is counted, best of images other than those that calibrate; the node that
            the image is taken for or that it is labelled with, int64, shape ``(n,)``.
        path_NK: ancestors and itself of each node without the root, padded with -1, as `DagPlan.path_NK`.
        least: the fewest images of a group, at least 1; at least ``minimum_calibration_size(alpha)`` to be of use.

    Returns:
        For each node the node whose group calibrates it, int64, shape ``(N,)``: the node itself or an ancestor. Nodes
        with the same entry form a group. With fewer than `least` images in all, everything is pooled at the root.

    Raises:
        CalibrationError: when `least` is below 1 or a label is no node.

    >>> path_NK = torch.tensor([[-1, -1], [1, -1], [2, -1], [1, 3], [1, 4], [2, 5], [2, 6]])  # 1 over 3, 4; 2 over 5, 6
    >>> label_n = torch.tensor([3] * 20 + [4] * 30 + [5] * 10 + [6] * 12)
    >>> pool_classes(label_n, path_NK, 20)[3:]  # 3 and 4 stand alone, 5 and 6 are pooled under 2
    tensor([3, 4, 2, 2])
    """
    if least < 1:
        raise CalibrationError(f"expected groups of at least 1 image, got least = {least}")
    count = torch.bincount(checked_nodes(label_n, len(path_NK)), minlength=len(path_NK)).tolist()
    below = nodes_below(path_NK)
    leaves = [sum(len(below[node]) == 1 for node in nodes) for nodes in below]
    is_class = [len(nodes) == 1 or images > 0 for nodes, images in zip(below, count, strict=True)]
    pool = list(range(len(below)))
    closed: set[int] = set()
    groups: dict[int, list[int]] = {}
    for visited in sorted(pool, key=lambda node: (leaves[node], -node)):
        members = [node for node in below[visited] if is_class[node] and node not in closed]
        images = sum(count[node] for node in members)
        if not members:
            continue
        if images < least:
            inside = set(below[visited])
            names = {pool[node] for node in inside & closed}
            whole = [name for name in names if inside.issuperset(groups[name])]
            if whole:
                members += groups.pop(min(whole, key=lambda name: (sum(count[node] for node in groups[name]), name)))
            elif visited != 0:
                continue
        groups[visited] = members
        closed.update(members)
        for node in members:
            pool[node] = visited
    return torch.tensor(pool)


def nodes_below(path_NK: Tensor) -> list[list[int]]:
    """The nodes at or below each node, ascending.

    >>> nodes_below(torch.tensor([[-1, -1], [1, -1], [1, 2]]))
    [[0, 1, 2], [1, 2], [2]]
    """
    below: list[list[int]] = [[0], *([] for _ in path_NK[1:])]
    for node, path in enumerate(path_NK.tolist()):
        for above in path:
            if above >= 0:
                below[above].append(node)
    below[0].extend(range(1, len(below)))
    return below


def checked_nodes(node_n: Tensor, num_nodes: int) -> Tensor:
    """Node ids on the CPU.

    Raises:
        CalibrationError: when they are not a vector of node ids.
    """
    node_n = node_n.detach().cpu()
    if node_n.ndim != 1 or node_n.is_floating_point():
        raise CalibrationError(f"expected node ids of shape (n,), got {node_n.dtype} of shape {tuple(node_n.shape)}")
    if len(node_n) and not 0 <= int(node_n.min()) <= int(node_n.max()) < num_nodes:
        came = f"{int(node_n.min())} to {int(node_n.max())}"
        raise CalibrationError(f"expected node ids from 0 to {num_nodes - 1}, got {came}; leave out unknown images")
    return node_n
