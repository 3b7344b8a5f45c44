"""One number that makes a head as sure as it should be: its logits are divided by a temperature.

A head that has been trained until it makes hardly any mistake on its own images is surer of new ones than it is right
about them. The temperature is the one that makes held-out labels likeliest. It changes no order among the leaves of a
flat or shared head, so which class is the likeliest stays as it was; with a classifier per node, a close race between
leaves of different parents may end otherwise. It is folded into the linear layer, so nothing that reads the head need
know of it.

Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks*, ICML 2017, arXiv:1706.04599.
"""

from __future__ import annotations

import math
from copy import deepcopy

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from hierclf.errors import ConfigError
from hierclf.heads import Head, NodeMajorLinear

# B images, D embedding, O outputs, N nodes

FEWEST_IMAGES = 20
"""With fewer held-out images the temperature would be a guess, so it stays 1."""

COLDEST, HOTTEST = 0.05, 20.0

USUAL_SPREAD = 0.5
"""Standard deviation of log T before any image is looked at.

Where a head is right about every held-out image, their labels are likeliest at temperature 0; it takes many images, not
forty, to be that sure.
"""


@torch.no_grad()
def fitted_temperature(head: Head, embedding_BD: Tensor, label_B: Tensor) -> float:
    """The likeliest temperature T of held-out images.

    It minimises ``-Σ log M(y) + (log T)² / (2 σ²)``, M of the logits ``z / T``, with σ `USUAL_SPREAD`.

    Args:
        head: that answers.
        embedding_BD: held-out embeddings, in any float dtype, shape ``(B, D)``.
        label_B: node ids, int64; a label at the root says nothing.

    Returns:
        Between 0.05 and 20; 1 where fewer than 20 images say something, or the head has no linear layer to divide.
    """
    rows, layer = (label_B > 0).nonzero()[:, 0], _layer(head)
    if layer is None or len(rows) < FEWEST_IMAGES:
        return 1.0
    logits_BO = head(embedding_BD[rows].to(layer.weight.dtype)).double()
    label_B = label_B[rows]

    def loss(log_temperature: float) -> float:
        log_probs_BN = head.node_log_probs(logits_BO / math.exp(log_temperature))
        surprise = -float(log_probs_BN.gather(1, label_B[:, None]).sum())
        return surprise + log_temperature**2 / (2 * USUAL_SPREAD**2)

    found = minimize_scalar(loss, bounds=(math.log(COLDEST), math.log(HOTTEST)), method="bounded")
    return math.exp(float(found.x)) if loss(float(found.x)) < loss(0.0) else 1.0


@torch.no_grad()
def tempered(head: Head, temperature: float) -> Head:
    """A copy of a head whose logits are divided by a temperature.

    Raises:
        ConfigError: the head has no linear layer.

    >>> from hierclf.dag import compile_plan
    >>> from hierclf.heads import FlatHead
    >>> from hierclf.taxonomy import Taxonomy
    >>> head = FlatHead(2, compile_plan(Taxonomy.from_edges({"sign": ["0", "1"]})))
    >>> point = torch.ones(1, 2)
    >>> torch.allclose(tempered(head, 2.0)(point), head(point) / 2)
    True
    """
    copy = deepcopy(head)
    layer = _layer(copy)
    if layer is None:
        raise ConfigError(f"temperature={temperature:g} needs a head with one linear layer; leave it at 'auto'")
    layer.weight.div_(temperature)
    layer.bias.div_(temperature)
    return copy


def _layer(head: Head) -> NodeMajorLinear | None:
    layer = getattr(head, "linear", None)
    return layer if isinstance(layer, NodeMajorLinear) else None
