from __future__ import annotations

import pytest
import torch
from torch import nn

from hierclf.training.averaging import Averaging


def network_of(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def walked(network, steps, generator):
    """Weights after each of some steps, drawn at random; statistics of batch norm go along."""
    for _ in range(steps):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        network.train()
        network(torch.randn(5, 3, generator=generator))
        yield {name: values.clone() for name, values in network.state_dict().items()}


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_the_mean_is_that_of_the_recursion_written_out(decay, generator):
    network = network_of()
    history = [{name: values.clone() for name, values in network.state_dict().items()}]
    averaging = Averaging(network, decay=decay)
    for state in walked(network, 30, generator):
        averaging.update()
        history.append(state)
    shares = [1.0]  # of each state so far, oldest first
    for step in range(1, 31):
        left = min(decay, (1 + step) / (10 + step))
        shares = [share * left for share in shares] + [1 - left]
    assert sum(shares) == pytest.approx(1)
    for name, mean in averaging.means.items():
        if mean.is_floating_point():
            expected = sum(share * state[name].double() for share, state in zip(shares, history, strict=True))
            torch.testing.assert_close(mean.double(), expected, atol=1e-5, rtol=1e-5)
        else:
            assert mean.item() == 30


def test_the_network_holds_the_mean_inside_and_its_own_weights_after(generator):
    network = network_of()
    averaging = Averaging(network, decay=0.9)
    last = {}
    for state in walked(network, 5, generator):
        averaging.update()
        last = state
    with averaging.in_place():
        for name, values in network.state_dict().items():
            assert torch.equal(values, averaging.means[name])
        assert not torch.equal(network[0].weight, last["0.weight"])
    for name, values in network.state_dict().items():
        assert torch.equal(values, last[name])
    with pytest.raises(ValueError, match="inside"), averaging.in_place():
        raise ValueError("inside")
    assert torch.equal(network[0].weight, last["0.weight"])


def test_it_goes_on_from_where_it_was(generator):
    network = network_of()
    averaging, later = Averaging(network, decay=0.99), Averaging(network, decay=0.99)
    states = list(walked(network, 8, generator))
    for number, state in enumerate(states):
        network.load_state_dict(state)
        averaging.update()
        if number == 4:
            means, steps = {name: values.clone() for name, values in averaging.means.items()}, averaging.steps
    later.load(means, steps)
    for state in states[5:]:
        network.load_state_dict(state)
        later.update()
    for name, values in averaging.means.items():
        assert torch.equal(later.means[name], values)
    with pytest.raises(KeyError):
        later.load({}, 3)
