"""Sums, maxima and softmax over groups of rows, node-major.

Rows that share a number in ``group_R`` form a group. Tensors are ``(R, B)``: one row per node or edge, one column per
image, so that a group is a run of rows and every operation streams through memory. The maximum is kept *per group*:
with one maximum per image, a group that lies more than 87 nats below it would underflow in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor

# R rows, G groups, B images


def segment_max(values_RB: Tensor, group_R: Tensor, num_groups: int) -> Tensor:
    """The largest value of each group, shape ``(G, B)``; detached, since it only serves as an offset."""
    values_RB = values_RB.detach()
    floor_GB = values_RB.new_full((num_groups, values_RB.shape[1]), -torch.inf)
    return floor_GB.scatter_reduce(0, group_R[:, None].expand_as(values_RB), values_RB, "amax")


def segment_logsumexp(values_RB: Tensor, group_R: Tensor, num_groups: int) -> Tensor:
    """``log Σ exp`` over the rows of each group, shape ``(G, B)``; -inf for a group without rows."""
    offset_GB = segment_max(values_RB, group_R, num_groups).clamp(min=torch.finfo(values_RB.dtype).min)
    shifted_RB = values_RB - offset_GB.index_select(0, group_R)
    total_GB = torch.zeros_like(offset_GB).index_add(0, group_R, shifted_RB.exp())
    return total_GB.log() + offset_GB


def segment_log_softmax(values_RB: Tensor, group_R: Tensor, num_groups: int) -> Tensor:
    """Log-softmax within each group, shape ``(R, B)``: the exponentials of one group sum to 1."""
    return values_RB - segment_logsumexp(values_RB, group_R, num_groups).index_select(0, group_R)
