"""The one classification loss: a weighted sum of log-memberships along the way to the label.

It is leaf cross-entropy with weight on the label alone, level-wise cross-entropy with uniform weights, and the
hierarchical cross-entropy with `hxe_weights`. A label may be any node: the sum simply stops there. On a DAG the sum
runs over the *set* of ancestors, so a node that lies on two paths counts once.
"""

from __future__ import annotations

from torch import Tensor

# B images, L leaves, N nodes, K nodes on the longest path, without the root


def hierarchical_loss(
    node_log_probs_BN: Tensor,
    label_B: Tensor,
    path_NK: Tensor,
    weight_NK: Tensor,
    image_weight_B: Tensor | None = None,
) -> Tensor:
    """Mean over the labelled images of ``-Σ_k w[y, k]·M[path[y, k]]``.

    Args:
        node_log_probs_BN: log M, shape ``(B, N)``.
        label_B: node ids, int64; -1 marks an image without a known class, which adds nothing.
        path_NK: `DagPlan.path_NK`.
        weight_NK: a table from `label_weights`, any float dtype.
        image_weight_B: a factor per image (class balance), or None.

    Returns:
        A scalar; 0 when no image is labelled. Labels at the root add nothing, since M(root) = 1.
    """
    known_B = label_B >= 0
    row_B = label_B.clamp(min=0)
    path_BK = path_NK[row_B]
    weight_BK = weight_NK[row_B].to(node_log_probs_BN.dtype) * (known_B[:, None] & (path_BK >= 0))
    if image_weight_B is not None:
        weight_BK = weight_BK * image_weight_B[:, None].to(weight_BK.dtype)
    log_probs_BK = node_log_probs_BN.T.gather(0, path_BK.clamp(min=0).T).T  # the table lies node-major
    log_probs_BK = log_probs_BK.masked_fill(weight_BK == 0, 0.0)  # 0 · -inf would be NaN
    return -(weight_BK * log_probs_BK).sum() / known_B.sum().clamp(min=1)


def uniform_label_loss(
    leaf_log_probs_BL: Tensor, label_B: Tensor, weight_NK: Tensor, image_weight_B: Tensor | None = None
) -> Tensor:
    """Mean over the labelled images of ``-w(y)·Σ_l M(l) / L`` with M logarithmic, as if every leaf were right alike.

    It is the second half of label smoothing: with level weights "leaf", ``(1 - ε)·hierarchical_loss + ε·this`` is the
    cross-entropy with the label distribution ``(1 - ε)·[l = y] + ε / L``. ``w(y) = Σ_k w[y, k]`` is all that an image
    counts, so the two halves keep their proportion whatever the weights of levels, nodes and images.

    Args:
        leaf_log_probs_BL: log M of the leaves, shape ``(B, L)``.
        label_B: node ids, int64; -1 marks an image without a known class, which adds nothing.
        weight_NK: a table from `label_weights`, any float dtype.
        image_weight_B: a factor per image (class balance), or None.

    Returns:
        A scalar; 0 when no image is labelled.

    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, *Rethinking the Inception Architecture for Computer Vision*, CVPR 2016,
    arXiv:1512.00567.
    """
    known_B = label_B >= 0
    weight_B = weight_NK.sum(1)[label_B.clamp(min=0)].to(leaf_log_probs_BL.dtype) * known_B
    if image_weight_B is not None:
        weight_B = weight_B * image_weight_B.to(weight_B.dtype)
    return -(weight_B * leaf_log_probs_BL.mean(1)).sum() / known_B.sum().clamp(min=1)
