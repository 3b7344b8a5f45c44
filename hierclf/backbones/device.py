"""Where tensors live and networks run: a CUDA GPU, Apple's Metal, or the processor."""

from __future__ import annotations

import torch

from hierclf.errors import ConfigError
from hierclf.registry import did_you_mean

KINDS = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str | torch.device | None = None) -> torch.device:
    """The device to run on.

    Args:
        name: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``. None and ``"auto"`` take CUDA if there is a GPU, else
            Metal, else the processor.

    Raises:
        ConfigError: no such kind of device, or this machine has none.

    >>> choose_device("cpu")
    device(type='cpu')
    >>> choose_device("cdua")
    Traceback (most recent call last):
        ...
    hierclf.errors.ConfigError: no device named 'cdua'; did you mean 'cuda'? (known: auto, cpu, cuda, cuda:N, mps)
    """
    text = "auto" if name is None else str(name)
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_metal() else "cpu")
    kind, colon, number = text.partition(":")
    if kind not in KINDS[1:] or (colon and not (number.isascii() and number.isdigit())):
        hint = did_you_mean(kind, KINDS)
        raise ConfigError(f"no device named {text!r}{hint} (known: auto, cpu, cuda, cuda:N, mps)")
    here = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(_has_metal())}[kind]
    if here == 0:
        raise ConfigError(f"device {text!r} was asked for, but torch finds none on this machine; take 'cpu' or 'auto'")
    if colon and int(number) >= here:
        raise ConfigError(f"device {text!r} was asked for, but the last one of this machine is '{kind}:{here - 1}'")
    return torch.device(kind, int(number)) if colon else torch.device(kind)


def _has_metal() -> bool:
    return torch.backends.mps.is_available()
