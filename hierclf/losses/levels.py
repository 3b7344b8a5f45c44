"""Embedding losses at the levels of a taxonomy: dogs near dogs first, and within them beagles near beagles.

An embedding loss tells groups apart and knows nothing of a taxonomy. At level k the groups are the ancestors on that
level, so the same loss at several levels makes an embedding whose near neighbours are of one class and whose far ones
are at least of one kind.

==========================  ============================================================================================
an image's label lies       at level k it belongs to the group
==========================  ============================================================================================
at or below level k         of its ancestor there. On a DAG there may be several: images with the same *set* of them are
                            one group, for a loss on single labels cannot say that two images are alike in one respect
above level k, at a leaf    of that leaf: nothing finer is known, and nothing finer exists
above level k, elsewhere    of nobody: it takes no part
==========================  ============================================================================================

At the deepest level the groups are the leaves, in every taxonomy.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hierclf.dag import DagPlan
from hierclf.errors import ConfigError
from hierclf.losses.embedding import EmbeddingChoice, EmbeddingLoss, build_embedding_loss

# B images, D embedding, N nodes, K nodes on the longest path, V levels below the root


def level_groups(plan: DagPlan) -> Tensor:
    """Which group a label belongs to, on every level.

    Args:
        plan: the compiled taxonomy.

    Returns:
        int64, shape ``(V, N)`` on the CPU, level 1 first: groups are numbered from 0 on each level, -1 takes no part.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.taxonomy import Taxonomy
    >>> plan = compile_plan(Taxonomy.from_edges({"sign": ["digit", "dot"], "digit": ["0", "1"]}))
    >>> plan.nodes
    ('sign', 'digit', 'dot', '0', '1')
    >>> level_groups(plan).tolist()
    [[-1, 0, 1, 0, 0], [-1, -1, 0, 1, 2]]
    """
    path_NK, level_N, slot_N = plan.path_NK.cpu(), plan.level_N.cpu(), plan.leaf_slot_N.cpu()
    node_N = torch.arange(plan.num_nodes)
    groups = []
    for level in range(1, int(level_N[-1]) + 1):
        above_NK = torch.where((path_NK >= 0) & (level_N[path_NK] == level), path_NK, -1)
        shallow_N = (slot_N >= 0) & (level_N < level)
        above_NK[shallow_N, 0] = node_N[shallow_N]
        takes_part_N = (above_NK >= 0).any(1)
        group_N = torch.full_like(node_N, -1)
        sets = above_NK.sort(1).values[takes_part_N]
        group_N[takes_part_N] = torch.unique(sets, dim=0, return_inverse=True)[1]
        groups.append(group_N)
    return torch.stack(groups)


class LevelLoss(nn.Module):
    """An embedding loss on the groups of one level.

    Args:
        title: what to call it in a log.
        weight: its weight in the whole.
        loss: the embedding loss; its parameters, if any, become part of this module.
        group_N: the group of each label, from `level_groups`.
    """

    group_N: Tensor

    def __init__(self, title: str, weight: float, loss: EmbeddingLoss, group_N: Tensor) -> None:
        super().__init__()
        self.title, self.weight, self.loss = title, weight, loss
        self.register_buffer("group_N", group_N, persistent=False)

    def forward(self, embedding_BD: Tensor, label_B: Tensor) -> Tensor:
        """The loss of one batch of known images, without its weight; 0 with fewer than two that take part.

        Raises:
            ConfigError: the loss cannot do with the batch, or not with its options.
        """
        group_B = self.group_N[label_B]
        takes_part_B = group_B >= 0
        if int(takes_part_B.sum()) < 2:
            return embedding_BD.sum() * 0
        try:
            return self.loss(embedding_BD[takes_part_B], group_B[takes_part_B])
        except (AssertionError, TypeError, ValueError) as error:
            raise ConfigError(f"the embedding loss {self.title!r} cannot learn from such a batch: {error}") from error


def level_losses(choice: EmbeddingChoice, plan: DagPlan, width: int) -> tuple[LevelLoss, ...]:
    """A chosen embedding loss, once for every level at which it has two groups or more to tell apart.

    Args:
        choice: the loss, its weight and its levels. "all" gives each level the same share of the weight; a list
            multiplies it level by level, its last entry repeating.
        plan: the compiled taxonomy.
        width: D of the embedding.

    Returns:
        The losses, level 1 first; those at weight 0 are left out.

    Raises:
        UnknownName: no such loss.
        ConfigError: more weights than levels, or options that the loss does not take.
    """
    group_VN = level_groups(plan)
    depth = len(group_VN)
    if choice.levels == "leaf":
        factors = [0.0] * (depth - 1) + [1.0]
    elif choice.levels == "all":
        factors = [1 / depth] * depth
    else:
        factors = [float(factor) for factor in choice.levels]
        if len(factors) > depth:
            raise ConfigError(
                f"embedding_levels of {choice.name!r} has {len(factors)} weights and the taxonomy {depth} levels below "
                f"its root; give at most {depth}"
            )
        factors += factors[-1:] * (depth - len(factors))
    losses = []
    for level, (factor, group_N) in enumerate(zip(factors, group_VN, strict=True), start=1):
        classes = int(group_N.max()) + 1
        if choice.weight * factor > 0 and classes > 1:
            loss = build_embedding_loss(choice.name, classes=classes, width=width, **dict(choice.options))
            title = choice.name if choice.levels == "leaf" else f"{choice.name}@{level}"
            losses.append(LevelLoss(title, choice.weight * factor, loss, group_N))
    return tuple(losses)
