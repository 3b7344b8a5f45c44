from __future__ import annotations

import pytest
import torch

from hierclf.backbones import choose_device
from hierclf.errors import ConfigError


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many CUDA devices, with or without Metal."""

    def pretend(cuda: int, *, metal: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: metal)

    return pretend


@pytest.mark.parametrize(("cuda", "metal", "best"), [(2, True, "cuda"), (0, True, "mps"), (0, False, "cpu")])
@pytest.mark.parametrize("name", [None, "auto"])
def test_the_best_device_is_chosen(machine, cuda, metal, best, name):
    machine(cuda, metal=metal)
    assert choose_device(name) == torch.device(best)


def test_a_device_by_name(machine):
    machine(2, metal=False)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cuda", "torch finds none on this machine; take 'cpu' or 'auto'"),
        ("mps", "torch finds none"),
        ("cpu:3", "the last one of this machine is 'cpu:0'"),
        ("gpu", "no device named 'gpu'"),
        ("cuda:x", "known: auto, cpu, cuda, cuda:N, mps"),
        ("cuda:-1", "no device named"),
        ("", "no device named ''"),
    ],
)
def test_other_devices_are_refused(machine, name, message):
    machine(0, metal=False)
    with pytest.raises(ConfigError, match=message):
        choose_device(name)


def test_a_number_beyond_the_last_is_refused(machine):
    machine(2, metal=False)
    with pytest.raises(ConfigError, match="the last one of this machine is 'cuda:1'"):
        choose_device("cuda:2")
