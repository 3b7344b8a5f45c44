"""A softmax over the classes side by side, and a threshold on something: what most people begin with.

The rows differ in what the threshold is on, so they share one network.
"""

from __future__ import annotations

from typing import Any

from hierclf.strategies.strategy import Strategy

NETWORK: dict[str, Any] = {"head": "flat", "level_weights": "leaf", "embedding_loss": None, "refit_head": False}
"""What a flat network is trained with; strategies with these settings and no more share it."""

AT_THE_ROOT: dict[str, Any] = {"node_gates": "none", "leave_one_out": False}
"""One gate, at the root, whose score is named: nothing to choose."""

FLAT: dict[str, Any] = {**NETWORK, **AT_THE_ROOT, "rule": "leaf"}
"""A flat network, answered with a leaf always."""


def flat(title: str, gate: Any, **settings: Any) -> Strategy:
    """A flat softmax that learns from known images alone, behind a gate.

    Args:
        title: what to call it.
        gate: names of scores, with options.
        settings: further ones.
    """
    return Strategy(title=title, settings={**FLAT, "gate": gate, **settings}, uses_other=False)


RECIPES = {
    "flat_msp": flat("flat softmax + threshold", ["msp"]),
    "flat_max_logit": flat("flat softmax + threshold on the largest logit", ["max_logit"]),
    "knn": flat("nearest neighbours", ["knn"]),
}
