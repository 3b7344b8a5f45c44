"""A running mean of a network's weights over the steps of its training, which is often better than the last of them.

Steps of stochastic gradient descent wander about; their mean lies nearer the middle. Every step moves the mean towards
the weights by a share 1 − d, so that it reaches back about 1 / (1 − d) steps. Early on that would be mostly the weights
of the start, so the decay warms up: d(t) = min(decay, (1 + t) / (10 + t)), which averages over about the last tenth of
the steps so far. Statistics of batch norm are averaged the same way, counters are copied.

Polyak and Juditsky, *Acceleration of Stochastic Approximation by Averaging*, SIAM Journal on Control and Optimization,
1992; the form with a decay: Tarvainen and Valpola, *Mean teachers are better role models*, NeurIPS 2017,
arXiv:1703.01780.

>>> network = nn.Linear(1, 1, bias=False)
>>> averaging = Averaging(network, decay=0.9)
>>> with torch.no_grad():
...     before = network.weight.item()
...     _ = network.weight.fill_(before + 1)
>>> averaging.update()  # the first step counts 9 parts in 11
>>> with averaging.in_place():
...     round((network.weight.item() - before) * 11)
9
>>> round(network.weight.item() - before)
1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

WARM_UP = 10
"""Parts of the steps so far, of which the mean takes in about one."""


class Averaging:
    """The mean of a network's weights, kept up to date step by step.

    Args:
        network: whose weights are averaged; it trains on undisturbed.
        decay: d, at least 0 and below 1: the share of the mean that a step leaves as it was.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        assert 0 <= decay < 1
        self.network, self.decay, self.steps = network, decay, 0
        self.means = _copied(network.state_dict())

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are after one more step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (WARM_UP + self.steps))
        for name, values in self.network.state_dict().items():
            if values.is_floating_point():
                self.means[name].lerp_(values, 1 - decay)
            else:
                self.means[name].copy_(values)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the network holds the mean; afterwards, the weights that it trains on."""
        weights = _copied(self.network.state_dict())
        self.network.load_state_dict(self.means)
        try:
            yield
        finally:
            self.network.load_state_dict(weights)

    def load(self, means: Mapping[str, Tensor], steps: int) -> None:
        """Go on from the means of an earlier process after so many steps.

        Raises:
            KeyError: they belong to another network.
            RuntimeError: they are of other shapes.
        """
        for name, values in self.means.items():
            values.copy_(means[name])
        self.steps = steps


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: values.detach().clone() for name, values in tensors.items()}
